package match

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Bounds of a query.
const (
	// MaxNodes bounds the work for each message. The longest real queries, which
	// name a few hundred correspondents, stay far below.
	MaxNodes = 2000
	// MaxDepth bounds the recursion; people nest three levels.
	MaxDepth = 50
	// MaxText bounds what is kept of a stream between two reads.
	MaxText = 4096
)

// ErrQuery says that a query is over the bounds.
var ErrQuery = errors.New("search is too complex")

// cost says what must be at hand to answer a node; a node costs as much as its
// dearest part, and cheap parts are asked first.
type cost uint8

const (
	costRow cost = iota
	costHeader
	costBody
)

// node is one compiled node of a query.
type node interface {
	cost() cost
	holds(c *candidate) (bool, error)
}

// Matcher is a query ready to be asked. The zero value holds for everything.
type Matcher struct {
	root  node
	texts []Text
}

// Text is one condition on the words of a message: that the folded (see [Fold])
// text of one field, of all headers, or of the body contains Folded.
type Text struct {
	Body bool // the decoded body, without any header; otherwise a header field
	// Field is the name of a field of the message's own header; "" with Body false:
	// "Name: value" of any field of the message or a part of it, or the decoded
	// value of a parameter in the form of RFC 2231.
	Field  string
	Folded string // "" asks only for the field to be there
}

// Texts are all the conditions of the query that only the message itself, or an
// index of its words, can answer. Their places in the list are what [Known] is
// asked with.
func (m *Matcher) Texts() []Text { return m.texts }

// Compile checks a query against the bounds and makes it ready. The error wraps
// ErrQuery.
func Compile(q mail.Query) (*Matcher, error) {
	c := compiler{}
	root, err := c.node(q, 0, false)
	if err != nil {
		return nil, err
	}
	return &Matcher{root: root, texts: c.texts}, nil
}

type compiler struct {
	nodes int
	texts []Text
}

func (c *compiler) header(name, text string) node {
	c.texts = append(c.texts, Text{Field: name, Folded: text})
	return header{name, text, len(c.texts) - 1}
}

func (c *compiler) body(text string) node {
	c.texts = append(c.texts, Text{Body: true, Folded: text})
	return body{text, len(c.texts) - 1}
}

func (c *compiler) node(q mail.Query, depth int, fuzzy bool) (node, error) {
	if c.nodes++; c.nodes > MaxNodes || depth > MaxDepth {
		return nil, fmt.Errorf("%w: more than %d keys or %d levels", ErrQuery, MaxNodes, MaxDepth)
	}
	switch q := q.(type) {
	case mail.And:
		parts, err := c.list(q, depth, fuzzy)
		return all(parts), err
	case mail.Or:
		parts, err := c.list(q, depth, fuzzy)
		return anyOf(parts), err
	case mail.Not:
		part, err := c.node(q.Query, depth+1, fuzzy)
		return not{part}, err
	case mail.Fuzzy:
		return c.node(q.Query, depth+1, true)
	case mail.Header:
		return textNode(q.Value, fuzzy, func(s string) node { return c.header(q.Name, s) })
	case mail.Body:
		return textNode(q.Text, fuzzy, c.body)
	case mail.Text:
		return textNode(q.Text, fuzzy, func(s string) node { return anyOf{c.header("", s), c.body(s)} })
	case mail.UIDIn:
		return uidIn(q), nil
	case mail.HasFlags:
		return hasFlags(q), nil
	case mail.Larger:
		return larger(q), nil
	case mail.Smaller:
		return smaller(q), nil
	case mail.DayIn:
		return dayIn(q), nil
	case mail.MomentIn:
		return momentIn(q), nil
	case mail.ModSeqFrom:
		return modSeqFrom(q), nil
	case mail.EmailIs:
		return emailIs(q), nil
	case mail.ThreadIs:
		return threadIs(q), nil
	case nil:
		return all(nil), nil
	}
	return nil, fmt.Errorf("%w: unknown key %T", ErrQuery, q)
}

func (c *compiler) list(parts []mail.Query, depth int, fuzzy bool) ([]node, error) {
	nodes := make([]node, 0, len(parts))
	for _, p := range parts {
		n, err := c.node(p, depth+1, fuzzy)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	slices.SortStableFunc(nodes, func(a, b node) int { return int(a.cost()) - int(b.cost()) })
	return nodes, nil
}

// textNode makes a node of the folded text; generous reading (RFC 6203) asks
// for each of its words wherever it stands.
func textNode(text string, fuzzy bool, make func(string) node) (node, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("%w: text longer than %d bytes", ErrQuery, MaxText)
	}
	text = Fold(text)
	words := strings.Fields(text)
	if !fuzzy || len(words) < 2 {
		return make(text), nil
	}
	parts := all{}
	for _, w := range words {
		parts = append(parts, make(w))
	}
	return parts, nil
}

// Fold is the form in which texts are compared. Upper case first, so that
// letters with several lower forms (ς and σ, ſ and s) meet. It goes rune by rune.
func Fold(s string) string { return strings.ToLower(strings.ToUpper(s)) }
