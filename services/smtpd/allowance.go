package smtpd

import (
	"errors"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Allowances bound what the office's accounts send, so that a stolen password does
// not become a spam run. Their errors are *mail.Refusal; any other is temporary.
type Allowances interface {
	// Message counts a message that an account begins to hand in.
	Message(account mail.AccountID) error
	// Recipient counts one recipient that the Mailroom takes.
	Recipient(account mail.AccountID, to mail.Address) error
}

// mayMessage counts a message of who is logged in. It is counted before it is
// there, so that a thousand sessions side by side get no further than one.
func (c *conn) mayMessage() error {
	allowances := c.server.options.Allowances
	if allowances == nil || c.peer.Login.Account == 0 {
		return nil
	}
	return c.allowed(allowances.Message(c.peer.Login.Account))
}

// mayRecipient counts a recipient of who is logged in.
func (c *conn) mayRecipient(to mail.Address) error {
	allowances := c.server.options.Allowances
	if allowances == nil || c.peer.Login.Account == 0 {
		return nil
	}
	return c.allowed(allowances.Recipient(c.peer.Login.Account, to))
}

func (c *conn) allowed(err error) error {
	if _, ok := errors.AsType[*mail.Refusal](err); ok {
		c.log.Warn("an account has sent as much as it may", "verb", "judge", "login", c.peer.Login.Address)
	}
	return err
}
