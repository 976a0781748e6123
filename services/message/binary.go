package message

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Errors of EncodeBinary: messages that can't be made text without losing something.
var (
	// ErrSignedBinary is a signature over parts in binary (RFC 1847 §2.1 wants them in 7bit): encoded, it would not hold.
	ErrSignedBinary = errors.New("message: a signed part is in binary")
	// ErrBinaryContainer is a multipart or message that stands too deep to be read, or that says it is encoded.
	ErrBinaryContainer = errors.New("message: a part in binary can't be looked into")
)

// HasBinary says whether the message, or a part of it, says that it is in binary (RFC 2045 §2.9).
func HasBinary(d *Digest) bool {
	for _, p := range d.Root.All() {
		if p.Encoding == "binary" {
			return true
		}
	}
	return false
}

// EncodeBinary writes the message in r with its binary parts in base64, as a server does that passes it to others which
// take text only (RFC 3030 §3): each such part's bytes come out the same when they are decoded. Everything else is
// copied as it is. d is the digest of r.
func EncodeBinary(w io.Writer, r io.ReaderAt, d *Digest) error {
	e := &encoder{w: w, r: r}
	if err := e.part(&d.Root, false); err != nil {
		return err
	}
	return e.copyTo(d.Size)
}

// encoder writes a message up to a place in it, and goes on from there.
type encoder struct {
	w  io.Writer
	r  io.ReaderAt
	at int64 // of r: everything in front has been written
}

func (e *encoder) copyTo(offset int64) error {
	_, err := io.Copy(e.w, io.NewSectionReader(e.r, e.at, offset-e.at))
	e.at = offset
	return err
}

// part writes everything in front of the part's end, or less where there is nothing to be changed behind that.
func (e *encoder) part(p *Part, signed bool) error {
	signed = signed || p.Is("multipart", "signed")
	container := len(p.Children) > 0 || p.Message != nil
	if p.Encoding == "binary" {
		if signed {
			return ErrSignedBinary
		}
		encoding := "base64"
		if container {
			encoding = "8bit" // what is in it is text from now on
		}
		if err := e.header(p, encoding, container); err != nil {
			return err
		}
	}
	switch {
	case p.Message != nil:
		return e.part(&p.Message.Root, signed)
	case container:
		for i := range p.Children {
			if err := e.part(&p.Children[i], signed); err != nil {
				return err
			}
		}
	case p.Encoding == "binary":
		return e.body(p)
	}
	return nil
}

// encodingField is the field that changes.
const encodingField = "content-transfer-encoding"

// maxTypeText is how much of a Content-Type is looked at for its type; nobody writes more in front of it.
const maxTypeText = 1 << 10

func endsLine(piece []byte) bool { return piece[len(piece)-1] == '\n' }

// header writes the part's header with another encoding in the place of the one that it has.
func (e *encoder) header(p *Part, encoding string, container bool) error {
	if err := e.copyTo(p.HeaderOffset); err != nil {
		return err
	}
	e.at = p.BodyOffset
	lines := bufio.NewReader(p.Header(e.r))
	written, dropping, typed := false, false, false
	var kind []byte // the value of Content-Type, as far as its type can reach
	for begins := true; ; {
		// By pieces, so that a line of any length needs no memory; only the first piece has a field's name. Line ends
		// stay as they came: a lone LF is a fault that the text's reader must still see.
		piece, err := lines.ReadSlice('\n')
		if len(piece) == 0 { // anything else that stopped the reading (a long line) comes with bytes
			if !container && holds(string(kind)) {
				return ErrBinaryContainer
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		value := piece
		if begins && piece[0] != ' ' && piece[0] != '\t' {
			name, rest, _ := bytes.Cut(piece, []byte(":"))
			name = bytes.TrimRight(name, " \t")
			dropping = bytes.EqualFold(name, []byte(encodingField))
			typed, value = bytes.EqualFold(name, []byte("content-type")) && len(kind) == 0, rest
		}
		if typed {
			kind = append(kind, value[:min(len(value), maxTypeText-len(kind))]...)
		}
		out := piece
		if dropping {
			if out = nil; !written {
				written = true
				out = []byte("Content-Transfer-Encoding: " + encoding + "\r\n")
			}
			if begins = endsLine(piece); begins && !bytes.HasSuffix(piece, []byte("\r\n")) {
				out = append(out, '\n') // the fault stays
			}
		} else {
			begins = endsLine(piece)
		}
		if _, err := e.w.Write(out); err != nil {
			return fmt.Errorf("message: write header: %w", err)
		}
	}
}

// holds says whether a Content-Type is one that has parts, or a message, in it.
func holds(value string) bool {
	value = strings.ToLower(strings.TrimSpace(stripComments(value)))
	return strings.HasPrefix(value, "multipart/") || strings.HasPrefix(value, "message/")
}

// base64Line is how many characters a line has (RFC 2045 §6.8).
const base64Line = 76

// body writes the part's body in base64. The line end behind it is the boundary's and stays; a body that ends the
// message gets its own.
func (e *encoder) body(p *Part) error {
	out := &lineBreaker{w: e.w}
	b := base64.NewEncoder(base64.StdEncoding, out)
	if _, err := io.Copy(b, p.Body(e.r)); err != nil {
		return err
	}
	if err := b.Close(); err != nil {
		return err
	}
	e.at = p.BodyOffset + p.BodyLen
	if !e.atEnd() || out.column == 0 {
		return nil
	}
	_, err := io.WriteString(e.w, "\r\n")
	return err
}

// atEnd says whether nothing is left to be copied.
func (e *encoder) atEnd() bool {
	n, _ := e.r.ReadAt(make([]byte, 1), e.at) // a failing disk is told by the copy that follows
	return n == 0
}

// lineBreaker puts line ends into base64: between lines, and none at the end.
type lineBreaker struct {
	w      io.Writer
	column int
}

func (f *lineBreaker) Write(p []byte) (int, error) {
	n := len(p)
	var out bytes.Buffer
	for len(p) > 0 {
		if f.column == base64Line {
			out.WriteString("\r\n")
			f.column = 0
		}
		k := min(len(p), base64Line-f.column)
		out.Write(p[:k])
		f.column, p = f.column+k, p[k:]
	}
	if _, err := f.w.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return n, nil
}
