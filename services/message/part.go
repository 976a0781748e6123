package message

import (
	"io"
	"iter"
	"slices"
	"strings"
)

// Part is one entity of a message (RFC 2045 §2.4): the message itself, a body
// part, or the message inside a message/rfc822 part.
type Part struct {
	Type, Subtype     string  // lower case
	Params            []Param // of Content-Type, raw (RFC 2231 pieces are still pieces)
	ID                string  // Content-ID with its angle brackets
	Description       string  // Content-Description, encoded words still encoded
	Encoding          string  // Content-Transfer-Encoding in lower case; "7bit" if none is given
	MD5               string  // Content-MD5
	Disposition       string  // Content-Disposition in lower case; "" if none is given
	DispositionParams []Param
	Language          []string // Content-Language
	Location          string   // Content-Location

	HeaderOffset int64 // where the entity's header begins
	HeaderLen    int64 // with the blank line behind it
	BodyOffset   int64 // HeaderOffset + HeaderLen
	BodyLen      int64 // without the line end that belongs to the boundary behind it
	Lines        int64 // lines of the body; a last one without line end counts

	Children []Part    // of a multipart: never empty; of others: none
	Message  *Enclosed // of message/rfc822 and message/global: never nil; of others: nil
}

// Enclosed is the message that a message/rfc822 part carries.
type Enclosed struct {
	Envelope Envelope
	Root     Part
}

// Param is one parameter of a header field; the name is lower case.
type Param struct{ Name, Value string }

// Is reports whether the part is of this type, given in lower case.
func (p *Part) Is(typ, subtype string) bool { return p.Type == typ && p.Subtype == subtype }

// Find is the part that IMAP calls by these numbers (RFC 9051 §6.4.5.1): 1-based
// positions, one for each level. A leaf's only part is 1; the numbers of a
// message/rfc822 part go on inside the message it carries. No numbers mean p.
func (p *Part) Find(path ...int) (*Part, bool) {
	for i, n := range path {
		switch {
		case i > 0 && p.Message != nil:
			p = &p.Message.Root
			if len(p.Children) == 0 && n == 1 {
				continue
			}
		case len(p.Children) == 0:
			// A part that is no multipart has itself as its only part, but only
			// where a message begins: 1.1 of a text is nothing.
			if i > 0 || n != 1 {
				return nil, false
			}
			continue
		}
		if n < 1 || n > len(p.Children) {
			return nil, false
		}
		p = &p.Children[n-1]
	}
	return p, true
}

// All walks the tree from the top, parents before children, into enclosed
// messages too. The path is the part's numbers as Find takes them (the root has
// none unless it is a leaf, and a multipart root of an enclosed message shares
// its carrier's); it is only valid during the step.
func (p *Part) All() iter.Seq2[[]int, *Part] {
	return func(yield func([]int, *Part) bool) {
		if len(p.Children) == 0 {
			p.walk([]int{1}, yield)
			return
		}
		p.walk(nil, yield)
	}
}

func (p *Part) walk(path []int, yield func([]int, *Part) bool) bool {
	if !yield(path, p) {
		return false
	}
	for i := range p.Children {
		if !p.Children[i].walk(append(slices.Clip(path), i+1), yield) {
			return false
		}
	}
	if p.Message == nil {
		return true
	}
	if root := &p.Message.Root; len(root.Children) == 0 {
		return root.walk(append(slices.Clip(path), 1), yield)
	}
	return p.Message.Root.walk(path, yield)
}

// Param is the decoded value of a Content-Type parameter (RFC 2231 pieces put
// together, charset converted to UTF-8); "" if there is none.
func (p *Part) Param(name string) string { return decodedParam(p.Params, name) }

// Filename is the name that the sender gave the part, decoded; "" if none.
// Nothing is done about characters that are dangerous in a path.
func (p *Part) Filename() string {
	if name := decodedParam(p.DispositionParams, "filename"); name != "" {
		return name
	}
	return decodedParam(p.Params, "name")
}

// Header gives the part's header as it stands in r, which holds the message.
func (p *Part) Header(r io.ReaderAt) *io.SectionReader {
	return io.NewSectionReader(r, p.HeaderOffset, p.HeaderLen)
}

// Body gives the part's body as it stands in r, which holds the message: still
// in its transfer encoding.
func (p *Part) Body(r io.ReaderAt) *io.SectionReader {
	return io.NewSectionReader(r, p.BodyOffset, p.BodyLen)
}

// rawParam is the value of the parameter of exactly this name.
func rawParam(params []Param, name string) (string, bool) {
	for _, p := range params {
		if strings.EqualFold(p.Name, name) {
			return p.Value, true
		}
	}
	return "", false
}

// shift moves p and everything below by n bytes and gives the moved copy; what
// it does not change is shared with p.
func (p Part) shift(n int64) Part {
	p.HeaderOffset += n
	p.BodyOffset += n
	p.Children = slices.Clone(p.Children)
	for i, c := range p.Children {
		p.Children[i] = c.shift(n)
	}
	if p.Message != nil {
		p.Message = &Enclosed{Envelope: p.Message.Envelope, Root: p.Message.Root.shift(n)}
	}
	return p
}
