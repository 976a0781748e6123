package document

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// xmlText gives the text of XML, written to it, to a sink: without tags, with
// a space where a paragraph or cell ends. It does not ask whether the XML is
// right.
type xmlText struct {
	to    Sink
	sheet bool // the XML is a worksheet: only what its cells hold is text
	state xmlState
	name  []byte // of the tag, or the entity in hand: the first few bytes

	attributes []byte // of a worksheet's cell: the first few bytes
	in         string // the element of a worksheet that began last
	number     bool   // the cell in hand has the number of a text, which stands elsewhere
}

type xmlState uint8

const (
	xmlPlain xmlState = iota
	xmlName           // in a tag's name
	xmlTag            // behind it
	xmlEntity
	xmlCData // text, as it stands
)

// What character data begins and ends with, inside its angle brackets.
const (
	cdataBegin = "![CDATA["
	cdataEnd   = "]]"
)

// maxXMLName is as long as the names that are looked for, and a few.
const maxXMLName = 24

// maxAttributes is as long as those of a cell, and as many again.
const maxAttributes = 128

var errEntity = errors.New("not an entity")

// Write takes more XML.
func (x *xmlText) Write(p []byte) (int, error) {
	for i := 0; i < len(p); {
		c := p[i]
		switch x.state {
		case xmlPlain:
			n := bytes.IndexAny(p[i:], "<&")
			if n < 0 {
				n = len(p) - i
			}
			x.text(p[i : i+n])
			if i += n; i == len(p) {
				continue
			}
			x.name, x.attributes = x.name[:0], x.attributes[:0]
			if x.state = xmlName; p[i] == '&' {
				x.state = xmlEntity
			}
		case xmlName, xmlTag:
			switch {
			case c == '>':
				x.tag()
				x.state = xmlPlain
			case x.state == xmlName && (c <= ' ' || c == '/' && len(x.name) > 0):
				x.state = xmlTag
			case x.state == xmlName && len(x.name) < maxXMLName:
				if x.name = append(x.name, c); string(x.name) == cdataBegin {
					x.state, x.name = xmlCData, x.name[:0]
				}
			case x.state == xmlTag && x.sheet && len(x.attributes) < maxAttributes:
				x.attributes = append(x.attributes, c)
			}
		case xmlCData:
			switch {
			case c == '>' && string(x.name) == cdataEnd:
				x.state = xmlPlain
			case c == ']' && len(x.name) < len(cdataEnd):
				x.name = append(x.name, c)
			case c == ']':
				x.text(p[i : i+1])
			default:
				x.text(append(x.name, c))
				x.name = x.name[:0]
			}
		case xmlEntity:
			if c == ';' || len(x.name) == maxXMLName {
				if r, err := entity(string(x.name)); err == nil {
					x.text(utf8.AppendRune(nil, r))
				}
				x.state = xmlPlain
			} else {
				x.name = append(x.name, c)
			}
		}
		i++
	}
	return len(p), nil
}

// text passes on what stands between tags.
func (x *xmlText) text(p []byte) {
	if !x.sheet || x.in == "t" || x.in == "v" && !x.number {
		x.to.Text(p)
	}
}

// tag keeps words apart that stand in different paragraphs or cells. A word may
// go on over other tags: programs cut text where its look or language changes.
func (x *xmlText) tag() {
	name, closing := strings.CutPrefix(string(x.name), "/")
	if x.sheet {
		if i := strings.IndexByte(name, ':'); i >= 0 {
			name = name[i+1:] // whatever the namespace is called
		}
		if x.in = name; closing {
			x.in = ""
		}
		if name == "c" { // ECMA-376 part 1 §18.3.1.4: t="s" is a shared string
			x.number = !closing && (bytes.Contains(x.attributes, []byte(`t="s"`)) || bytes.Contains(x.attributes, []byte(`t='s'`)))
			x.to.Text([]byte{'\n'})
		}
		return
	}
	switch name {
	case "w:p", "w:tab", "w:br", "w:tc", "a:p", "a:br", "si", "text:p", "text:h", "text:tab", "text:line-break", "text:s", "table:table-cell":
		x.to.Text([]byte{'\n'})
	}
}

func entity(name string) (rune, error) {
	switch name {
	case "amp":
		return '&', nil
	case "lt":
		return '<', nil
	case "gt":
		return '>', nil
	case "quot":
		return '"', nil
	case "apos":
		return '\'', nil
	}
	digits, ok := strings.CutPrefix(name, "#")
	if !ok {
		return 0, errEntity
	}
	base := 10
	if hex, ok := strings.CutPrefix(digits, "x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 21)
	if err != nil {
		return 0, errEntity
	}
	return rune(n), nil
}
