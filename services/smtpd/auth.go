package smtpd

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// errBadBase64 is RFC 4954 §4's answer to a response that can't be decoded.
var errBadBase64 = &Error{Code: 501, Status: mail.Status5_5_2BadSyntax, Text: "That is not base64"}

// auth is RFC 4954.
func (c *conn) auth(arguments string) error {
	name, initial, hasInitial := strings.Cut(arguments, " ")
	name = strings.ToUpper(name)
	switch offered := c.mechanisms(); {
	case !c.mode.Submission:
		return &Error{Code: 502, Status: mail.Status5_5_1BadSequence, Text: "This port takes mail from other servers; log in on port 587 or 465"}
	case c.peer.Login.Account != 0:
		return &Error{Code: 503, Status: mail.Status5_5_1BadSequence, Text: "Logged in already"}
	case !slices.Contains(offered, name) && c.tls == nil && slices.Contains(c.server.options.Auth.Mechanisms(true), name):
		return &Error{Code: 538, Status: mail.Status5_7_11TLSRequired, Text: "Say STARTTLS first"}
	case !slices.Contains(offered, name):
		return &Error{Code: 504, Status: mail.Status5_5_4BadParameter, Text: "That mechanism is not offered"}
	}
	var response []byte
	if hasInitial {
		var err error
		if response, err = decodeInitial(initial); err != nil {
			return err
		}
	}
	exchange, err := c.server.options.Auth.Start(name, c.peer.Addr, c.tls)
	if err != nil {
		return err
	}
	if err := c.exchange(exchange, response); err != nil {
		return c.authFailed(name, err)
	}
	c.peer.Login = exchange.Login()
	c.desk.Own(c, c.peer.Login.Account)
	if c.server.options.Seen != nil {
		c.server.options.Seen(c.peer.Login, c.peer.Addr, c.peer.Helo)
	}
	c.wire.reply(235, mail.Status2_7_0Authenticated, "Welcome")
	return nil
}

// decodeInitial reads an initial response; "=" stands for an empty one.
func decodeInitial(text string) ([]byte, error) {
	if text == "=" {
		return []byte{}, nil
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) == 0 {
		return nil, errBadBase64
	}
	return b, nil
}

// exchange carries challenges and responses until the mechanism has decided.
func (c *conn) exchange(exchange auth.Exchange, response []byte) error {
	for {
		challenge, done, err := c.next(exchange, response)
		if err != nil || done {
			return err
		}
		c.wire.reply(334, 0, base64.StdEncoding.EncodeToString(challenge))
		line, err := c.readLine(maxAuthLine)
		if errors.Is(err, errLineTooLong) {
			return &Error{Code: 500, Status: mail.Status5_5_6AuthLineTooLong, Text: "The response is too long"}
		}
		if err != nil {
			return err
		}
		if line == "*" {
			return &Error{Code: 501, Status: mail.Status5_7_0AuthRequired, Text: "Log-in cancelled"}
		}
		if response, err = base64.StdEncoding.DecodeString(line); err != nil {
			return errBadBase64
		}
		if response == nil {
			response = []byte{}
		}
	}
}

// next is one step of the mechanism; the client's own time doesn't count.
func (c *conn) next(exchange auth.Exchange, response []byte) (challenge []byte, done bool, err error) {
	ctx, cancel := context.WithTimeout(c.ctx, commandTimeout)
	defer cancel()
	return exchange.Next(ctx, response)
}

// authFailed counts guesses: after a few the connection ends, which costs an
// honest client nothing but a new one.
func (c *conn) authFailed(mechanism string, err error) error {
	if !errors.Is(err, mail.ErrDenied) && !errors.Is(err, mail.ErrElsewhere) && !errors.Is(err, mail.ErrTryLater) {
		return err
	}
	c.log.Info("a log-in failed", "verb", "accept", "mechanism", mechanism, "err", err)
	if c.authFailures++; c.authFailures < maxAuthFailures {
		return err
	}
	reply := replyTo(err)
	c.wire.reply(reply.Code, reply.Status, reply.Text)
	return fmt.Errorf("%d failed log-ins: %w", c.authFailures, errHangUp)
}
