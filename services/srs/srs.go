// Package srs writes reverse-paths anew for mail that is forwarded, so that the
// next server finds them in the forwarder's domain, and reads them back when a
// report comes (the Sender Rewriting Scheme of libsrs2 and its kin; there is no
// RFC).
//
// What comes in: a reverse-path and the domain that forwards. What goes out:
//
//	SRS0=hash=day=domain=local@ours       for a@domain
//	SRS1=hash=host==rest@ours             for SRS0=rest@host, SRS1=…=host==rest@…
//
// The hash is over all that follows it, under a key that no one else has, so that
// nobody can have reports sent to whom they like; the day lets it expire. Hash and
// day don't tell upper from lower case, because some servers don't keep it.
//
// The package is pure: no I/O, no state, any goroutine.
package srs

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// MaxAge is how long reports are taken: servers give up after five days, some
// people's after two weeks.
const MaxAge = 21 * 24 * time.Hour

var (
	// ErrForged: the address was not made here.
	ErrForged = errors.New("this address for reports was not given out here")
	// ErrExpired: it was, too long ago.
	ErrExpired = errors.New("this address for reports has expired")
	// ErrTooLong: the rewritten local part would be longer than RFC 5321 §4.5.3.1.1
	// allows (64 octets); some servers refuse such a path.
	ErrTooLong = errors.New("the address is too long to be written anew")
)

const (
	day      = 24 * time.Hour
	cycle    = 1024 // days that two letters can tell apart
	hashSize = 8    // letters: 40 bits, which nobody guesses by sending mail
	daySize  = 2
)

// Rewriter rewrites under one key.
type Rewriter struct {
	key []byte
}

// New makes a Rewriter; the key is at least 16 random bytes.
func New(key []byte) *Rewriter { return &Rewriter{key: key} }

// encoding is RFC 4648 base32, in the letters that mail addresses have anyway.
func encoding() *base32.Encoding { return base32.StdEncoding.WithPadding(base32.NoPadding) }

// Is reports whether a local part looks like one of a rewritten path.
func Is(local string) bool {
	_, _, ok := cut(local)
	return ok
}

// cut takes "SRS0=" off; the separator may also be + or - .
func cut(local string) (digit byte, rest string, ok bool) {
	if len(local) < 5 || !strings.EqualFold(local[:3], "srs") || local[3] != '0' && local[3] != '1' || !strings.ContainsRune("=+-", rune(local[4])) {
		return 0, "", false
	}
	return local[3], local[5:], true
}

// Forward writes a reverse-path anew in the domain that forwards. The null path
// stays what it is. Error: ErrTooLong.
func (w *Rewriter) Forward(from mail.Address, domain string, now time.Time) (mail.Address, error) {
	if from.IsZero() {
		return from, nil
	}
	digit, rest, is := cut(from.Local)
	host, inner, found := strings.Cut(rest, "==")
	var local string
	switch {
	case is && digit == '0':
		local = w.sign("SRS1", from.Domain+"=="+rest)
	case is && found && strings.Contains(host, "="):
		// Another forwarder's SRS1: his hash goes, ours comes; the first host stays.
		_, first, _ := strings.Cut(host, "=")
		local = w.sign("SRS1", first+"=="+inner)
	default:
		local = w.sign("SRS0", letters(now)+"="+from.Domain+"="+from.Local)
	}
	if len(local) > mail.MaxLocalPart {
		return mail.Address{}, ErrTooLong
	}
	return mail.Address{Local: local, Domain: domain}, nil
}

func (w *Rewriter) sign(tag, rest string) string { return tag + "=" + w.hash(tag, rest) + "=" + rest }

func (w *Rewriter) hash(tag, rest string) string {
	mac := hmac.New(sha256.New, w.key)
	mac.Write([]byte(tag + "=" + strings.ToLower(rest)))
	return encoding().EncodeToString(mac.Sum(nil))[:hashSize]
}

// letters names a day.
func letters(now time.Time) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	n := now.Unix() / int64(day/time.Second) % cycle
	return string([]byte{alphabet[n>>5], alphabet[n&31]})
}

// Reverse is where a report to a rewritten path goes. Errors: ErrForged (also what
// is no rewritten path), ErrExpired.
func (w *Rewriter) Reverse(to mail.Address, now time.Time) (mail.Address, error) {
	digit, rest, ok := cut(to.Local)
	hash, rest, found := strings.Cut(rest, "=")
	tag := "SRS" + string(digit)
	if !ok || !found || !hmac.Equal([]byte(strings.ToUpper(hash)), []byte(w.hash(tag, rest))) {
		return mail.Address{}, ErrForged
	}
	if digit == '1' {
		host, inner, found := strings.Cut(rest, "==")
		if !found || host == "" {
			return mail.Address{}, ErrForged
		}
		return parsed("SRS0="+inner, host)
	}
	when, rest, _ := strings.Cut(rest, "=")
	domain, local, found := strings.Cut(rest, "=")
	if len(when) != daySize || !found {
		return mail.Address{}, ErrForged
	}
	for age := time.Duration(0); age <= MaxAge; age += day {
		if strings.EqualFold(when, letters(now.Add(-age))) {
			return parsed(local, domain)
		}
	}
	return mail.Address{}, ErrExpired
}

// parsed is an address that may be written into a dialogue.
func parsed(local, domain string) (mail.Address, error) {
	a, err := mail.ParseAddress(mail.Address{Local: local, Domain: domain}.String())
	if err != nil {
		return mail.Address{}, ErrForged
	}
	return a, nil
}
