package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Bounds of one step as it is kept: the words of an unfriendly server are cut, and what
// is known beyond them goes on in further steps, see parts.
const (
	maxPairs = 256
	maxName  = 64
	maxValue = 1 << 10
	maxStep  = 32 << 10
	// maxParts bounds what one line makes: some eight thousand recipients, more than any
	// server takes at once.
	maxParts = 32
	// maxOf is how many messages one step is about, 9 KB; a line about more makes several.
	maxOf = 512
)

const (
	stepVersion = 1          // of one message
	manyVersion = 2          // of several, which stand behind the head
	stepHead    = 1 + 16 + 8 // version, ID, time
)

// Pair is one thing that is known of a step, such as to and an address.
type Pair struct{ Name, Value string }

// Step is what happened to a message at one moment.
type Step struct {
	ID    mail.ID
	At    time.Time
	What  string // in the words of the log: "message received"; "": see parts
	Pairs []Pair
	// Of are messages to all of which the same has happened; ID is zero then. Such a step
	// is found by their IDs alone, and is given as each one's.
	Of []mail.Traced
}

// Get is the first value of a name, "" if there is none.
func (s *Step) Get(name string) string {
	for _, p := range s.Pairs {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// All are the values of a name.
func (s *Step) All(name string) (values []string) {
	for _, p := range s.Pairs {
		if p.Name == name {
			values = append(values, p.Value)
		}
	}
	return values
}

// encode is the step as it is kept; what is beyond the bounds is cut or left out.
func (s *Step) encode() []byte {
	b := make([]byte, 0, 256)
	version := byte(stepVersion)
	if len(s.Of) > 0 {
		version = manyVersion
	}
	b = append(b, version)
	b = append(b, s.ID[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(s.At.UnixNano()))
	if version == manyVersion {
		of := s.Of[:min(len(s.Of), maxOf)]
		b = binary.AppendUvarint(b, uint64(len(of)))
		for _, m := range of {
			b = binary.AppendUvarint(append(b, m.ID[:]...), uint64(m.UID))
		}
	}
	b = appendText(b, s.What, maxValue)
	for i, p := range s.Pairs {
		if i == maxPairs || len(b) > maxPairsAt {
			break
		}
		b = appendText(appendText(b, p.Name, maxName), p.Value, maxValue)
	}
	return b
}

// maxPairsAt is how long a step may be where another pair of any length still fits.
const maxPairsAt = maxStep - maxName - maxValue - 2*binary.MaxVarintLen16

func appendText(b []byte, s string, most int) []byte {
	s = s[:min(len(s), most+utf8.UTFMax)] // whoever sends a megabyte has none of it looked at
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) > most {
		for most > 0 && !utf8.RuneStart(s[most]) {
			most--
		}
		s = s[:most]
	}
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// timeOf is when a step was, of its first bytes; false where that is none.
func timeOf(b []byte) (time.Time, bool) {
	if len(b) < stepHead || b[0] != stepVersion && b[0] != manyVersion {
		return time.Time{}, false
	}
	return time.Unix(0, int64(binary.LittleEndian.Uint64(b[1+16:]))), true
}

var errStep = errors.New("trace: not a step")

// decode reads what encode wrote.
func decode(b []byte) (s Step, err error) {
	at, ok := timeOf(b)
	if !ok || len(b) > maxStep {
		return s, errStep
	}
	copy(s.ID[:], b[1:])
	s.At = at
	many := b[0] == manyVersion
	b = b[stepHead:]
	if many {
		if s.Of, b, err = cutOf(b); err != nil {
			return s, err
		}
	}
	if s.What, b, err = cutText(b, maxValue); err != nil {
		return s, err
	}
	for len(b) > 0 {
		var p Pair
		if len(s.Pairs) == maxPairs {
			return s, fmt.Errorf("%w: more than %d pairs", errStep, maxPairs)
		}
		if p.Name, b, err = cutText(b, maxName); err != nil {
			return s, err
		}
		if p.Value, b, err = cutText(b, maxValue); err != nil {
			return s, err
		}
		s.Pairs = append(s.Pairs, p)
	}
	return s, nil
}

// cutOf reads the messages of a step that is about several.
func cutOf(b []byte) ([]mail.Traced, []byte, error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n == 0 || n > maxOf {
		return nil, nil, errStep
	}
	b = b[size:]
	of := make([]mail.Traced, n)
	for i := range of {
		if len(b) < len(of[i].ID) {
			return nil, nil, errStep
		}
		b = b[copy(of[i].ID[:], b):]
		uid, size := binary.Uvarint(b)
		if size <= 0 || uid > math.MaxUint32 {
			return nil, nil, errStep
		}
		of[i].UID, b = mail.UID(uid), b[size:]
	}
	return of, b, nil
}

func cutText(b []byte, most int) (string, []byte, error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(most) || n > uint64(len(b)-size) {
		return "", nil, errStep
	}
	b = b[size:]
	return string(b[:n]), b[n:], nil
}
