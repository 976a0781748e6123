package message

import (
	"bytes"
	"encoding/base64"
	"io"
)

// base64Reader takes base64 off a stream and passes over what does not belong
// there (RFC 2045 §6.8), padding in the middle included: some senders encode in
// pieces.
type base64Reader struct {
	r    io.Reader
	in   [4 << 10]byte
	quad []byte // characters of the alphabet not yet decoded
	out  []byte // decoded and not yet read
	err  error
}

func (b *base64Reader) Read(p []byte) (int, error) {
	for len(b.out) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		b.fill()
	}
	n := copy(p, b.out)
	b.out = b.out[n:]
	return n, nil
}

func (b *base64Reader) fill() {
	n, err := b.r.Read(b.in[:])
	b.err = err
	b.out = b.out[:0]
	for _, c := range b.in[:n] {
		switch {
		case base64Value(c) >= 0:
			b.quad = append(b.quad, c)
		case c == '=':
			b.flush() // what follows begins a new piece
		}
	}
	if err != nil {
		b.flush()
		return
	}
	b.decode(len(b.quad) &^ 3)
}

// flush decodes an unfinished quad too; a single left-over character is nothing.
func (b *base64Reader) flush() {
	b.decode(len(b.quad) &^ 3)
	if len(b.quad) > 1 {
		b.decode(len(b.quad))
	}
	b.quad = b.quad[:0]
}

func (b *base64Reader) decode(n int) {
	// Every character is of the alphabet and the length fits: no error is possible.
	b.out, _ = base64.RawStdEncoding.AppendDecode(b.out, b.quad[:n])
	b.quad = b.quad[:copy(b.quad, b.quad[n:])]
}

// quotedPrintableReader takes quoted-printable off a stream (RFC 2045 §6.7).
// What is no escape stands for itself; space at line ends goes, as rule 3 says.
type quotedPrintableReader struct {
	r    io.Reader
	in   [4 << 10]byte
	line []byte // read and not yet decoded: part of one line
	out  []byte
	err  error
}

// maxQuotedLine is how much of a line is held to see its end; RFC 2045 allows 76
// characters. A longer line is decoded in pieces.
const maxQuotedLine = 16 << 10

func (q *quotedPrintableReader) Read(p []byte) (int, error) {
	for len(q.out) == 0 {
		if q.err != nil {
			return 0, q.err
		}
		q.fill()
	}
	n := copy(p, q.out)
	q.out = q.out[n:]
	return n, nil
}

func (q *quotedPrintableReader) fill() {
	n, err := q.r.Read(q.in[:])
	q.err = err
	q.out = q.out[:0]
	q.line = append(q.line, q.in[:n]...)
	rest := q.line
	for {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			break
		}
		q.decode(rest[:i+1])
		rest = rest[i+1:]
	}
	switch {
	case err != nil:
		q.decode(rest)
		rest = nil
	case len(rest) > maxQuotedLine:
		cut := len(rest)
		if i := bytes.LastIndexByte(rest[cut-2:], '='); i >= 0 {
			cut += i - 2 // half an escape waits for its other half
		}
		q.escapes(rest[:cut])
		rest = rest[cut:]
	}
	q.line = q.line[:copy(q.line, rest)]
}

// decode decodes one line with its line end, or a last one without.
func (q *quotedPrintableReader) decode(line []byte) {
	text := bytes.TrimRight(line, " \t\r\n")
	end := line[len(bytes.TrimRight(line, "\r\n")):]
	if rest, soft := bytes.CutSuffix(text, []byte{'='}); soft {
		q.escapes(rest)
		return
	}
	q.escapes(text)
	q.out = append(q.out, end...)
}

func (q *quotedPrintableReader) escapes(text []byte) {
	for {
		i := bytes.IndexByte(text, '=')
		if i < 0 {
			q.out = append(q.out, text...)
			return
		}
		q.out = append(q.out, text[:i]...)
		if text = text[i:]; len(text) > 2 && hexValue(text[1]) >= 0 && hexValue(text[2]) >= 0 {
			q.out = append(q.out, byte(hexValue(text[1])<<4|hexValue(text[2])))
			text = text[3:]
			continue
		}
		q.out = append(q.out, '=')
		text = text[1:]
	}
}
