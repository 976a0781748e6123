package smtpd

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// transaction is one message being handed in, from MAIL to the end of its body.
type transaction struct {
	envelope mail.Envelope
	body     *draft.Draft // nil until DATA or the first BDAT
	text     *checkedText // what writes to body
	chunked  bool         // the body comes in BDAT chunks
	binary   bool         // BODY=BINARYMIME (RFC 3030 §3)
}

// discard frees the body. After a delivery the store has its own copy.
func (t *transaction) discard() {
	if t.body != nil {
		t.body.Discard()
	}
}

// mail is RFC 5321 §4.1.1.2: it begins a transaction.
func (c *conn) mail(arguments string) error {
	path, parameters, err := cutPath(arguments, "FROM:")
	if err != nil {
		return err
	}
	envelope := mail.Envelope{Peer: c.peer}
	now := time.Now()
	binary := false
	for _, p := range parameters {
		if err := c.mailParameter(&envelope, p, now); err != nil {
			return err
		}
		binary = binary || p.keyword == "BODY" && strings.EqualFold(p.value, "BINARYMIME")
	}
	lowered, err := c.settle(&envelope.Wishes)
	if err != nil {
		return err
	}
	if path != "" {
		if envelope.From, err = parsePath(path); err != nil {
			return &Error{Code: 501, Status: mail.Status5_1_7BadSender, Text: "The sender is not a mail address", Cause: err}
		}
	}
	if !envelope.From.IsASCII() && !envelope.UTF8 {
		return &Error{Code: 553, Status: mail.Status5_6_7NonASCIIAddress, Text: "An address with letters beyond ASCII needs the SMTPUTF8 parameter"}
	}
	ctx, cancel := context.WithTimeout(c.ctx, deliverTimeout)
	defer cancel()
	if err := c.server.options.Mailroom.Sender(ctx, &c.peer, envelope.From); err != nil {
		return err
	}
	if err := c.room(envelope.Size); err != nil {
		return err
	}
	if err := c.mayMessage(); err != nil {
		return err
	}
	if err := c.withinRates(&c.server.meters.messages, "messages"); err != nil {
		return err
	}
	envelope.Peer.Protocol = c.protocol(envelope.UTF8)
	c.transaction = &transaction{envelope: envelope, binary: binary}
	if lowered { // RFC 6710 §4.2: the client is told what it got
		c.wire.reply(250, mail.Status2_3_6Priority, "0 is the priority that messages from outside get at most")
		return nil
	}
	c.wire.reply(250, mail.Status2_0_0OK, "OK")
	return nil
}

// stranger: nobody of the office's, nor anybody whom it trusts.
func (c *conn) stranger() bool {
	return c.peer.Login.Account == 0 && !c.server.options.Trusted(c.peer.Addr)
}

// room says whether there is room for a message of so many octets. On a disk that
// fills, mail from outside waits first: servers out there try again for days, a person
// who writes does not.
func (c *conn) room(size int64) error {
	if c.server.options.Room == nil || !c.judged() {
		return nil
	}
	return c.server.options.Room(size)
}

// mailParameter reads one parameter of MAIL. Each belongs to an extension, so
// none is known after HELO.
func (c *conn) mailParameter(envelope *mail.Envelope, p parameter, now time.Time) error {
	if !c.esmtp {
		return errParameter(p)
	}
	switch p.keyword {
	case "SIZE": // RFC 1870 §6
		size, err := strconv.ParseUint(p.value, 10, 63)
		if err != nil {
			return &Error{Code: 501, Status: mail.Status5_5_4BadParameter, Text: "SIZE takes a number of octets"}
		}
		if size > uint64(c.server.options.MaxSize) {
			return mail.ErrTooLarge
		}
		envelope.Size = int64(size)
	case "BODY": // RFC 6152 §2
		switch strings.ToUpper(p.value) {
		case "7BIT":
		case "8BITMIME", "BINARYMIME": // RFC 3030 §3; what is text then may have eight bits
			envelope.EightBit = true
		default:
			return &Error{Code: 501, Status: mail.Status5_5_4BadParameter, Text: "BODY is 7BIT, 8BITMIME or BINARYMIME"}
		}
	case "SMTPUTF8": // RFC 6531 §3.4
		if p.hasValue {
			return &Error{Code: 501, Status: mail.Status5_5_4BadParameter, Text: "SMTPUTF8 takes no value"}
		}
		envelope.UTF8 = true
	case "AUTH": // RFC 4954 §5: who a relay says the author was; nobody here relies on it
		if c.mechanisms() == nil && c.peer.Login.Account == 0 {
			return errParameter(p)
		}
	default:
		if known, err := c.wish(&envelope.Wishes, p, now); known {
			return err
		}
		return errParameter(p)
	}
	return nil
}
