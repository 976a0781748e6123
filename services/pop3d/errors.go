package pop3d

import (
	"context"
	"errors"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// The response codes (RFC 2449 §8, RFC 3206).
const (
	codeAuth      = "AUTH"        // the credentials are the matter
	codeDelay     = "LOGIN-DELAY" // the account has logged in a moment ago
	codeInUse     = "IN-USE"      // another session has the maildrop
	codeTemporary = "SYS/TEMP"    // the box's own trouble, likely to pass
	codePermanent = "SYS/PERM"    // one that somebody has to mend
)

// Error is what goes wrong in a session. Code and Text are for the client;
// Cause is for the log.
type Error struct {
	Code  string // without brackets; "" if none fits
	Text  string
	Cause error // nil when the client is the whole cause
	Last  bool  // the connection ends with it
}

// Error is the whole of it, for the log.
func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Text + ": " + e.Cause.Error()
	}
	return e.Text
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Cause }

// errHangUp ends the session without another word.
var errHangUp = errors.New("hang up")

// errQuit ends the session after its reply.
var errQuit = errors.New("the client said QUIT")

// syntaxError is a command that is not what it should be; it counts against
// whoever sends many.
type syntaxError struct{ text string }

func (e syntaxError) Error() string { return e.text }

// replyTo turns any error into what the client reads. It is the only place
// where that is decided. What nobody foresaw is the box's own trouble: the
// client may try again, and the log has the cause.
func replyTo(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[syntaxError](err); ok {
		return &Error{Text: e.text}
	}
	switch {
	case errors.Is(err, mail.ErrDenied):
		return &Error{Code: codeAuth, Text: "Address or password is wrong"}
	case errors.Is(err, mail.ErrElsewhere):
		// RFC 3206 §4 counts an invalid location among what AUTH stands for.
		return &Error{Code: codeAuth, Text: "This account can't be used from this network; ask your administrator"}
	case errors.Is(err, mail.ErrTryLater):
		return &Error{Code: codeTemporary, Text: "Too many attempts, try again later"}
	case errors.Is(err, auth.ErrNeedsTLS):
		return &Error{Text: "Start TLS first: a password never travels in the clear"}
	case errors.Is(err, auth.ErrMechanism):
		return &Error{Text: "That log-in mechanism is not offered"}
	case errors.Is(err, auth.ErrMalformed):
		return &Error{Text: "That is not what the log-in mechanism calls for"}
	case errors.Is(err, mail.ErrNoMessage):
		return &Error{Text: "That message is no longer there"}
	case errors.Is(err, mail.ErrDamaged):
		return &Error{Code: codePermanent, Text: "This message is damaged on the server's disk and can't be read; all others can. Ask your administrator to put it back from a backup", Cause: err}
	case errors.Is(err, mail.ErrNoAccount):
		return &Error{Code: codeAuth, Text: "This account has been removed", Last: true}
	case errors.Is(err, mail.ErrNoSpace):
		return &Error{Code: codeTemporary, Text: "The server's disk is full; reading still works", Cause: err}
	case errors.Is(err, mail.ErrReadOnly):
		return &Error{Code: codeTemporary, Text: "The server's disk takes no writes; reading still works", Cause: err}
	case errors.Is(err, mail.ErrClosed), errors.Is(err, context.Canceled):
		return &Error{Code: codeTemporary, Text: "The server is closing, please come back in a moment", Last: true}
	}
	return &Error{Code: codeTemporary, Text: "The server could not do that just now, please try again", Cause: err}
}
