package auth

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xdg-go/stringprep"

	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// minPassword is in characters. With the wait that the lock-out imposes, ten
	// characters that are on no list can't be guessed over the network.
	minPassword = 10
	// maxPassword is in bytes of UTF-8: far more than people type or managers
	// make, and little enough to hash for anyone who asks.
	maxPassword = 512
	// minDistinct characters: fewer is a key held down or two in turn.
	minDistinct = 5
	// minLocalPart is the shortest local part worth looking for in a password:
	// shorter ones stand in words by chance ("eve" in "seven").
	minLocalPart = 4
)

// weak says in the user's words why a password can't be used.
type weak string

func (w weak) Error() string { return string(w) }

func (w weak) Is(target error) bool { return target == ErrWeakPassword }

// prepare brings a password into the form that is hashed: SASLprep (RFC 4013),
// so that the same keys pressed on another system give the same password. What
// SASLprep has no word for (characters younger than Unicode 3.2, such as most
// emoji; mixed directions) stays as it is, which is what SCRAM clients do too.
// The error is ErrWeakPassword.
func prepare(password string) (string, error) {
	switch {
	case password == "":
		return "", weak("Please choose a password")
	case len(password) > maxPassword:
		return "", weak(fmt.Sprintf("The password is too long: at most %d letters fit", maxPassword))
	case !utf8.ValidString(password), strings.ContainsRune(password, utf8.RuneError):
		// U+FFFD is what decoders put where they could not read: two passwords that
		// differ there would become one.
		return "", weak("The password has characters that can't be read; they must be UTF-8")
	case strings.ContainsFunc(password, unicode.IsControl):
		return "", weak("The password can't contain line ends, tabs or other control characters")
	}
	prepared, err := stringprep.SASLprep.Prepare(password)
	if err != nil || prepared == "" {
		return password, nil
	}
	return prepared, nil
}

// Possible says whether a password can be one at all: not empty, not too long,
// no control characters. The error is ErrWeakPassword, its text one sentence.
func Possible(password string) error {
	_, err := prepare(password)
	return err
}

// CheckPassword says whether a password that somebody has chosen for an address
// is good enough: at least ten characters, not the address again, not a common
// or repetitive one. The error is ErrWeakPassword, its text one plain sentence.
func CheckPassword(account mail.Address, password string) error {
	prepared, err := prepare(password)
	if err != nil {
		return err
	}
	lower := strings.ToLower(prepared)
	if utf8.RuneCountInString(prepared) < minPassword {
		return weak(fmt.Sprintf("The password is too short: use %d characters or more, three words are easy to remember", minPassword))
	}
	local := strings.ToLower(account.Local)
	if utf8.RuneCountInString(local) >= minLocalPart && strings.Contains(lower, local) {
		return weak(fmt.Sprintf("The password can't contain %q, the name in the address", account.Local))
	}
	distinct := map[rune]bool{}
	for _, r := range lower {
		distinct[r] = true
	}
	if len(distinct) < minDistinct || isRepetition(lower) || isSequence(lower) {
		return weak("The password is too regular: it repeats a few characters or follows the keyboard")
	}
	if isCommon(lower) {
		return weak("The password is one of the first that anybody would try: choose another one")
	}
	return nil
}

// isRepetition recognises a short piece said again and again: "abcabcabcabc".
func isRepetition(s string) bool {
	for period := 1; period <= len(s)/2 && period <= 4; period++ {
		if strings.Repeat(s[:period], len(s)/period+1)[:len(s)] == s {
			return true
		}
	}
	return false
}

// isSequence recognises a run along the alphabet, the digits or the keyboard,
// in either direction.
func isSequence(s string) bool {
	const runs = "abcdefghijklmnopqrstuvwxyz 01234567890123456789 qwertyuiopasdfghjklzxcvbnm qwertzuiopasdfghjklyxcvbnm 1qaz2wsx3edc4rfv5tgb 1q2w3e4r5t6y7u8i9o0p"
	reversed := []byte(s)
	for i, j := 0, len(reversed)-1; i < j; i, j = i+1, j-1 {
		reversed[i], reversed[j] = reversed[j], reversed[i]
	}
	return strings.Contains(runs, s) || strings.Contains(runs, string(reversed))
}
