package smtpd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// Bounds of the header of a message that is handed in.
const (
	// maxAuthors in From; each is asked for.
	maxAuthors = 20
	// repairRoom is what the fields that are added may take, beyond the largest
	// message: names of people and hosts have their bounds.
	repairRoom = 2 << 10
)

// header is which of the fields that matter here a message has, and how often.
type header struct{ from, sender, date, id int }

// authored looks at a message that somebody of the office hands in: it must say
// truly who wrote it (RFC 6409 §6.1 and §8.1), and what a mail program forgot is
// added (§8.2, §8.3).
func (c *conn) authored(ctx context.Context, t *transaction) error {
	if !c.mode.Submission {
		return nil
	}
	var h header
	for field, err := range message.Fields(t.body.Reader(), message.DefaultHeader) {
		if errors.Is(err, message.ErrHeaderTooLong) {
			return contentError("The header of the message is too long to be checked")
		}
		if err != nil {
			return fmt.Errorf("read header: %w", err)
		}
		h.count(field.Name)
	}
	if err := c.checkAuthors(ctx, h, &t.body.Digest().Envelope); err != nil {
		return err
	}
	return c.repair(t, h)
}

func (h *header) count(name string) {
	switch strings.ToLower(strings.TrimRight(name, " \t")) {
	case "from":
		h.from++
	case "sender":
		h.sender++
	case "date":
		h.date++
	case "message-id":
		h.id++
	}
}

func contentError(text string) error {
	return &Error{Code: 554, Status: mail.Status5_6_0BadContent, Text: text}
}

// checkAuthors: every address in From and Sender must be one that the login may
// send as. Of two such fields nobody knows which one people will see.
func (c *conn) checkAuthors(ctx context.Context, h header, e *message.Envelope) error {
	if h.from > 1 || h.sender > 1 {
		return contentError("The message has more than one From or Sender field; it may have one of each")
	}
	authors := 0
	if h.from > 0 {
		n, err := c.mayWriteAs(ctx, "From", e.From)
		if err != nil {
			return err
		}
		authors = n
	}
	if authors > 1 && h.sender == 0 { // RFC 5322 §3.6.2
		return contentError("The message is from several people; a Sender field must say who of them sends it")
	}
	if h.sender > 0 {
		n, err := c.mayWriteAs(ctx, "Sender", e.Sender)
		if err == nil && n != 1 {
			err = contentError("The Sender field must have one address")
		}
		return err
	}
	return nil
}

// mayWriteAs asks for each address of a field, and counts them.
func (c *conn) mayWriteAs(ctx context.Context, field string, list []message.EnvelopeAddress) (n int, err error) {
	for _, a := range list {
		if a.Kind != message.Mailbox {
			continue // the marks around a group's members
		}
		if n++; n > maxAuthors {
			return n, contentError(fmt.Sprintf("The %s field has more than %d addresses", field, maxAuthors))
		}
		address := mail.Address{Local: a.Mailbox, Domain: a.Host}
		if a.Host == "" || a.Mailbox == "" {
			return n, contentError("The " + field + " field holds something that is not a mail address")
		}
		err := c.server.options.Mailroom.Sender(ctx, &c.peer, address)
		if refusal, ok := errors.AsType[*mail.Refusal](err); ok {
			return n, &mail.Refusal{Status: refusal.Status, Text: "You are logged in as " + c.peer.Login.Address.String() +
				", and the " + field + " field of the message names somebody else", Cause: fmt.Errorf("%s: %w", address, err)}
		}
		if err != nil {
			return n, err
		}
	}
	if n == 0 {
		return 0, contentError("The " + field + " field holds no mail address")
	}
	return n, nil
}

// repair puts the fields that are missing in front of the message, as a new body:
// so they are among what is shown, searched and signed.
func (c *conn) repair(t *transaction, h header) error {
	var fields strings.Builder
	if h.from == 0 {
		author := t.envelope.From
		if author.IsZero() {
			author = c.peer.Login.Address
		}
		fields.WriteString("From: <" + author.String() + ">\r\n")
	}
	if h.date == 0 {
		fields.WriteString("Date: " + message.FormatDate(t.envelope.Received.UTC()) + "\r\n")
	}
	if h.id == 0 {
		fields.WriteString("Message-ID: <" + t.envelope.ID.String() + "@" + c.server.options.Hostname() + ">\r\n")
	}
	if fields.Len() == 0 {
		return nil
	}
	if t.body.Digest().HeaderLen == 0 {
		fields.WriteString("\r\n") // what follows is no header
	}
	repaired := c.server.options.Draft(c.server.options.MaxSize + repairRoom)
	old := t.body
	t.body = repaired // discarded with the transaction, whatever comes
	defer old.Discard()
	if _, err := io.WriteString(repaired, fields.String()); err != nil {
		return fmt.Errorf("repair header: %w", err)
	}
	if _, err := io.Copy(repaired, old.Reader()); err != nil {
		return fmt.Errorf("repair header: %w", err)
	}
	if err := repaired.Finish(); err != nil {
		return fmt.Errorf("repair header: %w", err)
	}
	return nil
}
