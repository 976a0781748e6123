package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// Bounds of what is looked at of one message.
const (
	// MaxText is how many bytes of text; a book has one or two million.
	MaxText = 8 << 20
	// MaxParts is how many parts; people attach twenty files.
	MaxParts = 200
	// MaxTime is how long: somebody waits for an answer to the message.
	MaxTime = 10 * time.Second
	// MaxMatch is how long a match may be to be found wherever it stands.
	MaxMatch = 1 << 10
	// maxHeader bounds what is read of a header.
	maxHeader = 256 << 10
	window    = 64 << 10
	// before is what stands in front of a window's own text, so that it is known
	// whether a word begins there.
	before = 64
)

// Way is how a message goes.
type Way uint8

// The ways. A message can go several.
const (
	In Way = 1 << iota
	Out
	Internal
)

// Place is where something was found, in words: "text", "header", "name", "document".
type Place string

// The places.
const (
	InText   Place = "text"
	InHeader Place = "header"
	InName   Place = "name"
	// InDocument is the text of an attached document: a rule on text is for it too.
	InDocument Place = "document"
)

// Match is what one rule found in a message.
type Match struct {
	Rule   mail.ContentRule
	Count  int // at least as many as the rule asks for; it is not counted on beyond a hundred
	Places []Place
	Sample string // the first one, all but its ends hidden
}

// Finding is what was found in a message.
type Finding struct {
	Matches []Match // of the rules that found what they ask for, in their order
	Partial string  // in words, why not all of it was looked at; "" if all was
	// Unread are the names of documents that couldn't be looked into, or not to their end: they are damaged, too large,
	// of before 2007, or have a password. The first few.
	Unread []string
	// Blind is the name of the first rule that has a message wait for such documents;
	// "" if there are none, or no rule does.
	Blind string
}

// Strictest is the first match of the strictest action: refuse before hold before
// redact; false if there is none.
func (f *Finding) Strictest() (Match, bool) {
	for _, a := range []mail.ContentAction{mail.ContentRefuse, mail.ContentHold, mail.ContentRedact} {
		for _, m := range f.Matches {
			if m.Rule.Action == a {
				return m, true
			}
		}
	}
	return Match{}, false
}

// maxCount is how far matches are counted.
const maxCount = 100

// Empty says that no rule holds for mail that goes this way.
func (s *Set) Empty(way Way) bool {
	for i := range s.rules {
		if s.rules[i].holds(way) {
			return false
		}
	}
	return true
}

func (r *rule) holds(way Way) bool {
	return r.In && way&In != 0 || r.Out && way&Out != 0 || r.Internal && way&Internal != 0
}

// Look says what the rules find in a message that goes this way. r holds the message.
// Errors are those of reading it, and of ctx.
func (s *Set) Look(ctx context.Context, way Way, d *message.Digest, r io.ReaderAt) (Finding, error) {
	l := look{ctx: ctx, digest: d, r: r, until: time.Now().Add(MaxTime), slot: s.slot}
	for i := range s.rules {
		if s.rules[i].holds(way) {
			l.tallies = append(l.tallies, tally{rule: &s.rules[i]})
		}
	}
	if len(l.tallies) == 0 {
		return Finding{}, nil
	}
	err := l.all()
	if err != nil && !errors.Is(err, errBound) {
		return Finding{}, fmt.Errorf("look for content: %w", err)
	}
	f := Finding{Unread: l.unread}
	if err != nil {
		f.Partial = l.bound
	}
	for _, t := range l.tallies {
		if len(f.Unread) > 0 && f.Blind == "" && t.rule.Text && t.rule.Unreadable == mail.ContentHold {
			f.Blind = t.rule.Name
		}
		if t.count >= t.rule.Least {
			f.Matches = append(f.Matches, Match{Rule: t.rule.ContentRule, Count: t.count, Places: t.places, Sample: t.sample})
		}
	}
	return f, nil
}

