package smtpd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// rcpt is RFC 5321 §4.1.1.3: one more recipient, decided at once. An address
// that will not be delivered is refused here and never bounced later.
func (c *conn) rcpt(arguments string) error {
	path, parameters, err := cutPath(arguments, "TO:")
	if err != nil {
		return err
	}
	t := c.transaction
	var recipient mail.Recipient
	for _, p := range parameters {
		if err := c.recipientWish(&recipient, p, t.envelope.UTF8); err != nil {
			return err
		}
	}
	if len(t.envelope.To) >= maxRecipients {
		return &Error{Code: 452, Status: mail.Status4_5_3TooManyRcpts, Text: "Too many recipients; send the rest in another message"}
	}
	to, err := c.forwardPath(path)
	if err != nil {
		return err
	}
	if !to.IsASCII() && !t.envelope.UTF8 {
		return &Error{Code: 553, Status: mail.Status5_6_7NonASCIIAddress, Text: "An address with letters beyond ASCII needs SMTPUTF8 in MAIL"}
	}
	if err := c.welcome(to); err != nil {
		return c.refusedRecipient(to, err)
	}
	if err := c.server.options.Mailroom.Recipient(c.asking(), &t.envelope, to); err != nil {
		return c.refusedRecipient(to, err)
	}
	if err := c.mayRecipient(to); err != nil {
		return err
	}
	if err := c.withinRates(&c.server.meters.recipients, "recipients"); err != nil {
		return err
	}
	recipient.Address = to
	t.envelope.To = append(t.envelope.To, recipient)
	c.idleCommands--
	c.wire.reply(250, mail.Status2_0_0OK, "OK")
	return nil
}

// asking is the context in which the mailroom is asked about a recipient. It serves
// all that are asked about within a second: the answer mostly comes from memory,
// and is there sooner than a context of its own.
func (c *conn) asking() context.Context {
	now := time.Now()
	if c.asked.ctx == nil || now.Sub(c.asked.since) > time.Second {
		if c.asked.end != nil {
			c.asked.end()
		}
		c.asked.since = now
		c.asked.ctx, c.asked.end = context.WithTimeout(c.ctx, deliverTimeout) // ends with c.ctx
	}
	return c.asked.ctx
}

// forwardPath reads a forward-path. Postmaster may stand without a domain (RFC
// 5321 §4.5.1): it is the one of this host.
func (c *conn) forwardPath(path string) (mail.Address, error) {
	if strings.EqualFold(path, "postmaster") {
		return mail.Address{Local: path, Domain: c.server.options.Hostname()}, nil
	}
	to, err := parsePath(path)
	if err != nil {
		return to, &Error{Code: 501, Status: mail.Status5_1_3BadRecipient, Text: "The recipient is not a mail address", Cause: err}
	}
	return to, nil
}

// refusedRecipient ends a session that only tries names out. Who has logged in
// may ask for all the names there are; a long list with old addresses in it is
// what he sends.
func (c *conn) refusedRecipient(to mail.Address, err error) error {
	reply := replyTo(err)
	c.log.Info("recipient refused", "verb", "accept", "from", c.transaction.envelope.From, "to", to, "err", err)
	if reply.Status.Class() != 5 {
		return err
	}
	c.badRcpts++
	c.tarpit()
	if c.badRcpts < maxRefusedRecipients || c.peer.Login.Account != 0 || c.server.options.Trusted(c.peer.Addr) {
		return err
	}
	c.wire.reply(reply.Code, reply.Status, reply.Text)
	return fmt.Errorf("%d refused recipients: %w", c.badRcpts, errHangUp)
}
