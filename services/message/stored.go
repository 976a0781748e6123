package message

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Stored is one message in a mailbox, opened for reading. Whoever opened it
// closes it. It reads as one message: the lines that were put in front for this
// recipient, then the body as it was received, with one digest over both.
type Stored struct {
	Row mail.Row

	prefix []byte
	body   io.ReaderAt
	size   int64
	digest func() (*Digest, error)
	close  func() error
}

// NewStored joins prefix (whole header lines, or nothing) and the bodyLen bytes
// of body. The digest function gives the digest of body alone; it is called at
// most once, when someone asks, and what it gives is not changed. The close
// function (may be nil) is called once, by the first Close.
func NewStored(row mail.Row, prefix []byte, body io.ReaderAt, bodyLen int64, digest func() (*Digest, error), closeBody func() error) *Stored {
	s := &Stored{Row: row, prefix: prefix, body: body, size: int64(len(prefix)) + bodyLen}
	s.digest = sync.OnceValues(func() (*Digest, error) {
		d, err := digest()
		if err != nil || len(prefix) == 0 {
			return d, err
		}
		return d.withPrefix(prefix), nil
	})
	if closeBody == nil {
		closeBody = func() error { return nil }
	}
	s.close = sync.OnceValue(closeBody)
	return s
}

// Size is the length in bytes of the whole: RFC822.SIZE.
func (s *Stored) Size() int64 { return s.size }

// Digest is the digest of the whole, offsets counted from the first prefix
// byte. Nobody may change it.
func (s *Stored) Digest() (*Digest, error) { return s.digest() }

// Reader reads the whole from its beginning; any number of them may be in use.
func (s *Stored) Reader() *io.SectionReader { return io.NewSectionReader(s, 0, s.size) }

// Close gives back what the message holds open. Further calls do nothing and
// say the same.
func (s *Stored) Close() error { return s.close() }

// ReadAt reads from the whole as io.ReaderAt says.
func (s *Stored) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read stored message at %d: negative offset", off)
	}
	if off >= s.size {
		return 0, io.EOF
	}
	want := p
	if int64(len(want)) > s.size-off {
		want = want[:s.size-off]
	}
	n := 0
	if off < int64(len(s.prefix)) {
		n = copy(want, s.prefix[off:])
	}
	if n < len(want) {
		m, err := s.body.ReadAt(want[n:], off+int64(n)-int64(len(s.prefix)))
		n += m
		if n < len(want) {
			if err == nil || err == io.EOF {
				// The index says that there are more bytes: never let a short
				// body pass for a whole one.
				err = io.ErrUnexpectedEOF
			}
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Verify reads what stands between two offsets, where the body can do so quicker
// than by ReadAt, and says what is wrong with it: for those who have to know before
// they begin to pass it on.
func (s *Stored) Verify(off, n int64) error {
	v, ok := s.body.(interface{ Verify(off, n int64) error })
	if !ok {
		return nil
	}
	begin := off - int64(len(s.prefix))
	return v.Verify(max(0, begin), max(0, n+min(0, begin)))
}

// withPrefix is the digest of the same message with header lines in front.
func (d *Digest) withPrefix(prefix []byte) *Digest {
	n := int64(len(prefix))
	whole := *d
	whole.Size += n
	whole.Lines += int64(bytes.Count(prefix, []byte{'\n'}))
	whole.HeaderLen += n
	whole.Root = d.Root.shift(n)
	whole.Root.HeaderOffset = 0
	whole.Root.HeaderLen += n
	return &whole
}
