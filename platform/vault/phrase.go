package vault

import (
	"crypto/rand"
	"fmt"
	"strings"
)

// The phrase's form.
const (
	groups     = 8
	groupSize  = 4 // the last character is computed from the others
	groupBits  = 15
	phraseBits = groups * groupBits
)

// alphabet has no I, L, O and U: they are read as 1, 1, 0 and V, or make words.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// Phrase is what somebody writes down, so that the mail can be had again when the machine is gone, or has no TPM.
type Phrase struct{ groups [groups]uint16 } // 15 bits each

// NewPhrase makes one.
func NewPhrase() Phrase {
	var p Phrase
	var raw [2 * groups]byte
	_, _ = rand.Read(raw[:]) // never fails (crypto/rand)
	for i := range p.groups {
		p.groups[i] = (uint16(raw[2*i])<<8 | uint16(raw[2*i+1])) & (1<<groupBits - 1)
	}
	return p
}

// String is the phrase as it is written down: groups with spaces between them.
func (p Phrase) String() string {
	var b strings.Builder
	for i, g := range p.groups {
		if i > 0 {
			b.WriteByte(' ')
		}
		for _, c := range characters(i, g) {
			b.WriteByte(alphabet[c])
		}
	}
	return b.String()
}

// characters are a group's, as places in the alphabet. The last is a sum in which each character has an odd factor, so
// that another character is always noticed; and the group's number, so that groups in another order are.
func characters(number int, g uint16) [groupSize]byte {
	a, b, c := byte(g>>10&31), byte(g>>5&31), byte(g&31)
	return [groupSize]byte{a, b, c, (a + 3*b + 5*c + 11*byte(number)) & 31}
}

// PhraseError says what is wrong with a phrase, in words for whoever typed it.
type PhraseError struct{ Public string }

func (e *PhraseError) Error() string { return "phrase: " + e.Public }

// ParsePhrase reads what somebody typed: upper or lower case, with or without spaces and hyphens. Every error is a
// *PhraseError.
func ParsePhrase(typed string) (Phrase, error) {
	const most = 200 // bytes: a phrase with hyphens and spaces at every character is shorter
	if len(typed) > most {
		return Phrase{}, &PhraseError{"This is longer than any recovery phrase."}
	}
	var places []byte
	for _, r := range strings.ToUpper(typed) {
		switch r {
		case ' ', '-', '.', '\t', '\n', '\r', '\u00a0':
			continue
		case 'I', 'L':
			r = '1'
		case 'O':
			r = '0'
		case 'U':
			r = 'V'
		}
		at := strings.IndexRune(alphabet, r)
		if at < 0 {
			return Phrase{}, &PhraseError{fmt.Sprintf("A recovery phrase has no %q in it.", r)}
		}
		places = append(places, byte(at))
	}
	if len(places) != groups*groupSize {
		return Phrase{}, &PhraseError{fmt.Sprintf("A recovery phrase has %d characters, in %d groups of %d; this has %d.", groups*groupSize, groups, groupSize, len(places))}
	}
	var p Phrase
	for i := range p.groups {
		c := places[groupSize*i:]
		p.groups[i] = uint16(c[0])<<10 | uint16(c[1])<<5 | uint16(c[2])
		if characters(i, p.groups[i])[groupSize-1] != c[groupSize-1] {
			return Phrase{}, &PhraseError{fmt.Sprintf("Group %d is not as it was written down. Please look at it again.", i+1)}
		}
	}
	return p, nil
}

// secret is what the phrase is worth.
func (p Phrase) secret() []byte {
	out := make([]byte, 0, 2*groups)
	for _, g := range p.groups {
		out = append(out, byte(g>>8), byte(g))
	}
	return out
}
