package smtpd

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// maxHelo is how much is kept of the name that a client gives itself.
const maxHelo = mail.MaxDomain

// ehlo is RFC 5321 §4.1.1.1.
func (c *conn) ehlo(name string) error {
	if err := c.inTurn(); err != nil {
		return err
	}
	if err := c.greet(name); err != nil {
		return err
	}
	c.esmtp = true
	c.wire.reply(250, 0, append([]string{c.server.options.Hostname()}, c.extensions()...)...)
	return nil
}

// helo is its older form, without extensions.
func (c *conn) helo(name string) error {
	if err := c.inTurn(); err != nil {
		return err
	}
	if err := c.greet(name); err != nil {
		return err
	}
	c.esmtp = false
	c.wire.reply(250, 0, c.server.options.Hostname())
	return nil
}

// greet takes the name as it comes: many honest clients send a bad one, so it
// is recorded and never refused for what it says. Only to say none is an error
// (RFC 5321 §4.1.1.1).
func (c *conn) greet(name string) error {
	if name == "" {
		return &Error{Code: 501, Status: mail.Status5_5_4BadParameter, Text: "Say your host name behind EHLO"}
	}
	c.reset()
	c.greeted, c.peer.Helo = true, recorded(name)
	return nil
}

// recorded is a name as it may stand in a header field and in the log: what
// would break them is a question mark.
func recorded(name string) string {
	name = strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f && r <= 0x9f || r == utf8.RuneError {
			return '?'
		}
		return r
	}, name)
	for len(name) > maxHelo {
		_, last := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-last]
	}
	return name
}

// extensions is what EHLO lists now; the table in ARCHITECTURE.md names the
// file of each.
func (c *conn) extensions() []string {
	list := []string{
		"PIPELINING",
		"8BITMIME",
		"SMTPUTF8",
		"ENHANCEDSTATUSCODES",
		"CHUNKING",
		"BINARYMIME",
		fmt.Sprintf("SIZE %d", c.server.options.MaxSize),
		fmt.Sprintf("LIMITS RCPTMAX=%d", maxRecipients),
	}
	list = append(list, c.offered()...)
	if c.tls == nil && c.server.options.TLS != nil {
		list = append(list, "STARTTLS")
	}
	if mechanisms := c.mechanisms(); len(mechanisms) > 0 {
		list = append(list, "AUTH "+strings.Join(mechanisms, " "))
	}
	return list
}

// mechanisms are offered for submission only: port 25 is for other servers, and
// a log-in there would only be something more to guess at.
func (c *conn) mechanisms() []string {
	if !c.mode.Submission || c.peer.Login.Account != 0 {
		return nil
	}
	offered := c.server.options.Auth.Mechanisms(c.tls != nil)
	if c.server.options.Auth.External(c.tls) {
		offered = append(slices.Clone(offered), "EXTERNAL")
	}
	return offered
}
