package resolver

import (
	"errors"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// What an answer can lack. Every error that is not ErrNone is temporary.
var (
	// ErrNone: there is none, and that is certain for as long as the Answer's TTL says.
	ErrNone = errors.New("there is none in DNS")
	// ErrNoName: the name does not exist, nor anything below it (NXDOMAIN). It is an ErrNone.
	ErrNoName = fmt.Errorf("no such name: %w", ErrNone)
	// ErrNoData: the name exists, but has no record of this type. It is an ErrNone.
	ErrNoData = fmt.Errorf("no such record: %w", ErrNone)
	// ErrName: the name is not one that DNS can hold. It is an ErrNone.
	ErrName = fmt.Errorf("not a name that DNS can hold: %w", ErrNone)
	// ErrBogus: DNSSEC should prove the answer, and does not.
	ErrBogus = errors.New("the answer's signatures do not hold (DNSSEC)")
	// ErrPanic: an answer made the code that reads it fail. It is a defect here or in
	// the library; the process lives on.
	ErrPanic = errors.New("the answer could not be read")
	// ErrServer: no server gave an answer that could be used.
	ErrServer = errors.New("no DNS server answers")
)

// unanswered is why one server could not be asked. Its text is for people: it stands in
// lists of waiting mail and in reports to senders.
type unanswered struct{ cause error }

// Error is the cause in words.
func (e *unanswered) Error() string { return mail.InWords(e.cause) }

// Unwrap is the cause.
func (e *unanswered) Unwrap() error { return e.cause }
