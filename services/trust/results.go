package trust

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/message"
)

// AuthenticationResults is the field of that name (RFC 8601), with our host as
// its author, CRLF at its end. It belongs above the Received field of this box,
// in front of everything that the message brought.
func (r *Judgement) AuthenticationResults(host string) []byte {
	return []byte("Authentication-Results: " + r.Results(host) + "\r\n")
}

// Results is the value of that field, folded; an ARC seal takes the same.
func (r *Judgement) Results(host string) string {
	var b strings.Builder
	b.WriteString(host)
	written := 0
	for _, v := range r.Verdicts {
		written++
		b.WriteString(";\r\n\t" + string(v.Method) + "=" + string(v.Result))
		if v.Result != Pass && v.Result != None && v.Reason != "" {
			b.WriteString("\r\n\t reason=" + quoted(v.Reason))
		}
		for _, p := range v.Properties {
			b.WriteString("\r\n\t " + p.Type + "." + p.Name + "=" + value(p.Value))
		}
	}
	if written == 0 {
		b.WriteString("; none")
	}
	return b.String()
}

// value is a property's value: as it is where every reader takes it so, else
// quoted (RFC 8601 §2.2, pvalue).
func value(s string) string {
	plain := s != ""
	for i := range len(s) {
		c := s[i]
		ok := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("!#$%&'*+-.^_`{|}~@", c) >= 0
		plain = plain && ok
	}
	if plain {
		return s
	}
	return quoted(s)
}

// maxWord bounds what is copied from a message into our field.
const maxWord = 400

