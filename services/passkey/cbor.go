package passkey

import "encoding/binary"

// The major types of CBOR (RFC 8949 §3.1).
const (
	majorUint     = 0
	majorNegative = 1
	majorBytes    = 2
	majorText     = 3
	majorArray    = 4
	majorMap      = 5
	majorTag      = 6
	majorSimple   = 7
)

// maxDepth is of lists in lists: CTAP2 allows four levels in all.
const maxDepth = 4

// reader reads CBOR with definite lengths. Nothing that it gives is longer than what it
// was given, and it makes no copies.
type reader struct {
	data []byte
	at   int
}

// item reads the head of what comes next. A list of n items has at least n bytes behind
// it, and a text of n exactly n: what says more is refused before anything is done n times.
func (r *reader) item() (major byte, n uint64, err error) {
	if r.at >= len(r.data) {
		return 0, 0, ErrMalformed
	}
	first := r.data[r.at]
	r.at++
	major, n = first>>5, uint64(first&31)
	size := 0
	switch n {
	case 24:
		size = 1
	case 25:
		size = 2
	case 26:
		size = 4
	case 27:
		size = 8
	case 28, 29, 30, 31: // reserved, and indefinite lengths
		return 0, 0, ErrMalformed
	}
	if size > 0 {
		if len(r.data)-r.at < size {
			return 0, 0, ErrMalformed
		}
		var word [8]byte
		copy(word[8-size:], r.data[r.at:])
		n = binary.BigEndian.Uint64(word[:])
		r.at += size
	}
	if major >= majorBytes && major <= majorMap && n > uint64(len(r.data)-r.at) {
		return 0, 0, ErrMalformed
	}
	return major, n, nil
}

// head reads one of a certain type.
func (r *reader) head(want byte) (uint64, error) {
	major, n, err := r.item()
	if err == nil && major != want {
		err = ErrMalformed
	}
	return n, err
}

func (r *reader) bytes() ([]byte, error) { return r.string(majorBytes) }

func (r *reader) text() (string, error) {
	b, err := r.string(majorText)
	return string(b), err
}

func (r *reader) string(major byte) ([]byte, error) {
	n, err := r.head(major)
	if err != nil {
		return nil, err
	}
	b := r.data[r.at : r.at+int(n)]
	r.at += int(n)
	return b, nil
}

// int reads a number of the size that COSE has for labels and algorithms.
func (r *reader) int() (int64, error) {
	major, n, err := r.item()
	switch {
	case err != nil || n > 1<<32:
		return 0, ErrMalformed
	case major == majorUint:
		return int64(n), nil
	case major == majorNegative:
		return -1 - int64(n), nil
	}
	return 0, ErrMalformed
}

// skip passes over one item with all that is in it.
func (r *reader) skip(depth int) error {
	major, n, err := r.item()
	if err != nil {
		return err
	}
	switch major {
	case majorBytes, majorText:
		r.at += int(n)
	case majorMap, majorArray, majorTag:
		if depth == maxDepth {
			return ErrMalformed
		}
		switch major {
		case majorMap:
			n *= 2
		case majorTag:
			n = 1
		}
		for range n {
			if err := r.skip(depth + 1); err != nil {
				return err
			}
		}
	}
	return nil
}
