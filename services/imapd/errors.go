package imapd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Status is the first word of a response that says how something went.
type Status string

// The statuses of an Error (RFC 9051 §7.1).
const (
	NO  Status = "NO"
	BAD Status = "BAD"
	BYE Status = "BYE" // the connection ends with it
)

// Error is what goes wrong in a session. Status, Code and Text are for the
// client; Cause is for the log.
type Error struct {
	Status Status
	Code   string // response code without brackets, "" if none (RFC 9051 §7.1, RFC 5530)
	Text   string
	Cause  error // nil when the client is the whole cause
}

// Error is the whole of it, for the log.
func (e *Error) Error() string {
	text := strings.TrimSpace(fmt.Sprintf("%s %s", e.Status, e.Text))
	if e.Cause != nil {
		return text + ": " + e.Cause.Error()
	}
	return text
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Cause }

// errHangUp ends the session without another word: the client is gone, or it is
// in the middle of a literal that can't be finished.
var errHangUp = errors.New("hang up")

func bad(format string, args ...any) *Error {
	return &Error{Status: BAD, Text: fmt.Sprintf(format, args...)}
}

func no(code, format string, args ...any) *Error {
	return &Error{Status: NO, Code: code, Text: fmt.Sprintf(format, args...)}
}

// answers says what the client reads for each error that is the request's own matter.
func answers() []struct {
	is    error
	reply Error
} {
	return []struct {
		is    error
		reply Error
	}{
		{mail.ErrNoMailbox, Error{NO, "NONEXISTENT", "There is no such mailbox", nil}},
		{mail.ErrMailboxExists, Error{NO, "ALREADYEXISTS", "A mailbox of that name exists already", nil}},
		{mail.ErrMailboxName, Error{NO, "CANNOT", "That is not a possible mailbox name", nil}},
		{mail.ErrNoRight, Error{NO, "NOPERM", "The owner of that mailbox has not allowed this", nil}},
		{mail.ErrMailboxInUse, Error{NO, "CANNOT", "That mailbox can't be removed", nil}},
		{mail.ErrNoMessage, Error{NO, "EXPUNGEISSUED", "Some of the messages are no longer there", nil}},
		// RFC 5530 §3, CORRUPTION: trying again does not help.
		{mail.ErrDamaged, Error{NO, "CORRUPTION", "A message is damaged on the server's disk and can't be read; all others can. Ask your administrator to put it back from a backup", nil}},
		{mail.ErrTooLarge, Error{NO, "TOOBIG", "The message is larger than this server accepts", nil}},
		{mail.ErrOverQuota, Error{NO, "OVERQUOTA", "The account's space is used up", nil}},
		{mail.ErrKeywords, Error{NO, "LIMIT", "This account has used too many different combinations of keywords; use ones that a message has already", nil}},
		{mail.ErrTooMany, Error{NO, "LIMIT", "There are too many of these already", nil}},
		{mail.ErrDenied, Error{NO, "AUTHENTICATIONFAILED", "Address or password is wrong", nil}},
		// RFC 5530 §3: not AUTHENTICATIONFAILED, at which programs ask for the password.
		{mail.ErrElsewhere, Error{NO, "CONTACTADMIN", "This account can't be used from this network; ask your administrator", nil}},
		{mail.ErrTryLater, Error{NO, "UNAVAILABLE", "Too many attempts, try again later", nil}},
		{auth.ErrNeedsTLS, Error{NO, "PRIVACYREQUIRED", "Start TLS first: a password never travels in the clear", nil}},
		{auth.ErrMechanism, Error{NO, "CANNOT", "That log-in mechanism is not offered", nil}},
		{auth.ErrMalformed, Error{BAD, "", "That is not what the log-in mechanism calls for", nil}},
		{mail.ErrNoAccount, Error{BYE, "", "This account has been removed", nil}},
		{wire.ErrLineTooLong, Error{BAD, "TOOBIG", "That command line is too long", nil}},
	}
}

// replyTo turns any error into what the client reads. It is the only place where
// that is decided. What nobody foresaw is the box's own trouble: the client may
// try again, and the log has the cause.
func replyTo(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*wire.SyntaxError](err); ok {
		return &Error{Status: BAD, Text: capitalised(e.Text)}
	}
	if e, ok := errors.AsType[*wire.FatalError](err); ok {
		return &Error{Status: BYE, Text: capitalised(e.Text)}
	}
	if e, ok := errors.AsType[*wire.TooLargeError](err); ok {
		return bad("A literal of %d bytes is too large here", e.Size)
	}
	for _, a := range answers() {
		if errors.Is(err, a.is) {
			return &a.reply
		}
	}
	switch {
	case errors.Is(err, mail.ErrReadOnly): // it may be too full for anything to be deleted
		return &Error{NO, "UNAVAILABLE", "The server's disk takes no writes; reading still works", err}
	case errors.Is(err, mail.ErrNoSpace):
		return &Error{NO, "UNAVAILABLE", "The server's disk is full; reading and deleting still work", err}
	case errors.Is(err, mail.ErrClosed), errors.Is(err, context.Canceled):
		return &Error{BYE, "UNAVAILABLE", "The server is closing, please come back in a moment", err}
	}
	return &Error{NO, "UNAVAILABLE", "The server could not do that just now, please try again", err}
}

// capitalised begins a text for the client with a capital letter.
func capitalised(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
