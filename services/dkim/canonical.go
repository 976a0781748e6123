package dkim

import (
	"bytes"
	"crypto/sha256"
	"hash"
)

// bodyWriter hashes a body in canonical form (RFC 6376 §3.4.3, §3.4.4) while it
// is read. A lone LF counts as a line end, as what is sent has CRLF.
type bodyWriter struct {
	digest digest
	hash   hash.Hash
	out    []byte
	total  int64 // canonical bytes so far

	cr    bool  // the byte before was a CR
	space bool  // relaxed: white space stands before the next byte
	lines int64 // line ends that are not written yet: those at the end don't count
}

func newBodyWriter(d digest) *bodyWriter {
	return &bodyWriter{digest: d, hash: sha256.New(), out: make([]byte, 0, 4096)}
}

func (w *bodyWriter) write(p []byte) {
	for len(p) > 0 {
		if w.cr && p[0] != '\n' {
			w.put([]byte{'\r'}) // alone, it is text
			w.cr = false
		}
		if n := w.text(p); n > 0 {
			w.put(p[:n])
			p = p[n:]
			continue
		}
		w.cr = false
		switch p[0] {
		case '\r':
			w.cr = true
		case '\n':
			w.space = false
			w.lines++
		default:
			w.space = true
		}
		p = p[1:]
	}
}

// text is how many bytes at the beginning of p stay as they are.
func (w *bodyWriter) text(p []byte) int {
	for i, c := range p {
		if c <= ' ' && (c == '\r' || c == '\n' || w.digest.relaxed && (c == ' ' || c == '\t')) {
			return i
		}
	}
	return len(p)
}

// put writes text, and in front of it what has been put off.
func (w *bodyWriter) put(text []byte) {
	for ; w.lines > 0; w.lines-- {
		w.add([]byte("\r\n"))
	}
	if w.space {
		w.add([]byte{' '})
		w.space = false
	}
	w.add(text)
}

func (w *bodyWriter) add(p []byte) {
	w.total += int64(len(p))
	if w.digest.length >= 0 && w.total > w.digest.length {
		p = p[:max(0, int64(len(p))-(w.total-w.digest.length))]
	}
	if len(w.out)+len(p) > cap(w.out) {
		w.hash.Write(w.out)
		w.out = w.out[:0]
	}
	if len(p) > cap(w.out) {
		w.hash.Write(p)
		return
	}
	w.out = append(w.out, p...)
}

func (w *bodyWriter) finish() bodyHash {
	if w.cr {
		w.put([]byte{'\r'})
	}
	if w.total > 0 || !w.digest.relaxed {
		w.add([]byte("\r\n"))
	}
	w.hash.Write(w.out)
	return bodyHash{[32]byte(w.hash.Sum(nil)), w.total}
}

// canonicalField is a field as it is signed (RFC 6376 §3.4.1, §3.4.2), its line
// end included.
func canonicalField(raw []byte, relaxed bool) []byte {
	raw = bytes.TrimRight(raw, "\r\n")
	if !relaxed {
		raw = bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
		return append(bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n")), '\r', '\n')
	}
	name, value, _ := bytes.Cut(raw, []byte{':'})
	out := append(bytes.ToLower(bytes.TrimRight(name, " \t")), ':')
	space, begun := false, false
	for _, c := range value {
		switch c {
		case '\r', '\n':
		case ' ', '\t':
			space = true
		default:
			if space && begun {
				out = append(out, ' ')
			}
			out, space, begun = append(out, c), false, true
		}
	}
	return append(out, '\r', '\n')
}
