package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Bounds of one step: a message to 200 people has them all named, and the words of an
// unfriendly server are cut.
const (
	maxPairs = 256
	maxName  = 64
	maxValue = 1 << 10
	maxStep  = 32 << 10
)

const (
	stepVersion = 1
	stepHead    = 1 + 16 + 8 // version, ID, time
)

// Pair is one thing that is known of a step, such as to and an address.
type Pair struct{ Name, Value string }

// Step is what happened to a message at one moment.
type Step struct {
	ID    mail.ID
	At    time.Time
	What  string // in the words of the log: "message received"
	Pairs []Pair
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
	b = append(b, stepVersion)
	b = append(b, s.ID[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(s.At.UnixNano()))
	b = appendText(b, s.What, maxValue)
	for i, p := range s.Pairs {
		if i == maxPairs || len(b) > maxStep-maxName-maxValue-2*binary.MaxVarintLen16 {
			break
		}
		b = appendText(appendText(b, p.Name, maxName), p.Value, maxValue)
	}
	return b
}

func appendText(b []byte, s string, most int) []byte {
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
	if len(b) < stepHead || b[0] != stepVersion {
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
	b = b[stepHead:]
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

func cutText(b []byte, most int) (string, []byte, error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(most) || n > uint64(len(b)-size) {
		return "", nil, errStep
	}
	b = b[size:]
	return string(b[:n]), b[n:], nil
}
