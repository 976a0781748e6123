package dkim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sanduk-mail/sanduk/services/message"
)

// Bounds of a message that is judged. Real headers have some dozen fields in
// some KiB; those of mailing lists and scanners reach 100 KiB.
const (
	MaxHeader  = 1 << 20 // bytes
	maxFields  = 2000
	maxTags    = 40   // in one tag list; RFC 6376 has 13
	maxSigned  = 1000 // names in h=
	readBuffer = 64 << 10
	// maxDigests is how many ways the body is hashed in: each costs a pass over
	// it. Two are in use, and a third by who still says l=.
	maxDigests = 4
)

// ErrHeader says that the header can't be judged, because of its size.
var ErrHeader = errors.New("the message's header is too long to be checked")

// Message is a message that is judged or signed. Its header is in memory.
type Message struct {
	// Undated has the dates of signatures not judged: the box is not sure of its clock.
	Undated bool

	fields []field
	body   *io.SectionReader
}

// field is one header field.
type field struct {
	name string // lower case
	raw  []byte // with its line ends
}

// Open reads the header of a message of so many bytes. A header over MaxHeader
// is ErrHeader; other errors are the reader's.
func Open(r io.ReaderAt, size int64) (*Message, error) {
	m := &Message{}
	var at int64
	for f, err := range message.Fields(io.NewSectionReader(r, 0, size), MaxHeader) {
		if errors.Is(err, message.ErrHeaderTooLong) || len(m.fields) >= maxFields {
			return nil, ErrHeader
		}
		if err != nil {
			return nil, fmt.Errorf("check signatures: %w", err)
		}
		at += int64(len(f.Raw))
		m.fields = append(m.fields, field{strings.ToLower(f.Name), f.Raw})
	}
	blank := make([]byte, 2)
	n, err := r.ReadAt(blank, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("check signatures: %w", err)
	}
	switch blank = blank[:n]; {
	case bytes.HasPrefix(blank, []byte("\r\n")):
		at += 2
	case bytes.HasPrefix(blank, []byte("\n")):
		at++
	}
	m.body = io.NewSectionReader(r, at, max(0, size-at))
	return m, nil
}

// Values gives the values of all fields of a name, from the top, unfolded.
func (m *Message) Values(name string) []string {
	var list []string
	for _, f := range m.fields {
		if strings.EqualFold(f.name, name) {
			list = append(list, message.Field{Name: name, Raw: f.raw}.Value())
		}
	}
	return list
}

// count is how many fields of this name there are.
func (m *Message) count(name string) int {
	n := 0
	for _, f := range m.fields {
		if f.name == name {
			n++
		}
	}
	return n
}

// pick gives the fields that a list of signed names stands for: of fields with
// one name, from the bottom up (RFC 6376 §5.4.2). A name too many stands for no
// field.
func (m *Message) pick(names []string) []field {
	below := make(map[string]int) // for each name, how far up it has been used
	var list []field
	for _, name := range names {
		name = strings.ToLower(name)
		end, seen := below[name]
		if !seen {
			end = len(m.fields)
		}
		for end--; end >= 0 && m.fields[end].name != name; {
			end--
		}
		below[name] = max(end, 0)
		if end >= 0 {
			list = append(list, m.fields[end])
		}
	}
	return list
}

// digest is one way to hash the body.
type digest struct {
	relaxed bool
	length  int64 // of canonical bytes that are hashed; -1: all
}

// bodyHash is the outcome for a digest.
type bodyHash struct {
	sum   [32]byte
	total int64 // canonical bytes that there are
}

// hashBody reads the body once, for all digests.
func (m *Message) hashBody(ctx context.Context, digests map[digest]bodyHash) error {
	if len(digests) == 0 {
		return nil
	}
	writers := make(map[digest]*bodyWriter, len(digests))
	for d := range digests {
		writers[d] = newBodyWriter(d)
	}
	if _, err := m.body.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("check signatures: read body: %w", err)
	}
	buffer := make([]byte, min(readBuffer, m.body.Size()+1)) // one more than there is, to read it and its end at once
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("check signatures: %w", context.Cause(ctx))
		}
		n, err := m.body.Read(buffer)
		for _, w := range writers {
			w.write(buffer[:n])
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("check signatures: read body: %w", err)
		}
	}
	for d, w := range writers {
		digests[d] = w.finish()
	}
	return nil
}