// quoted is a quoted-string, without what would leave it or the line. UTF-8 of an
// international address stays.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range min(len(s), maxWord) {
		switch c := s[i]; {
		case c < ' ' || c == 0x7f:
			b.WriteByte(' ')
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Range is bytes of a message, from Start up to End.
type Range struct{ Start, End int64 }

// Foreign gives the ranges of the Authentication-Results fields that a message
// has brought in the name of one of our hosts (RFC 8601 §5), in order. A field
// whose author can't be read counts as one. The error is the reader's, or
// message.ErrHeaderTooLong; then the ranges are those before.
func Foreign(r io.ReaderAt, size int64, hosts ...string) ([]Range, error) {
	const maxHeader = 1 << 20
	var list []Range
	var at int64
	for f, err := range message.Fields(io.NewSectionReader(r, 0, size), maxHeader) {
		if err != nil {
			return list, err
		}
		start := at
		at += int64(len(f.Raw))
		if !strings.EqualFold(strings.TrimRight(f.Name, " \t"), "Authentication-Results") {
			continue
		}
		author, _, err := ParseResults(f.Value())
		ours := err != nil && author == ""
		for _, host := range hosts {
			ours = ours || strings.EqualFold(strings.TrimSuffix(author, "."), host)
		}
		if ours {
			list = append(list, Range{start, at})
		}
	}
	return list, nil
}

// Without is the size bytes of r but for the ranges, which are those of Foreign.
func Without(r io.ReaderAt, size int64, ranges []Range) *io.SectionReader {
	k := &kept{from: r}
	var at int64
	for _, cut := range append(ranges[:len(ranges):len(ranges)], Range{size, size}) {
		if cut.Start > at {
			k.parts = append(k.parts, part{k.size, Range{at, cut.Start}})
			k.size += cut.Start - at
		}
		at = cut.End
	}
	return io.NewSectionReader(k, 0, k.size)
}

// kept is what is left of a message when ranges have been cut.
type kept struct {
	from  io.ReaderAt
	parts []part
	size  int64
}

// part is a range that is kept, and where it stands now.
type part struct {
	at int64
	Range
}

// ReadAt reads as io.ReaderAt says.
func (k *kept) ReadAt(p []byte, at int64) (int, error) {
	n := 0
	first, found := slices.BinarySearchFunc(k.parts, at, func(part part, at int64) int { return cmp.Compare(part.at, at) })
	if !found {
		first--
	}
	for _, part := range k.parts[max(0, first):] {
		if n == len(p) {
			break
		}
		start := part.Start + at + int64(n) - part.at
		want := min(int64(len(p)-n), part.End-start)
		if want <= 0 {
			continue
		}
		got, err := k.from.ReadAt(p[n:n+int(want)], start)
		n += got
		if int64(got) < want {
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Bounds of what is read of others' results.
const (
	maxResults    = 64 << 10
	maxVerdicts   = 100
	maxProperties = 50
)

// ErrResults says that a value is not one of Authentication-Results.
var ErrResults = errors.New("not authentication results")

// ParseResults reads the value of an Authentication-Results field. If the author
// can be read but not all results, it gives what it has with ErrResults.
func ParseResults(text string) (author string, verdicts []Verdict, err error) {
	if len(text) > maxResults {
		return "", nil, ErrResults
	}
	l := &lexer{text: text}
	author = l.value()
	if author == "" {
		return "", nil, ErrResults
	}
	l.word() // the version, if there is one
	for l.is(';') {
		name := l.word()
		if name == "none" || name == "" && l.end() {
			continue
		}
		l.is2('/')
		if !l.is('=') || len(verdicts) >= maxVerdicts {
			return author, verdicts, ErrResults
		}
		v := Verdict{Method: Method(strings.ToLower(name)), Result: Result(strings.ToLower(l.value()))}
		if v.Result == "" {
			return author, verdicts, ErrResults
		}
		if err := v.parseProperties(l); err != nil {
			return author, verdicts, err
		}
		verdicts = append(verdicts, v)
	}
	if !l.end() {
		return author, verdicts, ErrResults
	}
	return author, verdicts, nil
}

func (v *Verdict) parseProperties(l *lexer) error {
	for {
		name := l.word()
		if name == "" {
			return nil
		}
		if !l.is('=') || len(v.Properties) >= maxProperties {
			return ErrResults
		}
		text := l.value()
		kind, property, found := strings.Cut(name, ".")
		switch {
		case strings.EqualFold(name, "reason"):
			v.Reason = text
		case found:
			v.Properties = append(v.Properties, Property{strings.ToLower(kind), strings.ToLower(property), text})
		default:
			return ErrResults
		}
	}
}

// lexer splits a value into words, between which comments and space may stand.
type lexer struct{ text string }

// skip passes over white space and comments, nested ones too.
func (l *lexer) skip() {
	depth := 0
	for i := 0; i < len(l.text); i++ {
		switch c := l.text[i]; {
		case c == '\\' && depth > 0:
			i++
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth > 0 || c == ' ' || c == '\t' || c == '\r' || c == '\n':
		default:
			l.text = l.text[i:]
			return
		}
	}
	l.text = ""
}

func (l *lexer) end() bool { l.skip(); return l.text == "" }

// is takes the character c if it is next.
func (l *lexer) is(c byte) bool {
	l.skip()
	if l.text == "" || l.text[0] != c {
		return false
	}
	l.text = l.text[1:]
	return true
}

// is2 takes c and the word behind it: the version of a method.
func (l *lexer) is2(c byte) {
	if l.is(c) {
		l.word()
	}
}

// word takes a name or a quoted string; "" if neither is next.
func (l *lexer) word() string { return l.until(" \t\r\n;=()\"/") }

// value takes what stands behind "=": the letters of base64 too, which many write
// without quotes.
func (l *lexer) value() string { return l.until(" \t\r\n;()\"") }

func (l *lexer) until(ends string) string {
	l.skip()
	if strings.HasPrefix(l.text, `"`) {
		return l.quoted()
	}
	n := strings.IndexAny(l.text, ends)
	if n < 0 {
		n = len(l.text)
	}
	w := l.text[:n]
	l.text = l.text[n:]
	return w
}

func (l *lexer) quoted() string {
	var b strings.Builder
	for i := 1; i < len(l.text); i++ {
		switch c := l.text[i]; {
		case c == '"':
			l.text = l.text[i+1:]
			return b.String()
		case c == '\\' && i+1 < len(l.text):
			i++
			b.WriteByte(l.text[i])
		default:
			b.WriteByte(c)
		}
	}
	l.text = ""
	return b.String()
}
