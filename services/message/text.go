package message

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrEncoding says that a part's Content-Transfer-Encoding is not one that can
// be decoded.
var ErrEncoding = errors.New("unknown content transfer encoding")

// NewBodyReader gives p's body with its transfer encoding (RFC 2045 §6) taken
// off; r holds the message. Damage in base64 or quoted-printable is passed over
// as RFC 2045 advises. The only error here is ErrEncoding; reading gives those
// of r.
func NewBodyReader(p *Part, r io.ReaderAt) (io.Reader, error) {
	body := p.Body(r)
	switch {
	case isIdentity(p.Encoding):
		return body, nil
	case p.Encoding == "base64":
		return &base64Reader{r: body}, nil
	case p.Encoding == "quoted-printable":
		return &quotedPrintableReader{r: body}, nil
	}
	return nil, fmt.Errorf("%w: %q", ErrEncoding, p.Encoding)
}

// IsText reports whether the part is text that people read: text/*, and what
// reports say for programs in lines of text (RFC 3464, RFC 8098: message/*, but
// for the messages that parts carry).
func (p *Part) IsText() bool { return p.Type == "text" || p.Type == "message" && p.Message == nil }

// NewTextReader gives the text of a text part as people read it, for a search:
// transfer encoding taken off, UTF-8, of HTML the words alone. Parts that hold
// no text, or in an encoding that is not known, give nothing. It streams: memory
// does not grow with the part. Reading gives the errors of r.
func NewTextReader(p *Part, r io.ReaderAt) io.Reader {
	if !p.IsText() {
		return strings.NewReader("")
	}
	body, err := NewBodyReader(p, r)
	if err != nil {
		return strings.NewReader("") // as RFC 2045 §6.4 says: bytes of which nothing is known
	}
	text := newCharsetReader(p.Param("charset"), body)
	if p.Is("text", "html") {
		return newHTMLReader(text)
	}
	return text
}

// Text is the first limit bytes, cut to whole characters, of what NewTextReader
// gives.
func Text(p *Part, r io.ReaderAt, limit int64) (string, error) {
	b, err := io.ReadAll(io.LimitReader(NewTextReader(p, r), limit))
	if err != nil {
		return "", fmt.Errorf("read text part: %w", err)
	}
	return strings.ToValidUTF8(string(b), ""), nil
}
