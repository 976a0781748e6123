package message

import (
	"bytes"
	"io"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// htmlReader gives the words of an HTML stream: no tags, no scripts, no styles;
// a line end where a block ends.
type htmlReader struct {
	tokens *html.Tokenizer
	hidden atom.Atom // the element in which nothing is shown; 0 outside
	out    []byte
	err    error
}

// maxToken is the longest run of text without a tag that is held.
const maxToken = 1 << 20

func newHTMLReader(r io.Reader) io.Reader {
	tokens := html.NewTokenizer(&tagCutter{r: r})
	tokens.SetMaxBuf(maxToken)
	return &htmlReader{tokens: tokens}
}

func (h *htmlReader) Read(p []byte) (int, error) {
	for len(h.out) == 0 {
		if h.err != nil {
			return 0, h.err
		}
		h.token()
	}
	n := copy(p, h.out)
	h.out = h.out[n:]
	return n, nil
}

func (h *htmlReader) token() {
	switch h.tokens.Next() {
	case html.ErrorToken:
		h.err = h.tokens.Err()
		if h.err == html.ErrBufferExceeded {
			h.err = io.EOF // what goes on for so long without a tag is no text
		}
	case html.TextToken:
		if h.hidden == 0 {
			h.out = append(h.out[:0], h.tokens.Text()...)
		}
	case html.StartTagToken:
		name, _ := h.tokens.TagName()
		h.open(atom.Lookup(name))
	case html.SelfClosingTagToken:
		name, _ := h.tokens.TagName()
		h.space(atom.Lookup(name))
	case html.EndTagToken:
		name, _ := h.tokens.TagName()
		h.close(atom.Lookup(name))
	}
}

func (h *htmlReader) open(tag atom.Atom) {
	switch tag {
	case atom.Script, atom.Style, atom.Title, atom.Template, atom.Noscript:
		if h.hidden == 0 {
			h.hidden = tag
		}
	case atom.Body:
		h.hidden = 0 // someone forgot an end tag in the head
	}
	h.space(tag)
}

func (h *htmlReader) close(tag atom.Atom) {
	if tag == h.hidden {
		h.hidden = 0
	}
	h.space(tag)
}

// space keeps words apart that stand in different blocks; tags within a word,
// such as <b>, leave it whole.
func (h *htmlReader) space(tag atom.Atom) {
	switch tag {
	case atom.P, atom.Div, atom.Br, atom.Hr, atom.Li, atom.Ul, atom.Ol, atom.Dl, atom.Dt, atom.Dd, atom.Tr, atom.Td, atom.Th, atom.Table,
		atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Blockquote, atom.Pre, atom.Address, atom.Section,
		atom.Article, atom.Header, atom.Footer, atom.Center, atom.Img, atom.Option, atom.Body:
		h.out = append(h.out[:0], '\n')
	}
}

// tagCutter drops what a tag holds beyond maxTag bytes: a picture in a data URI
// must neither fill the memory nor end the text.
type tagCutter struct {
	r      io.Reader
	inside int  // bytes of the tag in hand; 0 outside
	quote  byte // the attribute value in hand ends with this; 0 outside of one
	last   byte // the last byte of the tag that is no space
}

// maxTag is more than the longest tag without a data URI in it.
const maxTag = 16 << 10

func (t *tagCutter) Read(p []byte) (int, error) {
	for {
		n, err := t.r.Read(p)
		if n = t.cut(p[:n]); n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
	}
}

// cut cuts p in place and gives how much is left.
func (t *tagCutter) cut(p []byte) int {
	kept := 0
	for i := 0; i < len(p); i++ {
		if t.inside == 0 {
			j := bytes.IndexByte(p[i:], '<')
			if j < 0 {
				return kept + copy(p[kept:], p[i:])
			}
			kept += copy(p[kept:], p[i:i+j+1])
			i += j
			*t = tagCutter{r: t.r, inside: 1}
			continue
		}
		if t.keep(p[i]) {
			p[kept] = p[i]
			kept++
		}
	}
	return kept
}

// keep takes one byte of a tag and says whether it stays. Where the tag and a
// quoted value end is decided as the tokenizer does, and these marks always
// stay: otherwise it would take the text behind for more of the tag.
func (t *tagCutter) keep(c byte) bool {
	t.inside++
	mark := true
	switch {
	case t.quote != 0 && c == t.quote:
		t.quote = 0
	case t.quote == 0 && t.last == '=' && (c == '"' || c == '\''):
		t.quote = c
	case t.quote == 0 && c == '>':
		t.inside = 0
	default:
		mark = false
	}
	if c > ' ' {
		t.last = c
	}
	return mark || t.inside <= maxTag
}
