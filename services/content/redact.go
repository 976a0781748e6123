package content

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime/quotedprintable"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// MaxRedact is the longest part that is written anew, in bytes of text: it is held in
// memory.
const MaxRedact = 4 << 20

// Removed stands where something was.
const Removed = "[removed]"

// ErrSealed says that a message is signed or encrypted, and can't be changed without
// destroying that.
var ErrSealed = errors.New("the message is signed or encrypted")

// ErrTooLong says that a text in which something was found is longer than MaxRedact.
var ErrTooLong = fmt.Errorf("a text is longer than %d MB", MaxRedact>>20)

// Redact writes a message without what the rules with mail.ContentRedact find in its
// texts. The error is ErrSealed, ErrTooLong, that of ctx, or that of reading or writing.
// Whoever calls looks once more at what was written: what stands elsewhere than in plain
// text can still be there.
func (s *Set) Redact(ctx context.Context, way Way, d *message.Digest, r io.ReaderAt, w io.Writer) error {
	rules := &Set{}
	for _, c := range s.rules {
		if c.Action == mail.ContentRedact && c.holds(way) {
			rules.rules = append(rules.rules, c)
		}
	}
	if sealed(d, r) {
		return ErrSealed
	}
	var at int64
	parts := 0
	for _, p := range d.Root.All() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if parts++; parts > MaxParts {
			break
		}
		if !p.IsText() || p.HeaderOffset < at {
			continue
		}
		text, changed, err := rules.redacted(p, r)
		if err != nil {
			return fmt.Errorf("redact: %w", err)
		}
		if !changed {
			continue
		}
		if _, err := io.Copy(w, io.NewSectionReader(r, at, p.HeaderOffset-at)); err != nil {
			return fmt.Errorf("redact: %w", err)
		}
		if err := writePart(w, p, r, text); err != nil {
			return fmt.Errorf("redact: %w", err)
		}
		at = p.BodyOffset + p.BodyLen
	}
	if _, err := io.Copy(w, io.NewSectionReader(r, at, d.Size-at)); err != nil {
		return fmt.Errorf("redact: %w", err)
	}
	return nil
}

// redacted is a part's text without what the rules find. HTML is taken as it stands,
// with its tags.
func (s *Set) redacted(p *message.Part, r io.ReaderAt) (text string, changed bool, err error) {
	plain := *p
	plain.Type, plain.Subtype = "text", "plain"
	b, err := io.ReadAll(io.LimitReader(message.NewTextReader(&plain, r), MaxRedact+1))
	if err != nil {
		return "", false, err
	}
	text = string(b)
	for i := range s.rules {
		if !s.rules[i].Text {
			continue
		}
		for j := range s.rules[i].matchers {
			places := s.rules[i].matchers[j].find(text, len(text)+1)
			if len(places) == 0 {
				continue
			}
			if len(b) > MaxRedact {
				return "", false, ErrTooLong
			}
			text, changed = without(text, places), true
		}
	}
	return text, changed, nil
}

func without(text string, places [][2]int) string {
	var b strings.Builder
	at := 0
	for _, p := range places {
		b.WriteString(text[at:p[0]])
		b.WriteString(Removed)
		at = p[1]
	}
	b.WriteString(text[at:])
	return b.String()
}

// writePart writes a part with its header. Of the header the fields that say how the
// text is written are changed, and the checksum goes.
func writePart(w io.Writer, p *message.Part, r io.ReaderAt, text string) error {
	var head bytes.Buffer
	version := p.HeaderOffset > 0 // only a message's own header needs one
	for field, err := range message.Fields(io.NewSectionReader(r, p.HeaderOffset, p.HeaderLen), max(p.HeaderLen, 1)) {
		if err != nil {
			return err
		}
		switch strings.ToLower(strings.TrimRight(field.Name, " \t")) {
		case "content-type", "content-transfer-encoding", "content-md5", "content-length":
		case "mime-version":
			version = true
			fallthrough
		default:
			head.Write(bytes.TrimRight(field.Raw, "\r\n"))
			head.WriteString("\r\n")
		}
	}
	if !version {
		head.WriteString("MIME-Version: 1.0\r\n")
	}
	head.WriteString("Content-Type: " + p.Type + "/" + p.Subtype + "; charset=utf-8")
	for _, param := range p.Params {
		if name := strings.ToLower(param.Name); name != "charset" && safe(name) && safe(param.Value) {
			head.WriteString(";\r\n\t" + name + "=\"" + param.Value + "\"")
		}
	}
	// What looks like a boundary could end the part, once lines are broken elsewhere.
	dashes := strings.Contains(text, "--")
	encoding := "quoted-printable"
	if dashes {
		encoding = "base64"
	}
	head.WriteString("\r\nContent-Transfer-Encoding: " + encoding + "\r\n\r\n")
	if _, err := w.Write(head.Bytes()); err != nil {
		return err
	}
	if dashes {
		return writeBase64(w, text)
	}
	encoder := quotedprintable.NewWriter(w)
	if _, err := io.WriteString(encoder, text); err != nil {
		return err
	}
	return encoder.Close()
}

// writeBase64 writes lines of 76 characters (RFC 2045 §6.8).
func writeBase64(w io.Writer, text string) error {
	const line = 57
	var b strings.Builder
	for ; len(text) > line; text = text[line:] {
		b.WriteString(base64.StdEncoding.EncodeToString([]byte(text[:line])))
		b.WriteString("\r\n")
	}
	b.WriteString(base64.StdEncoding.EncodeToString([]byte(text)))
	_, err := io.WriteString(w, b.String())
	return err
}

// safe says that a parameter can stand between quotes as it is. "format" is one of
// these; what is not is lost, which changes how a text looks and not what it says.
func safe(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}

// sealed says that a change would break a signature, or could not find what is
// encrypted.
func sealed(d *message.Digest, r io.ReaderAt) bool {
	for _, p := range d.Root.All() {
		switch {
		case p.Is("multipart", "signed"), p.Is("multipart", "encrypted"),
			p.Is("application", "pkcs7-mime"), p.Is("application", "x-pkcs7-mime"), p.Is("application", "pgp-encrypted"):
			return true
		case p.IsText() && armoured(p, r):
			return true
		}
	}
	return false
}

// armoured says that a text has OpenPGP's lines in it (RFC 9580 §6.2), near its top.
func armoured(p *message.Part, r io.ReaderAt) bool {
	text, err := message.Text(p, r, 16<<10)
	return err == nil && (strings.Contains(text, "-----BEGIN PGP MESSAGE-----") || strings.Contains(text, "-----BEGIN PGP SIGNED MESSAGE-----"))
}
