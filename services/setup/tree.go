package setup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

const (
	// maxDocument holds two thousand people with some 500 bytes each.
	maxDocument = 1 << 20
	// maxDepth: the document's own shape is four deep.
	maxDepth = 8
)

// node is a JSON value; the document is read into nodes first because
// encoding/json passes over fields that stand twice.
type node struct {
	kind   kind
	text   string // of a string or number
	flag   bool
	items  []node
	fields []field // in the order of the document
}

type field struct {
	name  string
	value node
}

// kind is a JSON type, in words for people.
type kind string

const (
	kindNull   kind = "null"
	kindBool   kind = "true or false"
	kindNumber kind = "a number"
	kindText   kind = "text in quotes"
	kindList   kind = "a list in [ ]"
	kindObject kind = "a group of fields in { }"
)

// parseTree reads the whole document; every error is a *FieldError.
func parseTree(document []byte) (node, error) {
	if len(document) > maxDocument {
		return node{}, &FieldError{Text: fmt.Sprintf("The set-up file is too large: at most %d KiB are read", maxDocument>>10)}
	}
	document = bytes.TrimPrefix(document, []byte("\ufeff")) // which some editors put in front
	if !utf8.Valid(document) {
		return node{}, &FieldError{Text: "The set-up file is not in UTF-8: save it as UTF-8 and try again"}
	}
	var any json.RawMessage
	if err := json.Unmarshal(document, &any); err != nil {
		var syntax *json.SyntaxError
		if !errors.As(err, &syntax) {
			return node{}, &FieldError{Text: fmt.Sprintf("The set-up file is not JSON: %v", err)}
		}
		line := 1 + bytes.Count(document[:min(int(syntax.Offset), len(document))], []byte{'\n'})
		return node{}, &FieldError{Text: fmt.Sprintf("The set-up file is not JSON, look at line %d: %v", line, syntax)}
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	return parseNode(decoder, "", maxDepth)
}

func parseNode(decoder *json.Decoder, path string, depth int) (node, error) {
	if depth == 0 {
		return node{}, &FieldError{Field: path, Text: "This is nested too deep"}
	}
	token, err := decoder.Token()
	if err != nil {
		return node{}, &FieldError{Field: path, Text: fmt.Sprintf("This is not JSON: %v", err)}
	}
	switch token := token.(type) {
	case json.Delim:
		if token == '[' {
			return parseList(decoder, path, depth)
		}
		return parseObject(decoder, path, depth)
	case string:
		return node{kind: kindText, text: token}, nil
	case json.Number:
		return node{kind: kindNumber, text: token.String()}, nil
	case bool:
		return node{kind: kindBool, flag: token}, nil
	}
	return node{kind: kindNull}, nil
}

func parseList(decoder *json.Decoder, path string, depth int) (node, error) {
	n := node{kind: kindList}
	for decoder.More() {
		item, err := parseNode(decoder, path+"["+strconv.Itoa(len(n.items))+"]", depth-1)
		if err != nil {
			return node{}, err
		}
		n.items = append(n.items, item)
	}
	_, err := decoder.Token() // the closing bracket
	return n, err
}

func parseObject(decoder *json.Decoder, path string, depth int) (node, error) {
	n := node{kind: kindObject}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return node{}, &FieldError{Field: path, Text: fmt.Sprintf("This is not JSON: %v", err)}
		}
		name, _ := token.(string) // JSON has no other names
		if len(n.fields) == maxFields {
			return node{}, &FieldError{Field: path, Text: "There are too many fields"}
		}
		if slices.ContainsFunc(n.fields, func(f field) bool { return f.name == name }) {
			return node{}, &FieldError{Field: join(path, name), Text: "This field stands twice: remove one of them"}
		}
		value, err := parseNode(decoder, join(path, name), depth-1)
		if err != nil {
			return node{}, err
		}
		n.fields = append(n.fields, field{name, value})
	}
	_, err := decoder.Token() // the closing brace
	return n, err
}

// maxFields of one object; the longest has a dozen. It keeps the search for
// double names, which is linear, from being made quadratic.
const maxFields = 64

// join makes a path for people. A name that is no name is shown cut and quoted,
// so that an error stays one readable line whatever the document says.
func join(path, name string) string {
	for i := range len(name) {
		if c := name[i]; c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') || i > 40 {
			name = strconv.Quote(name[:min(len(name), 40)])
			break
		}
	}
	if path == "" {
		return name
	}
	return path + "." + name
}
