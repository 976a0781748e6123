package resolver

import (
	"strings"
	"unicode/utf8"

	"github.com/miekg/dns"
	"golang.org/x/net/idna"
)

// absolute is a name as it is asked for: canonical, with a dot at the end. The
// error is ErrName.
func absolute(name string) (string, error) {
	name, err := Canonical(name)
	return name + ".", err
}

// Canonical is a name as DNS has it: A-labels, lower case, no dot at the end.
// Underscores and hyphens are as good as letters anywhere: what is asked for is
// not always a host. The error is ErrName.
func Canonical(name string) (string, error) {
	name = strings.TrimSuffix(name, ".")
	if name == "" || !utf8.ValidString(name) || strings.ContainsRune(name, utf8.RuneError) || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' || r == '"' }) {
		return "", ErrName
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r >= 0x80 }) {
		// RFC 5891 §5: mapped as a person's input is, since header fields and
		// SMTPUTF8 envelopes hold what people typed.
		ascii, err := idna.New(idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false), idna.StrictDomainName(false)).ToASCII(name)
		if err != nil {
			return "", ErrName
		}
		name = ascii
	}
	if labels, ok := dns.IsDomainName(name); !ok || labels == 0 || len(name) > maxName || strings.Contains(name, "..") {
		return "", ErrName
	}
	return strings.ToLower(name), nil
}

// maxName is the longest name in text form (RFC 1035 §2.3.4: 255 octets on the
// wire, one for the first length, one for the root).
const maxName = 253

// plain is a name as callers see it: without the dot at the end, lower case.
func plain(name string) string {
	return strings.TrimSuffix(dns.CanonicalName(name), ".")
}

// parent is the name without its first label; "." for a top-level name.
func parent(name string) string {
	next, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[next:]
}

// isBelow says whether name is zone or lies in it. Both are canonical.
func isBelow(name, zone string) bool {
	return zone == "." || name == zone || strings.HasSuffix(name, "."+zone)
}

// compareNames is the canonical order of names (RFC 4034 §6.1).
func compareNames(a, b string) int {
	x, y := dns.SplitDomainName(a), dns.SplitDomainName(b)
	for i, j := len(x)-1, len(y)-1; i >= 0 && j >= 0; i, j = i-1, j-1 {
		if c := strings.Compare(octets(x[i]), octets(y[j])); c != 0 {
			return c
		}
	}
	return len(x) - len(y)
}

// octets is a label without the escapes of its text form.
func octets(label string) string {
	if !strings.Contains(label, `\`) {
		return label
	}
	var b strings.Builder
	for i := 0; i < len(label); i++ {
		switch c := label[i]; {
		case c == '\\' && i+3 < len(label) && isDigit(label[i+1]) && isDigit(label[i+2]) && isDigit(label[i+3]):
			b.WriteByte((label[i+1]-'0')*100 + (label[i+2]-'0')*10 + label[i+3] - '0')
			i += 3
		case c == '\\' && i+1 < len(label):
			i++
			b.WriteByte(label[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
