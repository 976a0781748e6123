package smtpd

import (
	"context"
	"errors"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Error is what goes wrong in a session: Code, Status and Text are for the
// client, Cause is for the log.
type Error struct {
	Code   int // RFC 5321 §4.2
	Status mail.Status
	Text   string
	Cause  error // may be nil
}

// Error is the whole of it, for the log.
func (e *Error) Error() string {
	if e.Cause == nil {
		return fmt.Sprintf("%d %s %s", e.Code, e.Status, e.Text)
	}
	return fmt.Sprintf("%d %s %s: %v", e.Code, e.Status, e.Text, e.Cause)
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Cause }

// replyTo turns any error into the reply that the client reads. It is the only
// place where that is decided. What nobody foresaw is temporary: the client
// keeps the message and tries again.
func replyTo(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if r, ok := errors.AsType[*mail.Refusal](err); ok {
		return &Error{replyCode(r.Status), r.Status, r.Text, r.Cause}
	}
	switch {
	case errors.Is(err, mail.ErrTooLarge):
		return &Error{552, mail.Status5_3_4TooLarge, "The message is larger than this server accepts", err}
	case errors.Is(err, mail.ErrNoSpace):
		return &Error{452, mail.Status4_3_1SystemFull, "The server's disk is full, try again later", err}
	case errors.Is(err, mail.ErrOverQuota):
		return &Error{452, mail.Status4_2_2MailboxFull, "The mailbox is full, try again later", err}
	case errors.Is(err, auth.ErrMalformed):
		return &Error{501, mail.Status5_5_2BadSyntax, "That is not what the mechanism calls for", err}
	case errors.Is(err, auth.ErrNeedsTLS):
		return &Error{538, mail.Status5_7_11TLSRequired, "Say STARTTLS first", err}
	case errors.Is(err, auth.ErrMechanism):
		return &Error{504, mail.Status5_5_4BadParameter, "That mechanism is not offered", err}
	case errors.Is(err, mail.ErrDenied):
		return &Error{535, mail.Status5_7_8BadCredentials, "Address or password is wrong", err}
	case errors.Is(err, mail.ErrElsewhere):
		return &Error{535, mail.Status5_7_1NotPermitted, "This account can't be used from this network; ask your administrator", err}
	case errors.Is(err, mail.ErrTryLater):
		return &Error{454, mail.Status4_7_0TryLater, "Too many attempts, try again later", err}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{451, mail.Status4_4_2Timeout, "The server took too long, try again later", err}
	}
	return &Error{451, mail.Status4_3_0SystemTrouble, "The server has a problem of its own, try again later", err}
}

// replyCode is the basic code that goes with an enhanced one where the
// enhanced one says more than its class.
func replyCode(s mail.Status) int {
	switch s & 0xffff {
	case mail.Status5_2_2MailboxFull & 0xffff, mail.Status5_2_3TooLargeForOne & 0xffff, mail.Status5_3_4TooLarge & 0xffff, mail.Status4_3_1SystemFull & 0xffff:
		return s.Class()*100 + 52
	}
	if s.Class() == 4 {
		return 451
	}
	return 550
}

// errHangUp ends a session without another word: the peer is gone, or does not
// speak SMTP.
var errHangUp = errors.New("hang up")
