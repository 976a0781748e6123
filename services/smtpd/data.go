package smtpd

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// data is RFC 5321 §4.1.1.4. A message is received here, chunked or not, in
// this order, and in no other:
//
//  1. its ID is minted, and its bytes are streamed into a draft: bounded,
//     scanned, never whole in memory if it is large;
//  2. it is refused if it is too large, holds what mail may not, or loops;
//  3. it is refused if it is the office's own and says something untrue of its
//     author, or if it is a stranger's and the Judge says so;
//  4. what came in binary is made text, and the Mailroom makes it durable;
//  5. only then the client reads 250.
func (c *conn) data(arguments string) error {
	if arguments != "" {
		return &Error{Code: 501, Status: mail.Status5_5_4BadParameter, Text: "DATA takes no parameters"}
	}
	if err := c.inTurn(); err != nil {
		return err
	}
	if c.transaction.binary { // RFC 3030 §3
		return &Error{Code: 503, Status: mail.Status5_5_1BadSequence, Text: "A message in binary comes by BDAT"}
	}
	defer c.reset()
	c.begin()
	c.wire.reply(354, 0, "Send the message, and a line with a dot alone behind it")
	if err := c.wire.flush(); err != nil {
		return err
	}
	c.wire.beginData()
	err := c.wire.readDotted(c.transaction.text, c.server.options.MaxSize)
	c.wire.endData()
	if err != nil {
		return c.cutOff(err)
	}
	return c.finish()
}

// begin makes the draft that the bytes go to.
func (c *conn) begin() {
	t := c.transaction
	c.wire.newMessage()
	t.envelope.Received = time.Now()
	t.envelope.ID = mail.NewID(t.envelope.Received)
	t.body = c.server.options.Draft(c.server.options.MaxSize)
	t.text = &checkedText{to: t.body, binary: t.binary}
}

// cutOff ends a session whose message can't be read to its end: what follows
// on the line would be message bytes, never commands.
func (c *conn) cutOff(err error) error {
	c.log.Info("a message was not finished", "verb", "receive", "id", c.transaction.envelope.ID, "bytes", c.transaction.text.size, "err", err)
	return fmt.Errorf("%w: %w", err, errHangUp)
}

// finish judges, delivers and answers. It is the only place that says 250 to a
// message.
func (c *conn) finish() error {
	t := c.transaction
	log := c.log.With("id", t.envelope.ID)
	if err := c.acceptable(t); err != nil {
		log.Info("message refused", "verb", "judge", "bytes", t.text.size, "err", err, t.body.Describe(&t.envelope))
		return err
	}
	log.Info("message received", "verb", "receive", "from", t.envelope.From, "recipients", len(t.envelope.To),
		"bytes", t.body.Size(), "took", time.Since(t.envelope.Received), "tls", t.envelope.Peer.TLS, loginAttr(t.envelope.Peer.Login))
	ctx, cancel := context.WithTimeout(c.ctx, deliverTimeout)
	defer cancel()
	err := c.authored(ctx, t)
	if err == nil {
		err = c.room(t.body.Size()) // MAIL need not have said its size, or may have lied
	}
	if err == nil {
		err = c.judge(ctx, t, log)
	}
	if err == nil {
		err = c.textual(t)
	}
	if err != nil {
		log.Info("message refused", "verb", "judge", "bytes", t.body.Size(), "err", err, t.body.Describe(&t.envelope))
		return err
	}
	if err := c.server.options.Mailroom.Deliver(ctx, &t.envelope, t.body); err != nil {
		log.Warn("message not delivered", "verb", "deliver", "err", err, t.body.Describe(&t.envelope))
		return err
	}
	c.idleCommands = 0
	c.wire.reply(250, mail.Status2_0_0OK, "Stored as "+t.envelope.ID.String())
	return nil
}

func loginAttr(login mail.Login) slog.Attr {
	if login.Account == 0 {
		return slog.Attr{}
	}
	return slog.String("login", login.Address.String())
}

// acceptable says whether the message as a whole may be taken.
func (c *conn) acceptable(t *transaction) error {
	if err := t.text.finish(); err != nil {
		return err
	}
	if err := t.body.Finish(); err != nil {
		return err
	}
	if n := t.body.Hops(); n > maxReceivedFields {
		return &Error{Code: 554, Status: mail.Status5_4_6Loop, Text: fmt.Sprintf("The message has passed through %d servers and seems to go in circles", n)}
	}
	return nil
}
