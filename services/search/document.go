package search

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/message"
)

// Bounds of what is read of an attached document.
const (
	// maxDocument is the largest one that is opened, in bytes: it is held in memory.
	maxDocument = 8 << 20
	// maxMembers is how many files of its archive are looked at, maxMember how much
	// is unpacked of one: the text of a book.
	maxMembers = 200
	maxMember  = 4 << 20
	// maxDirectory is how many entries the directory of an archive may have: each
	// takes some 500 bytes when it is read, and a hostile one has one in 46 bytes.
	// Real documents have some hundred.
	maxDirectory = 5000
	// maxDocuments is how many bytes are unpacked for one message.
	maxDocuments = 16 << 20
)

// members says which files of a document's archive hold its text; nil for what is
// no office document.
func members(p *message.Part) func(name string) bool {
	prefixed := func(prefix string) func(string) bool {
		return func(name string) bool { return strings.HasPrefix(name, prefix) && strings.HasSuffix(name, ".xml") }
	}
	oneOf := func(names ...string) func(string) bool {
		return func(name string) bool { return slices.Contains(names, name) }
	}
	// Many programs send documents as application/octet-stream: the name counts.
	switch strings.ToLower(path.Ext(p.Filename())) {
	case ".docx", ".docm":
		return oneOf("word/document.xml", "word/footnotes.xml")
	case ".xlsx", ".xlsm":
		return oneOf("xl/sharedStrings.xml")
	case ".pptx", ".pptm":
		return prefixed("ppt/slides/slide")
	case ".odt", ".ods", ".odp":
		return oneOf("content.xml")
	}
	return nil
}

// document takes the text of an attached office document, up to left bytes of
// XML, and gives how many it has read. What can't be read is passed over: there
// is no document that fails.
func (e *extraction) document(words *tokenizer, p *message.Part, left int64) (int64, error) {
	member := members(p)
	if member == nil || p.BodyLen > maxDocument*3/2 || left <= 0 {
		return 0, nil
	}
	r, err := message.NewBodyReader(p, e.m)
	if err != nil {
		return 0, nil
	}
	raw, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err != nil {
		return 0, err // of the disk: the message is not indexed
	}
	if len(raw) > maxDocument || bytes.Count(raw, []byte("PK\x01\x02")) > maxDirectory {
		return 0, nil
	}
	archive, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return 0, nil
	}
	total := int64(0)
	for _, f := range archive.File[:min(len(archive.File), maxMembers)] {
		if !member(f.Name) || e.tokens > maxTokens || total >= left {
			continue
		}
		if err := e.ctx.Err(); err != nil {
			return total, err
		}
		x, err := f.Open()
		if err != nil {
			continue
		}
		text := xmlText{words: words}
		n, _ := io.Copy(&text, io.LimitReader(x, min(maxMember, left-total))) // what came before an error counts
		words.end()
		_ = x.Close() // only read from
		total += n
	}
	return total, nil
}

// xmlText gives the text of XML, written to it, to a tokenizer: without tags, with
// a space where a paragraph or cell ends. It does not ask whether the XML is
// right.
type xmlText struct {
	words *tokenizer
	state xmlState
	name  []byte // of the tag, or the entity in hand: the first few bytes
}

type xmlState uint8

const (
	xmlPlain xmlState = iota
	xmlName           // in a tag's name
	xmlTag            // behind it
	xmlEntity
)

// maxXMLName is as long as the names that are looked for, and a few.
const maxXMLName = 24

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
			x.words.write(p[i : i+n])
			if i += n; i == len(p) {
				continue
			}
			x.name = x.name[:0]
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
				x.name = append(x.name, c)
			}
		case xmlEntity:
			if c == ';' || len(x.name) == maxXMLName {
				if r, err := entity(string(x.name)); err == nil {
					x.words.write(utf8.AppendRune(nil, r))
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

// tag keeps words apart that stand in different paragraphs or cells. A word may
// go on over other tags: programs cut text where its look or language changes.
func (x *xmlText) tag() {
	name := strings.TrimPrefix(string(x.name), "/")
	switch name {
	case "w:p", "w:tab", "w:br", "w:tc", "a:p", "a:br", "si", "text:p", "text:h", "text:tab", "text:line-break", "text:s", "table:table-cell":
		x.words.write([]byte{'\n'})
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
