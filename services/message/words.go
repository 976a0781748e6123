package message

import (
	"encoding/base64"
	"strings"
)

// DecodeHeader gives a raw header value as people read it: encoded words (RFC
// 2047) decoded and put together, everything in UTF-8. It is generous: encoded
// words stand anywhere, also in quoted strings and without space around them; a
// character may be split between two of them; what can't be decoded stays as it
// is. Bytes that are not UTF-8 are read as windows-1252. There are no line ends
// or NULs in the result.
func DecodeHeader(value string) string {
	if !strings.Contains(value, "=?") {
		return cleanText(decodeCharset("", []byte(value)))
	}
	var out strings.Builder
	var pending encodedRun
	rest := value
	for rest != "" {
		i := strings.Index(rest, "=?")
		if i < 0 {
			break
		}
		word, n, ok := parseWord(rest[i:])
		if !ok {
			pending.flush(&out)
			out.WriteString(decodeCharset("", []byte(rest[:i+2])))
			rest = rest[i+2:]
			continue
		}
		// RFC 2047 §6.2: space between two encoded words is not shown.
		if !pending.open || strings.Trim(rest[:i], " \t\r\n") != "" {
			pending.flush(&out)
			out.WriteString(decodeCharset("", []byte(rest[:i])))
		}
		pending.add(&out, word)
		rest = rest[i+n:]
	}
	pending.flush(&out)
	out.WriteString(decodeCharset("", []byte(rest)))
	return cleanText(out.String())
}

// encodedRun gathers the bytes of encoded words of one charset that follow each
// other, since some senders split a character between two of them.
type encodedRun struct {
	open    bool
	charset string
	bytes   []byte
}

func (r *encodedRun) add(out *strings.Builder, w word) {
	if r.open && r.charset != w.charset {
		r.flush(out)
	}
	r.open, r.charset = true, w.charset
	r.bytes = append(r.bytes, w.bytes...)
}

func (r *encodedRun) flush(out *strings.Builder) {
	if r.open {
		out.WriteString(decodeCharset(r.charset, r.bytes))
	}
	*r = encodedRun{}
}

// maxWord bounds how far the end of an encoded word is looked for, so that a
// header of beginnings is read in linear time. RFC 2047 §2 allows 75 characters;
// some senders put a whole subject into one.
const maxWord = 1 << 10

// word is one encoded word, its transfer encoding taken off.
type word struct {
	charset string
	bytes   []byte
}

// parseWord reads the encoded word at the beginning of s, which begins with
// "=?", and says how long it is.
func parseWord(s string) (w word, n int, ok bool) {
	s = s[:min(len(s), maxWord)]
	name, rest, ok := strings.Cut(s[2:], "?")
	if !ok || name == "" || strings.ContainsAny(name, " \t\"=") || len(rest) < 2 || rest[1] != '?' {
		return w, 0, false
	}
	text, _, ok := strings.Cut(rest[2:], "?=")
	if !ok {
		return w, 0, false
	}
	name, _, _ = strings.Cut(name, "*") // RFC 2231 §5: a language may follow
	w.charset = strings.ToLower(name)
	switch rest[0] | 0x20 {
	case 'b':
		w.bytes, ok = decodeB(text)
	case 'q':
		w.bytes = decodeQ(text)
	default:
		ok = false
	}
	return w, len(s) - len(rest) + 2 + len(text) + 2, ok
}

// decodeB reads base64 with or without padding and skips space in it.
func decodeB(text string) ([]byte, bool) {
	text = strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r == '\r' || r == '\n' {
			return -1
		}
		return r
	}, text)
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	return b, err == nil
}

// decodeQ reads RFC 2047 §4.2; what is no escape stands for itself.
func decodeQ(text string) []byte {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '_':
			out = append(out, ' ')
		case c == '=' && i+2 < len(text) && hexValue(text[i+1]) >= 0 && hexValue(text[i+2]) >= 0:
			out = append(out, byte(hexValue(text[i+1])<<4|hexValue(text[i+2])))
			i += 2
		default:
			out = append(out, c)
		}
	}
	return out
}

func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// cleanText makes every control character a space: decoded words can hold them,
// and a line end in a subject would end a log line, a header or a table row.
func cleanText(s string) string {
	isControl := func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }
	if !strings.ContainsFunc(s, isControl) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, s)
}
