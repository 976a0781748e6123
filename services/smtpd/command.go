package smtpd

import (
	"fmt"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// needs is what must have happened before a command is legal.
type needs uint8

const (
	needGreeting needs = 1 << iota // HELO or EHLO
	needLogin                      // AUTH, where the listener is for submission
	needMail                       // MAIL
	needRcpt                       // a RCPT that was accepted
	needNoMail                     // no mail transaction open
	needNoChunk                    // no BDAT chunk taken yet (RFC 3030 §2)
)

// command is one row of the table: what a verb needs and what it does.
type command struct {
	needs   needs
	execute func(c *conn, arguments string) error
}

// commandNamed is the table of RFC 5321 §4.1.1 and the extensions offered.
func commandNamed(verb string) (command, bool) {
	switch verb {
	case "EHLO":
		return command{needNoChunk, (*conn).ehlo}, true
	case "HELO":
		return command{needNoChunk, (*conn).helo}, true
	case "STARTTLS":
		return command{needGreeting | needNoMail, (*conn).starttls}, true
	case "AUTH":
		return command{needGreeting | needNoMail, (*conn).auth}, true
	case "MAIL":
		return command{needGreeting | needLogin | needNoMail, (*conn).mail}, true
	case "RCPT":
		return command{needMail | needNoChunk, (*conn).rcpt}, true
	case "DATA":
		return command{needMail | needRcpt | needNoChunk, (*conn).data}, true
	case "BDAT":
		return command{0, (*conn).bdat}, true // looks at the state itself: its bytes follow in any case
	case "RSET":
		return command{0, (*conn).rset}, true
	case "NOOP":
		return command{0, (*conn).noop}, true
	case "VRFY":
		return command{0, (*conn).vrfy}, true
	case "EXPN":
		return command{0, (*conn).expn}, true
	case "HELP":
		return command{0, (*conn).help}, true
	case "ETRN":
		return command{needGreeting | needNoMail, (*conn).etrn}, true
	case "QUIT":
		return command{0, (*conn).quit}, true
	}
	return command{}, false
}

// execute runs one command line.
func (c *conn) execute(line string) error {
	verb, arguments, _ := strings.Cut(line, " ")
	verb = strings.ToUpper(verb)
	if isOtherProtocol(verb) && !c.greeted {
		return fmt.Errorf("the client speaks another protocol (%s): %w", verb, errHangUp)
	}
	cmd, err := lookUp(line, verb)
	if err != nil && strings.HasPrefix(verb, "BDAT") {
		return fmt.Errorf("%w: nobody knows how many bytes follow: %w", err, c.hangUp(err))
	}
	if err != nil {
		return err
	}
	if c.idleCommands++; c.idleCommands > maxIdleCommands && !c.server.options.Trusted(c.peer.Addr) {
		return errTooMany
	}
	if err := c.check(cmd.needs); err != nil {
		return err
	}
	return cmd.execute(c, strings.Trim(arguments, " \t"))
}

// lookUp finds the verb of a line.
func lookUp(line, verb string) (command, error) {
	if strings.ContainsAny(line, "\x00\r") {
		return command{}, &Error{Code: 501, Status: mail.Status5_5_2BadSyntax, Text: "A command may not hold control characters"}
	}
	cmd, ok := commandNamed(verb)
	if !ok {
		return command{}, errCommand
	}
	return cmd, nil
}

// errCommand is for verbs that mean nothing here.
var errCommand = &Error{Code: 500, Status: mail.Status5_5_2BadSyntax, Text: "Command not recognised"}

// isOtherProtocol knows a browser that was sent here to speak SMTP for somebody
// else; every further line of it would be one more try.
func isOtherProtocol(verb string) bool {
	switch verb {
	case "GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE", "PATCH", "PRI":
		return true
	}
	return false
}

// check says which of the needs is not met.
func (c *conn) check(n needs) error {
	sequence := func(text string) error {
		return &Error{Code: 503, Status: mail.Status5_5_1BadSequence, Text: text}
	}
	switch t := c.transaction; {
	case n&needGreeting != 0 && !c.greeted:
		return sequence("Say EHLO first")
	case n&needLogin != 0 && c.mode.Submission && c.peer.Login.Account == 0:
		if c.tls == nil && len(c.server.options.Auth.Mechanisms(false)) == 0 {
			return &Error{Code: 530, Status: mail.Status5_7_0AuthRequired, Text: "Say STARTTLS first, then log in"}
		}
		return &Error{Code: 530, Status: mail.Status5_7_0AuthRequired, Text: "Log in first"}
	case n&needNoMail != 0 && t != nil:
		return sequence("A message has been begun already; RSET forgets it")
	case n&needMail != 0 && t == nil:
		return sequence("Say MAIL first")
	case n&needRcpt != 0 && len(t.envelope.To) == 0:
		return &Error{Code: 554, Status: mail.Status5_5_1BadSequence, Text: "No recipient was accepted"}
	case n&needNoChunk != 0 && t != nil && t.chunked:
		return sequence("The message comes in BDAT chunks; finish it with BDAT or forget it with RSET")
	}
	return nil
}

// rset forgets the transaction (RFC 5321 §4.1.1.5).
func (c *conn) rset(string) error {
	c.reset()
	c.wire.reply(250, mail.Status2_0_0OK, "OK")
	return nil
}

// noop does nothing (RFC 5321 §4.1.1.9).
func (c *conn) noop(string) error {
	c.wire.reply(250, mail.Status2_0_0OK, "OK")
	return nil
}

// vrfy says neither yes nor no (RFC 5321 §3.5.3 and §7.3): who has a mailbox
// here is the office's own business.
func (c *conn) vrfy(string) error {
	c.wire.reply(252, mail.Status2_0_0OK, "Send the message and see")
	return nil
}

// expn is refused (RFC 5321 §7.3): who belongs to a group here is nobody's
// business but the office's.
func (c *conn) expn(string) error {
	return &Error{Code: 502, Status: mail.Status5_5_1BadSequence, Text: "Lists are not shown here"}
}

// help is for people who type (RFC 5321 §4.1.1.8).
func (c *conn) help(string) error {
	c.wire.reply(214, mail.Status2_0_0OK, "Commands: EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY STARTTLS AUTH QUIT", "The rules are those of RFC 5321")
	return nil
}

// quit ends the session (RFC 5321 §4.1.1.10).
func (c *conn) quit(string) error {
	c.wire.reply(221, mail.Status2_0_0OK, "Bye")
	return errQuit
}
