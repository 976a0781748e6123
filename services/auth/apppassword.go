package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// AppPassword is what is kept of a password that the box has made for one mail program.
type AppPassword struct {
	Number   mail.ProgramNumber
	Hash     []byte         // Key.AppPasswordHash
	Services []mail.Service // that it opens; none: all
}

// An app password is twenty letters out of 23, which are 90 random bits, shown in
// groups of four. i, l and o are left out: they are misread. Nothing else is in it, so
// that it can be typed on a phone without changing keyboards.
const (
	appLetters = "abcdefghjkmnpqrstuvwxyz"
	appLength  = 20
	appGroup   = 4
)

// NewAppPassword makes one, as it is shown.
func NewAppPassword() string {
	var b strings.Builder
	for n := 0; n < appLength; {
		var c [1]byte
		rand.Read(c[:])
		if int(c[0]) >= 256/len(appLetters)*len(appLetters) {
			continue // else the first letters would come more often
		}
		if n > 0 && n%appGroup == 0 {
			b.WriteByte(' ')
		}
		b.WriteByte(appLetters[int(c[0])%len(appLetters)])
		n++
	}
	return b.String()
}

// appPasswordText is an app password in one spelling: people type the groups with spaces,
// hyphens or neither, and phones begin them with a capital. False: it is none.
func appPasswordText(typed string) (string, bool) {
	if len(typed) > maxPassword {
		return "", false
	}
	text := strings.ToLower(strings.NewReplacer(" ", "", "-", "", "\u00a0", "").Replace(typed))
	if len(text) != appLength || strings.Trim(text, appLetters) != "" {
		return "", false
	}
	return text, true
}

// AppPasswordHash is what is kept of an app password of an account. It is a keyed hash,
// and a fast one: 90 random bits can't be guessed however fast it is, nor even tried
// without the box key; and a log-in doesn't say which of an account's fifty it gives.
// The account is hashed with it, so that a hash opens no other. Nil: the text is none.
func (k *Key) AppPasswordHash(id mail.AccountID, typed string) []byte {
	text, ok := appPasswordText(typed)
	if !ok {
		return nil
	}
	mac := hmac.New(sha256.New, k.Derive("app passwords"))
	mac.Write([]byte(id.String() + "\x00" + text))
	return mac.Sum(nil)
}

// For is the same Authenticator, with the same lock-out, for one service of mail
// programs: there app passwords are taken, and an account's own password is not where
// the account says so. Without it, for the pages, app passwords are wrong passwords.
func (a *Authenticator) For(service mail.Service) *Authenticator {
	b := *a
	b.service = service
	return &b
}

// program finds the app password that was given, among those good for the service.
func (t *attempt) program(password string) (mail.ProgramNumber, bool) {
	if !t.known || t.a.service == "" || len(t.programs) == 0 {
		return 0, false
	}
	hash := t.a.key.AppPasswordHash(t.account.Account, password)
	found := mail.ProgramNumber(0)
	for _, p := range t.programs {
		good := len(p.Services) == 0 || slices.Contains(p.Services, t.a.service)
		if good && len(hash) > 0 && subtle.ConstantTimeCompare(hash, p.Hash) == 1 {
			found = p.Number
		}
	}
	return found, found != 0
}
