// Package totp is the second factor by an app on somebody's phone: codes of six digits
// that are made from a shared secret and the time (RFC 6238, with SHA-1 and steps of 30
// seconds, which is what all apps can), and recovery codes for the day on which the
// phone is gone.
//
// What comes in: a code that somebody typed, and the time. What goes out: whether it is
// good, and the [Factor] as it is from then on, which the caller makes durable before
// anybody is let in: a code is good once, also after a restart and from two sides at
// once. A Factor's text ([Factor.Encode]) holds the secret: the caller seals it.
//
// Rejected: SHA-256 and eight digits (several apps ignore what the URI says of them and
// show codes that are never right); recovery codes in the clear; hashing them slowly
// (they have 60 random bits, which nobody goes through).
//
// Concurrency: a Factor belongs to one goroutine.
package totp

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

const (
	// secretBytes are those that RFC 4226 §4 R6 recommends.
	secretBytes = 20
	stepTime    = 30 * time.Second
	// drift is how many steps a phone's clock may be off to either side (RFC 6238 §5.2).
	drift = 1
	// recoveryCodes are given at once; recoveryChars of base32 each are 60 bits.
	recoveryCodes = 10
	recoveryChars = 12
	// maxEncoded bounds what Decode reads; a Factor takes some 600 bytes.
	maxEncoded = 2048
)

// ErrFactor says that a text is no Factor.
var ErrFactor = errors.New("totp: not a factor")

// ErrSecret says that a secret is none of NewSecret's.
var ErrSecret = errors.New("totp: not a secret of 32 base32 characters")

// Factor is one person's second factor.
type Factor struct {
	secret   []byte
	last     int64 // the newest step whose code was used
	recovery [][sha256.Size]byte
}

// NewSecret makes a secret, in base32 as apps take it.
func NewSecret() string {
	var secret [secretBytes]byte
	rand.Read(secret[:])
	return base32.StdEncoding.EncodeToString(secret[:])
}

// New makes a factor of a secret of NewSecret's, with its recovery codes, which are shown
// this once.
func New(secret string) (f *Factor, recovery []string, err error) {
	raw, err := base32.StdEncoding.DecodeString(secret)
	if err != nil || len(raw) != secretBytes {
		return nil, nil, ErrSecret
	}
	f = &Factor{secret: raw}
	for range recoveryCodes {
		text := strings.ToLower(rand.Text()[:recoveryChars])
		f.recovery = append(f.recovery, sha256.Sum256([]byte(text)))
		recovery = append(recovery, text[:4]+"-"+text[4:8]+"-"+text[8:])
	}
	return f, recovery, nil
}

// Use reports whether a code is good now, and takes it: of the app's, one that is newer
// than all that were used; of the recovery codes, one that is left. Spaces and hyphens
// don't count.
func (f *Factor) Use(typed string, now time.Time) bool {
	typed = strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(typed))
	if len(typed) == recoveryChars {
		return f.recover(typed)
	}
	step := now.Unix() / int64(stepTime/time.Second)
	for s := step - drift; s <= step+drift; s++ {
		if subtle.ConstantTimeCompare([]byte(code(f.secret, s)), []byte(typed)) == 1 {
			if s <= f.last {
				return false
			}
			f.last = s
			return true
		}
	}
	return false
}

func (f *Factor) recover(typed string) bool {
	sum := sha256.Sum256([]byte(typed))
	for i, known := range f.recovery {
		if subtle.ConstantTimeCompare(known[:], sum[:]) == 1 {
			f.recovery = append(f.recovery[:i:i], f.recovery[i+1:]...)
			return true
		}
	}
	return false
}

// Left is how many recovery codes are left.
func (f *Factor) Left() int { return len(f.recovery) }

// code is RFC 6238 §4's value of a step, with the truncation of RFC 4226 §5.3.
func code(secret []byte, step int64) string {
	mac := hmac.New(sha1.New, secret)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(step)))
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[at:])&0x7fffffff)%1_000_000)
}

// URI is what an app reads as a QR code, in the form that all of them know.
func URI(box, account, secret string) string {
	return "otpauth://totp/" + url.PathEscape(box) + ":" + url.PathEscape(account) + "?secret=" + secret + "&issuer=" + url.QueryEscape(box)
}

// encoded are a Factor's fields as they stand on disk, for ever.
type encoded struct {
	Secret   []byte   `json:"secret"`
	Last     int64    `json:"last"`
	Recovery [][]byte `json:"recovery,omitempty"`
}

// Encode gives the factor as a text for Decode.
func (f *Factor) Encode() string {
	e := encoded{Secret: f.secret, Last: f.last}
	for _, sum := range f.recovery {
		e.Recovery = append(e.Recovery, sum[:])
	}
	text, err := json.Marshal(e)
	if err != nil {
		panic(err) // bytes and numbers only
	}
	return string(text)
}

// Decode reads what Encode gave. The error is ErrFactor.
func Decode(text string) (*Factor, error) {
	var e encoded
	if len(text) > maxEncoded || json.Unmarshal([]byte(text), &e) != nil || len(e.Secret) != secretBytes || len(e.Recovery) > recoveryCodes {
		return nil, ErrFactor
	}
	f := &Factor{secret: e.Secret, last: e.Last}
	for _, sum := range e.Recovery {
		if len(sum) != sha256.Size {
			return nil, ErrFactor
		}
		f.recovery = append(f.recovery, [sha256.Size]byte(sum))
	}
	return f, nil
}
