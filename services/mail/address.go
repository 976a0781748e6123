package mail

import (
	"errors"
	"net/netip"
	"strings"
	"unicode/utf8"
)

// Limits of RFC 5321 §4.5.3.1, in octets.
const (
	MaxLocalPart = 64
	MaxDomain    = 255
)

// Address is a mailbox as SMTP knows it: the local part without quoting, and
// the domain as it was written. The zero value is the null reverse-path <>.
type Address struct {
	Local  string
	Domain string // a domain name, or an address literal with its brackets
}

// CanonicalAddress is an address in the one form under which it is looked up
// and compared: lower case. It is a type of its own so that nobody compares
// what a client wrote with what the directory keeps. (Other domains may tell
// upper from lower case in local parts; this is only for the box's own.)
type CanonicalAddress string

// ErrAddress says that something is not an address as RFC 5321 writes it.
var ErrAddress = errors.New("not a mail address")

// ParseAddress reads the Mailbox of RFC 5321 §4.1.2, with the UTF-8 of RFC 6531:
// local-part "@" domain or address literal, no angle brackets, no comments.
// Every error is ErrAddress.
func ParseAddress(s string) (Address, error) {
	local, rest, err := cutLocal(s)
	if err != nil {
		return Address{}, err
	}
	if len(local) > MaxLocalPart || len(rest) > MaxDomain || !utf8.ValidString(s) {
		return Address{}, ErrAddress
	}
	if !isDomain(rest) && !isAddressLiteral(rest) {
		return Address{}, ErrAddress
	}
	return Address{Local: local, Domain: rest}, nil
}

// cutLocal splits s at the "@" behind the local part, which it unquotes.
func cutLocal(s string) (local, domain string, err error) {
	if !strings.HasPrefix(s, `"`) {
		local, domain, found := strings.Cut(s, "@")
		if !found || !isDotString(local) {
			return "", "", ErrAddress
		}
		return local, domain, nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			domain, found := strings.CutPrefix(s[i+1:], "@")
			if !found {
				return "", "", ErrAddress
			}
			return b.String(), domain, nil
		case c == '\\' && i+1 < len(s) && s[i+1] >= ' ' && s[i+1] < 0x7f:
			i++
			b.WriteByte(s[i])
		case c < ' ' || c == 0x7f || c == '\\':
			return "", "", ErrAddress
		default:
			b.WriteByte(c)
		}
	}
	return "", "", ErrAddress
}

func isDotString(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" || strings.ContainsFunc(atom, func(r rune) bool { return !isAtext(r) }) {
			return false
		}
	}
	return true
}

// isAtext is the atext of RFC 5322 §3.2.3 with the UTF-8 of RFC 6532 §3.2.
func isAtext(r rune) bool {
	return r > 0x9f && r != utf8.RuneError ||
		r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' ||
		r < 0x80 && strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

func isDomain(s string) bool {
	if len(s) > MaxDomain {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			ascii := r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' || r == '_'
			if !ascii && (r <= 0x9f || r == utf8.RuneError) {
				return false
			}
		}
	}
	return true
}

// isAddressLiteral knows the two literals of RFC 5321 §4.1.3 that are in use.
func isAddressLiteral(s string) bool {
	inner, ok := strings.CutPrefix(s, "[")
	if !ok {
		return false
	}
	inner, ok = strings.CutSuffix(inner, "]")
	if !ok {
		return false
	}
	v6, tagged := strings.CutPrefix(strings.ToLower(inner), "ipv6:")
	addr, err := netip.ParseAddr(v6)
	return err == nil && addr.Is6() == tagged && addr.Zone() == ""
}

// IsZero reports whether a is the null reverse-path.
func (a Address) IsZero() bool { return a == Address{} }

// IsASCII reports whether a can be sent without SMTPUTF8.
func (a Address) IsASCII() bool {
	beyond := func(r rune) bool { return r >= utf8.RuneSelf }
	return !strings.ContainsFunc(a.Local, beyond) && !strings.ContainsFunc(a.Domain, beyond)
}

// String is the address as it stands between the angle brackets of SMTP, the
// local part quoted where it must be; "" for the null path.
func (a Address) String() string {
	if a.IsZero() {
		return ""
	}
	if isDotString(a.Local) {
		return a.Local + "@" + a.Domain
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(a.Local) {
		if c := a.Local[i]; c == '"' || c == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(a.Local[i])
	}
	return b.String() + `"@` + a.Domain
}

// Canonical is the form under which the box looks its own addresses up.
func (a Address) Canonical() CanonicalAddress {
	return CanonicalAddress(strings.ToLower(a.String()))
}