// look is one message being looked at.
type look struct {
	ctx     context.Context
	digest  *message.Digest
	r       io.ReaderAt
	until   time.Time
	tallies []tally
	read    int64
	bound   string   // which was met
	unread  []string // documents that couldn't be
	slot    chan struct{}
}

type tally struct {
	rule   *rule
	count  int
	places []Place
	sample string
}

var errBound = errors.New("a bound is met")

func (l *look) meet(bound string) error {
	l.bound = bound
	return errBound
}

func (l *look) all() error {
	if err := l.header(); err != nil {
		return err
	}
	parts := 0
	for _, p := range l.digest.Root.All() {
		if parts++; parts > MaxParts {
			return l.meet(fmt.Sprintf("it has more than %d parts", MaxParts))
		}
		if name := p.Filename(); name != "" {
			l.text(InName, name, 0, len(name))
		}
		if err := l.document(p); err != nil {
			return err
		}
		if !p.IsText() {
			continue
		}
		if err := l.stream(InText, message.NewTextReader(p, l.r)); err != nil {
			return err
		}
	}
	return nil
}

// header looks at the fields that people write.
func (l *look) header() error {
	for field, err := range message.Fields(io.NewSectionReader(l.r, 0, l.digest.HeaderLen), maxHeader) {
		if errors.Is(err, message.ErrHeaderTooLong) {
			return nil // what people write stands in front of that
		}
		if err != nil {
			return err
		}
		switch strings.ToLower(field.Name) {
		case "subject", "from", "to", "cc", "reply-to", "comments", "keywords":
			text := message.DecodeHeader(field.Value())
			l.text(InHeader, text, 0, len(text))
		}
	}
	return nil
}

// stream looks at a text, window by window.
func (l *look) stream(where Place, text io.Reader) error {
	buf := make([]byte, 0, before+window)
	own := 0 // where in buf the text begins that has not been looked at
	for {
		if err := l.ctx.Err(); err != nil {
			return err
		}
		if time.Now().After(l.until) {
			return l.meet("it took too long")
		}
		if l.read >= MaxText {
			return l.meet(fmt.Sprintf("it has more than %d MB of text", MaxText>>20))
		}
		n, err := io.ReadFull(text, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		l.read += int64(n)
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return err
		}
		to := len(buf)
		if !last {
			for to -= MaxMatch; to > own && !utf8.RuneStart(buf[to]); {
				to-- // matches begin where characters do
			}
		}
		l.text(where, string(buf), own, to)
		if last {
			return nil
		}
		from := max(to-before, 0)
		own = to - from
		buf = buf[:copy(buf, buf[from:])]
	}
}

// text counts the matches that begin in text[from:to].
func (l *look) text(where Place, text string, from, to int) {
	for i := range l.tallies {
		t := &l.tallies[i]
		if (where == InText || where == InDocument) && !t.rule.Text || where == InHeader && !t.rule.Header || where == InName && !t.rule.Names {
			continue
		}
		for j := range t.rule.matchers {
			if t.count >= maxCount {
				break
			}
			for _, place := range t.rule.matchers[j].find(text, maxCount) {
				if place[0] >= from && place[0] < to {
					t.note(where, text[place[0]:place[1]])
				}
			}
		}
	}
}

func (t *tally) note(where Place, found string) {
	if t.count++; t.sample == "" {
		t.sample = hide(found)
	}
	if n := len(t.places); n == 0 || t.places[n-1] != where {
		t.places = append(t.places, where)
	}
}

// hide shows of what was found enough to find it again, and not enough to misuse it.
func hide(found string) string {
	runes := []rune(strings.ToValidUTF8(found, "?"))
	shown := min(4, len(runes)/3)
	hidden := len(runes) - 2*shown
	if hidden <= 0 {
		return strings.Repeat("•", len(runes))
	}
	return string(runes[:shown]) + strings.Repeat("•", min(hidden, 12)) + string(runes[len(runes)-shown:])
}
