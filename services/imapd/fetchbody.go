package imapd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/message"
)

// content is what a section holds: exactly size bytes from reader, or nothing at
// all (NIL).
type content struct {
	exists bool
	reader io.Reader
	size   int64
	binary bool  // there is a NUL among the bytes: only a literal8 can carry it
	held   int64 // bytes in memory until it has been sent
}

// content finds the bytes that an item asks for. Nothing is read of a body here,
// except by BINARY, which has to know the decoded size before it begins.
func (it fetchItem) content(m *message.Stored, d *message.Digest) (content, error) {
	sec := it.section
	if !sec.needsDigest() {
		whole := sec.cut(m.Reader(), m.Size())
		whole.binary = it.name == "BINARY" // there may be a NUL
		return whole, nil
	}
	part, found := d.Root.Find(sec.path...)
	if !found {
		return content{}, nil
	}
	if it.name == "BINARY" || it.name == "BINARY.SIZE" {
		return sec.decoded(part, m)
	}
	entity := part
	if len(sec.path) > 0 && sec.part != "" && sec.part != "MIME" {
		// HEADER and TEXT of a part are those of the message that it carries.
		if part.Message == nil {
			return content{}, nil
		}
		entity = &part.Message.Root
	}
	switch sec.part {
	case "", "TEXT":
		return sec.cut(entity.Body(m), entity.BodyLen), nil
	case "HEADER", "MIME":
		return sec.cut(entity.Header(m), entity.HeaderLen), nil
	}
	return sec.headerFields(entity, m)
}

// verify makes sure that the bytes can be read to their end: a literal that was
// begun can only be ended by hanging up, and the client would come back for the
// same message, and never for those behind it.
func (c *content) verify() error {
	r, offset := c.reader, int64(0)
	for {
		section, ok := r.(*io.SectionReader)
		if !ok {
			return nil
		}
		outer, begin, _ := section.Outer()
		offset += begin
		if stored, ok := outer.(*message.Stored); ok {
			return stored.Verify(offset, c.size)
		}
		if r, ok = outer.(io.Reader); !ok {
			return nil
		}
	}
}

// cut applies the partial to size bytes that can be read anywhere.
func (sec *section) cut(r *io.SectionReader, size int64) content {
	if !sec.partial {
		return content{exists: true, reader: r, size: size}
	}
	from := min(sec.offset, size)
	length := min(sec.length, size-from)
	return content{exists: true, reader: io.NewSectionReader(r, from, length), size: length}
}

// headerFields picks fields of a header (RFC 9051 §6.4.5.1), with the blank line
// behind them.
func (sec *section) headerFields(entity *message.Part, m *message.Stored) (content, error) {
	var picked bytes.Buffer
	for field, err := range message.Fields(entity.Header(m), maxHeader) {
		if errors.Is(err, message.ErrHeaderTooLong) {
			break // no honest message comes here
		}
		if err != nil {
			return content{}, fmt.Errorf("read header: %w", err)
		}
		named := field.Name != "" && slices.ContainsFunc(sec.fields, func(name string) bool { return strings.EqualFold(name, field.Name) })
		if named == (sec.part == "HEADER.FIELDS") {
			picked.Write(field.Raw)
		}
	}
	picked.WriteString("\r\n")
	size := int64(picked.Len())
	c := sec.cut(io.NewSectionReader(bytes.NewReader(picked.Bytes()), 0, size), size)
	c.held = size
	return c, nil
}

// decoded takes the transfer encoding off a part (RFC 3516). It reads it twice:
// once to learn the size, once to send it.
func (sec *section) decoded(part *message.Part, m *message.Stored) (content, error) {
	r, err := message.NewBodyReader(part, m)
	if errors.Is(err, message.ErrEncoding) {
		return content{}, no("UNKNOWN-CTE", "A part has a transfer encoding that can't be undone")
	}
	if err != nil {
		return content{}, fmt.Errorf("decode part: %w", err)
	}
	counter := &nulFinder{r: r}
	size, err := io.Copy(io.Discard, counter)
	if err != nil {
		return content{}, fmt.Errorf("decode part: %w", err)
	}
	if r, err = message.NewBodyReader(part, m); err != nil {
		return content{}, fmt.Errorf("decode part: %w", err)
	}
	c := content{exists: true, reader: r, size: size, binary: counter.found}
	if !sec.partial {
		return c, nil
	}
	from := min(sec.offset, size)
	if _, err := io.CopyN(io.Discard, r, from); err != nil {
		return content{}, fmt.Errorf("decode part: %w", err)
	}
	c.size = min(sec.length, size-from)
	return c, nil
}

// writeContent writes an item that consists of bytes. An error means that its
// literal has been begun and can't be ended.
func (s *session) writeContent(it fetchItem, c content) error {
	s.w.Raw(string(it.name))
	if it.name == "BODY" || it.name == "BINARY" || it.name == "BINARY.SIZE" {
		s.writeSection(it.section, c.exists)
	}
	s.w.SP()
	switch {
	case it.name == "BINARY.SIZE":
		s.w.Number(uint64(c.size))
		return nil
	case !c.exists:
		s.w.Raw("NIL")
		return nil
	}
	s.w.LiteralHeader(c.size, c.binary)
	return s.w.Copy(c.reader, c.size)
}
