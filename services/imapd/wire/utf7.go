package wire

import (
	"encoding/base64"
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrUTF7 says that a mailbox name is not modified UTF-7.
var ErrUTF7 = errors.New("mailbox name is not modified UTF-7")

// utf7Text is base64 with "," for "/" and without padding (RFC 3501 §5.1.3).
func utf7Text() *base64.Encoding {
	return base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").
		WithPadding(base64.NoPadding).Strict()
}

func isDirect(r rune) bool { return r >= ' ' && r < 0x7f }

// EncodeUTF7 writes a name in modified UTF-7.
func EncodeUTF7(name string) string {
	if !strings.ContainsFunc(name, func(r rune) bool { return !isDirect(r) || r == '&' }) {
		return name
	}
	var b strings.Builder
	for name != "" {
		i := strings.IndexFunc(name, func(r rune) bool { return !isDirect(r) })
		if i < 0 {
			i = len(name)
		}
		b.WriteString(strings.ReplaceAll(name[:i], "&", "&-"))
		name = name[i:]
		if i = strings.IndexFunc(name, isDirect); i < 0 {
			i = len(name)
		}
		if i > 0 {
			units := utf16.Encode([]rune(name[:i]))
			raw := make([]byte, 0, 2*len(units))
			for _, u := range units {
				raw = append(raw, byte(u>>8), byte(u))
			}
			b.WriteString("&" + utf7Text().EncodeToString(raw) + "-")
			name = name[i:]
		}
	}
	return b.String()
}

// DecodeUTF7 reads a name in modified UTF-7. Every error is ErrUTF7: bad base64,
// half a surrogate pair, printable ASCII or a shift that need not be encoded
// (the name would have two spellings).
func DecodeUTF7(text string) (string, error) {
	if strings.ContainsFunc(text, func(r rune) bool { return !isDirect(r) }) {
		return "", ErrUTF7
	}
	var b strings.Builder
	afterRun := false
	for {
		plain, rest, found := strings.Cut(text, "&")
		b.WriteString(plain)
		if !found {
			return b.String(), nil
		}
		run, rest, found := strings.Cut(rest, "-")
		if !found {
			return "", ErrUTF7
		}
		text = rest
		if run == "" {
			b.WriteByte('&')
			afterRun = false
			continue
		}
		if afterRun && plain == "" {
			return "", ErrUTF7
		}
		decoded, err := decodeRun(run)
		if err != nil {
			return "", err
		}
		b.WriteString(decoded)
		afterRun = true
	}
}

// decodeRun reads the base64 between "&" and "-".
func decodeRun(run string) (string, error) {
	raw, err := utf7Text().DecodeString(run)
	if err != nil || len(raw)%2 != 0 || strings.ContainsAny(run, "\r\n") {
		return "", ErrUTF7
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = uint16(raw[2*i])<<8 | uint16(raw[2*i+1])
	}
	runes := utf16.Decode(units)
	for _, r := range runes {
		if isDirect(r) || r == utf8.RuneError {
			return "", ErrUTF7
		}
	}
	return string(runes), nil
}
