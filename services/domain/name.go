package domain

import (
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Name is a domain in canonical form: lower case, ASCII (A-labels), no dot at
// the end. Two Names are the same domain exactly when they are equal.
type Name string

// ErrName says that something can't be a domain name.
var ErrName = errors.New("not a domain name")

// maxLength is the longest name in text form that DNS can carry (RFC 1035
// §2.3.4: 255 octets on the wire, one for the first length, one for the root).
const maxLength = 253

// profile is stricter than DNS, as a mail domain must be: letters, digits and
// hyphens only (RFC 5321 §2.3.5), each U-label valid for IDNA2008. Its mapping
// folds case and width, so that what a person types finds what was set up.
// (idna.Lookup would also refuse labels with hyphens in the third and fourth
// place, which exist as ordinary names.)
func profile() *idna.Profile {
	return idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.Transitional(false), idna.CheckHyphens(false))
}

// Canonical reads a domain name. One dot at the end is taken for the root and
// dropped. Address literals are not names. Every error is ErrName.
func Canonical(s string) (Name, error) {
	s = strings.TrimSuffix(s, ".")
	if len(s) <= maxLength && isPlain(s) && isHostname(s) {
		return Name(s), nil // as it is kept, and mostly written
	}
	if s == "" || len(s) > maxLength || !utf8.ValidString(s) || strings.ContainsRune(s, utf8.RuneError) {
		return "", ErrName
	}
	if ascii := strings.ToLower(s); isPlain(ascii) && isHostname(ascii) {
		return Name(ascii), nil
	}
	ascii, err := profile().ToASCII(s)
	if err != nil || len(ascii) > maxLength || !isHostname(ascii) {
		return "", ErrName
	}
	return Name(ascii), nil
}

// isPlain recognises the names that IDNA leaves as they are, which is nearly
// all of them: this runs for every RCPT.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '-' && c != '.' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return !strings.Contains(s, "xn--")
}

// isHostname checks what the mapping may have left: an empty label, or one
// that begins or ends with a hyphen or is too long.
func isHostname(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}

// String is the canonical, ASCII form.
func (n Name) String() string { return string(n) }

// Unicode is the name as people read it, for pages and lists, not for look-ups.
func (n Name) Unicode() string {
	u, err := profile().ToUnicode(string(n))
	if err != nil {
		return string(n)
	}
	return u
}

// Address is an address of one of the box's own domains in the one form under
// which it is kept and looked up: the domain canonical, the local part in lower
// case and composed (NFC), because keyboards differ in how they write "š".
// An address literal has no such form: ErrName.
func Address(a mail.Address) (mail.Address, error) {
	name, err := Canonical(a.Domain)
	if err != nil {
		return mail.Address{}, err
	}
	local := norm.NFC.String(strings.ToLower(norm.NFC.String(a.Local)))
	if local == "" || !utf8.ValidString(local) || strings.ContainsRune(local, utf8.RuneError) || len(local) > mail.MaxLocalPart {
		return mail.Address{}, ErrName
	}
	return mail.Address{Local: local, Domain: string(name)}, nil
}
