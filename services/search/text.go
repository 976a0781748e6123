package search

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
	"github.com/sanduk-mail/sanduk/services/store/match"
)

// Bounds of what is taken from one message. What is beyond them is still found:
// the index says of such a message that it doesn't know all of it, and it is
// looked into.
const (
	// maxTokens bounds the memory that one message costs while it is indexed to
	// some 20 MB; it is a book of 300 pages.
	maxTokens = 100_000
	// maxText is how many bytes of text are read for them: a log file has more.
	maxText = 8 << 20
	// maxValue is the longest header value that is kept whole: 20 recipients.
	maxValue = 1 << 10
	// maxLine is the longest signature that is kept whole; they have some 800 bytes.
	maxLine = 3 << 10
	// maxName is the longest field name that is kept; real ones have 40 letters.
	maxName = 200
)

// termAttachment stands among the field names, where no field can be so called.
const termAttachment = "\x01attachment"

// checkOf recognises an email besides its number: numbers are given out again
// after the log was put back to an earlier state.
func checkOf(row *mail.Row) uint32 {
	// The ID is random; this only has to bring all of it, and the size, together.
	h := binary.LittleEndian.Uint64(row.ID[:8]) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(row.ID[8:]), 31) ^ uint64(row.Size)
	h *= 0x9e3779b97f4a7c15
	return uint32(h >> 32)
}

// extraction takes the terms of one message. What match finds by scanning the
// message must be found in them: the same fields, in the same order, read by the
// same readers.
type extraction struct {
	ctx    context.Context
	b      *builder
	m      *message.Stored
	digest *message.Digest
	tokens int // of all fields together
	read   int64
}

// extract adds a message to the builder.
func extract(ctx context.Context, b *builder, m *message.Stored, mailbox mail.MailboxID) error {
	d, err := m.Digest()
	if err != nil {
		return err
	}
	b.begin(docOf(&m.Row, mailbox))
	e := &extraction{ctx: ctx, b: b, m: m, digest: d}
	if d.Attachment {
		b.add(partName, []byte(termAttachment), inOther, nil)
	}
	if err = e.header(); err == nil {
		err = e.body()
	}
	if err != nil {
		// What was noted of it stays, of an email that isn't: a merge drops it.
		*b.doc() = doc{}
	}
	return err
}

// stream makes a tokenizer whose terms go into a dictionary, with their places
// counted from *next on; next may be nil.
func (e *extraction) stream(dict part, in field, next *uint32) *tokenizer {
	return &tokenizer{emit: func(term []byte, j joint) {
		if e.tokens++; e.tokens > maxTokens {
			return
		}
		if next == nil {
			e.b.add(dict, term, in, nil)
			return
		}
		e.b.add(dict, term, in, &place{*next, j})
		*next++
	}}
}

// header takes the headers: of the message's own fields those that people look at
// apart, and the others' names; of the parts' all alike.
func (e *extraction) header() error {
	var next uint32
	other := e.stream(partHeader, inOther, &next)
	for _, p := range e.digest.Root.All() {
		if err := e.fields(other, p); err != nil {
			return err
		}
		for value := range p.Extended() {
			other.write([]byte(value))
			other.end()
		}
		if e.tokens > maxTokens {
			e.b.doc().cut |= cutHeader
			return nil
		}
	}
	return nil
}

// fields takes one header.
func (e *extraction) fields(other *tokenizer, p *message.Part) error {
	own := p == &e.digest.Root
	for f, err := range message.Fields(p.Header(e.m), match.MaxHeader) {
		if errors.Is(err, message.ErrHeaderTooLong) {
			return nil // a scan ends here too
		}
		if err != nil {
			return fmt.Errorf("read header: %w", err)
		}
		value := message.DecodeHeader(f.Value())
		if in := peopleField(f.Name); own && in != 0 {
			e.value(match.Fold(value), in)
			continue
		}
		if own && len(f.Name) > maxName {
			e.b.doc().cut |= cutHeader
		} else if own {
			e.b.add(partName, []byte(strings.ToLower(f.Name)), inOther, nil)
		}
		line := f.Name + ": " + value
		if isSignature(f.Name) && len(line) <= maxLine && isPrintable(line) {
			e.b.add(partLine, []byte(match.Fold(line)), inOther, nil)
			continue
		}
		other.write([]byte(line))
		other.end()
		if e.tokens > maxTokens {
			return nil
		}
	}
	return nil
}

// isSignature says whether a field carries what only programs read: hundreds of
// random letters in every message. Cut into tokens they would be most of all that
// there are.
func isSignature(name string) bool {
	switch strings.ToLower(name) {
	case "dkim-signature", "domainkey-signature", "x-google-dkim-signature", "arc-seal", "arc-message-signature", "autocrypt", "x-face", "face":
		return true
	}
	return false
}

// isPrintable says whether a text is ASCII that can be printed.
func isPrintable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// value notes a field that people look at: its words, and the whole.
func (e *extraction) value(folded string, in field) {
	if len(folded) > maxValue || strings.IndexByte(folded, 0) >= 0 {
		e.b.doc().cut |= cutHeader
		folded = folded[:0]
	}
	e.b.add(partValue, []byte(folded), in, nil)
	words := e.stream(partText, in, nil)
	words.write([]byte(folded))
	words.end()
}

func (e *extraction) body() error {
	var next uint32
	words := e.stream(partText, inBody, &next)
	for _, p := range e.digest.Root.All() {
		if p.IsText() {
			if err := e.text(words, message.NewTextReader(p, e.m)); err != nil {
				return err
			}
		}
	}
	e.b.doc().tokens = next
	attached := e.stream(partText, inAttached, nil)
	left := int64(maxDocuments)
	for _, p := range e.digest.Root.All() {
		if p.Message != nil {
			if err := e.enclosed(attached, p.Message.Root.Header(e.m)); err != nil {
				return err
			}
		}
		name := p.Filename()
		if name == "" {
			continue
		}
		attached.write([]byte(name))
		attached.end()
		n, err := e.document(attached, p, left)
		if err != nil {
			return err
		}
		left -= n
	}
	return nil
}

// enclosed takes what people look at of the header of a message inside the
// message.
func (e *extraction) enclosed(words *tokenizer, header io.Reader) error {
	for f, err := range message.Fields(header, match.MaxHeader) {
		if errors.Is(err, message.ErrHeaderTooLong) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read enclosed header: %w", err)
		}
		if peopleField(f.Name) != 0 {
			words.write([]byte(message.DecodeHeader(f.Value())))
			words.end()
		}
	}
	return nil
}

// text takes one text part.
func (e *extraction) text(words *tokenizer, r io.Reader) error {
	defer words.end()
	buf := make([]byte, 16<<10)
	for {
		if err := e.ctx.Err(); err != nil {
			return err
		}
		if e.tokens > maxTokens || e.read > maxText {
			e.b.doc().cut |= cutBody
			return nil
		}
		n, err := r.Read(buf)
		e.read += int64(n)
		words.write(buf[:n])
		if errors.Is(err, io.EOF) {
			if e.tokens > maxTokens {
				e.b.doc().cut |= cutBody
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("read text: %w", err)
		}
	}
}
