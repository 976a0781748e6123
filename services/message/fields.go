package message

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
)

// ErrHeaderTooLong says that a header goes on behind the given limit.
var ErrHeaderTooLong = errors.New("header is too long")

// Field is one field of a header.
type Field struct {
	Name string // as written; "" for a line that is no field
	Raw  []byte // the whole field, folded as it was, line ends included
}

// Value is the field's text behind the colon, unfolded (line ends taken out,
// RFC 5322 §2.2.3), without the space around it. Bytes are as they were.
func (f Field) Value() string {
	if f.Name == "" {
		return ""
	}
	_, v, _ := bytes.Cut(f.Raw, []byte{':'})
	return string(unfold(nil, v))
}

// unfold appends v to out without its CR, LF and NUL, and without the space
// around it. They may share memory.
func unfold(out, v []byte) []byte {
	for _, c := range bytes.Trim(v, " \t\r\n\x00") {
		if c != '\r' && c != '\n' && c != 0 {
			out = append(out, c)
		}
	}
	return out
}

// Fields walks the fields of the header at the beginning of r, up to the blank
// line or the end of r. Lines may end in CRLF or LF. It reads at most limit
// bytes; a header longer than that ends the walk with ErrHeaderTooLong, a read
// that fails with its error. A Field is the caller's to keep.
func Fields(r io.Reader, limit int64) iter.Seq2[Field, error] {
	return func(yield func(Field, error) bool) {
		br := bufio.NewReader(io.LimitReader(r, limit+1))
		var total int64
		var raw []byte
		for {
			line, err := br.ReadBytes('\n')
			if err != nil && err != io.EOF {
				yield(Field{}, fmt.Errorf("read header: %w", err))
				return
			}
			if total += int64(len(line)); total > limit {
				yield(Field{}, ErrHeaderTooLong)
				return
			}
			blank := len(bytes.TrimRight(line, "\r\n")) == 0
			if !blank && (line[0] == ' ' || line[0] == '\t') && raw != nil {
				raw = append(raw, line...)
			} else {
				if raw != nil && !yield(newField(raw), nil) {
					return
				}
				raw = line
			}
			if blank {
				return
			}
			if err == io.EOF {
				yield(newField(raw), nil)
				return
			}
		}
	}
}

func newField(raw []byte) Field { return Field{Name: fieldName(raw), Raw: raw} }

// fieldName is what stands before the colon if that makes a field (RFC 5322
// §2.2, with the space before the colon of §4.5), else "".
func fieldName(line []byte) string {
	i := bytes.IndexByte(line, ':')
	if i <= 0 {
		return ""
	}
	name := bytes.TrimRight(line[:i], " \t")
	for _, c := range name {
		if c <= ' ' || c >= 0x7f {
			return ""
		}
	}
	return string(name)
}
