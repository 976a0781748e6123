package message

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// setType reads a Content-Type (RFC 2045 §5.1); what isn't one makes p plain
// text (§5.2).
func (p *Part) setType(value string) {
	typ, rest, _ := strings.Cut(value, ";")
	major, minor, _ := strings.Cut(stripComments(typ), "/")
	major, minor = strings.TrimSpace(major), strings.TrimSpace(minor)
	if i := strings.IndexAny(minor, " \t"); i >= 0 {
		// "text/plain charset=utf-8": someone forgot the semicolon.
		rest = minor[i+1:] + ";" + rest
		minor = minor[:i]
	}
	if !isToken(major) || !isToken(minor) {
		asPlainText(p)
		return
	}
	p.Type, p.Subtype, p.Params = strings.ToLower(major), strings.ToLower(minor), parseParams(rest)
}

// parseDisposition reads a Content-Disposition (RFC 2183 §2).
func parseDisposition(value string) (string, []Param) {
	kind, rest, _ := strings.Cut(value, ";")
	kind = strings.ToLower(strings.TrimSpace(stripComments(kind)))
	if !isToken(kind) {
		// RFC 2183 §2.8: what is not known is an attachment.
		kind = "attachment"
	}
	return kind, parseParams(rest)
}

// parseToken is the one word that a field such as Content-Transfer-Encoding
// holds, lower case.
func parseToken(value string) string {
	value, _, _ = strings.Cut(stripComments(value), ";")
	return strings.ToLower(strings.Trim(value, ` "`+"\t"))
}

func parseLanguages(value string) []string {
	var list []string
	for tag := range strings.SplitSeq(stripComments(value), ",") {
		if tag = strings.TrimSpace(tag); tag != "" && len(list) < maxLanguages {
			list = append(list, tag)
		}
	}
	return list
}

// isToken is RFC 2045 §5.1's token.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?=`, r)
	})
}

// stripComments takes RFC 5322 §3.2.2's comments out of s; quoted strings are
// left alone.
func stripComments(s string) string {
	if !strings.Contains(s, "(") {
		return s
	}
	var out strings.Builder
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s) && (quoted || depth > 0):
			if depth == 0 {
				out.WriteString(s[i : i+2])
			}
			i++
			continue
		case c == '"' && depth == 0:
			quoted = !quoted
		case c == '(' && !quoted:
			depth++
			continue
		case c == ')' && depth > 0:
			depth--
			continue
		}
		if depth == 0 {
			out.WriteByte(c)
		}
	}
	return out.String()
}

// parseParams reads what stands behind the first semicolon of a Content-Type or
// Content-Disposition. Values without quotes may hold spaces and other
// characters that would need them: senders forget.
func parseParams(s string) []Param {
	var params []Param
	for s != "" && len(params) < maxParams {
		s = strings.TrimLeft(s, " \t;")
		if strings.HasPrefix(s, "(") {
			s = skipComment(s)
			continue
		}
		i := strings.IndexAny(s, "=;")
		if i < 0 {
			break
		}
		name := strings.ToLower(strings.TrimSpace(stripComments(s[:i])))
		if s[i] == ';' {
			s = s[i:]
			continue
		}
		var value string
		value, s = cutValue(strings.TrimLeft(s[i+1:], " \t"))
		if name != "" && !strings.ContainsAny(name, " \t\"") {
			params = append(params, Param{name, value})
		}
	}
	return params
}

// skipComment gives what stands behind the comment that s begins with.
func skipComment(s string) string {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return s[i+1:]
			}
		}
	}
	return ""
}

// cutValue splits s behind the parameter value that it begins with.
func cutValue(s string) (value, rest string) {
	if strings.HasPrefix(s, `"`) {
		if value, rest, ok := cutQuoted(s); ok {
			return value, rest
		}
	}
	value, rest, _ = strings.Cut(s, ";")
	if i := strings.Index(value, " ("); i >= 0 {
		value = value[:i] // RFC 2045 §5.1 shows a comment behind a value
	}
	return strings.TrimSpace(value), rest
}

// cutQuoted splits s behind the quoted string that it begins with, whose value
// it gives without its quoting.
func cutQuoted(s string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case c == '"':
			return b.String(), s[i+1:], true
		default:
			b.WriteByte(c)
		}
	}
	return "", s, false
}

// decodedParam is a parameter's value as people read it: in the form of RFC 2231
// if there is one, else plain, with the encoded words that many senders put
// there although RFC 2047 §5 forbids it.
func decodedParam(params []Param, name string) string {
	if v, ok := extendedParam(params, name); ok {
		return v
	}
	v, _ := rawParam(params, name)
	return DecodeHeader(v)
}

// Extended gives the values, decoded, of those parameters of Content-Type and
// Content-Disposition that stand in the form of RFC 2231: in pieces, or with a
// charset. As they are written nobody would find them.
func (p *Part) Extended() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, params := range [][]Param{p.Params, p.DispositionParams} {
			var seen []string
			for _, param := range params {
				name, _, extended := strings.Cut(param.Name, "*")
				if !extended || slices.Contains(seen, name) {
					continue
				}
				seen = append(seen, name)
				if v, ok := extendedParam(params, name); ok && !yield(v) {
					return
				}
			}
		}
	}
}

// section is one piece of a value that RFC 2231 §3 splits.
type section struct {
	number  int
	encoded bool
	text    string
}

func extendedParam(params []Param, name string) (string, bool) {
	var sections []section
	for _, p := range params {
		suffix, ok := strings.CutPrefix(p.Name, name+"*")
		if !ok {
			continue
		}
		digits, encoded := strings.CutSuffix(suffix, "*")
		if suffix == "" {
			digits, encoded = "0", true
		}
		if n, err := strconv.ParseUint(digits, 10, 16); err == nil {
			sections = append(sections, section{int(n), encoded, p.Value})
		}
	}
	if len(sections) == 0 {
		return "", false
	}
	slices.SortStableFunc(sections, func(a, b section) int { return cmp.Compare(a.number, b.number) })
	return joinSections(sections)
}

// joinSections puts pieces 0, 1, … together. The first, if encoded, names the
// charset (RFC 2231 §4).
func joinSections(sections []section) (string, bool) {
	var bytes []byte
	charset := ""
	for i, s := range sections {
		if s.number != i {
			break // a gap, or the same again
		}
		text := s.text
		if i == 0 && s.encoded {
			if name, rest, ok := strings.Cut(text, "'"); ok {
				if _, value, ok := strings.Cut(rest, "'"); ok {
					charset, text = name, value
				}
			}
		}
		if !s.encoded {
			bytes = append(bytes, text...)
			continue
		}
		for j := 0; j < len(text); j++ {
			if text[j] == '%' && j+2 < len(text) && hexValue(text[j+1]) >= 0 && hexValue(text[j+2]) >= 0 {
				bytes = append(bytes, byte(hexValue(text[j+1])<<4|hexValue(text[j+2])))
				j += 2
				continue
			}
			bytes = append(bytes, text[j])
		}
	}
	return cleanText(decodeCharset(charset, bytes)), sections[0].number == 0
}
