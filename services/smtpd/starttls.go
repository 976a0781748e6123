package smtpd

import "github.com/sanduk-mail/sanduk/services/mail"

// starttls is RFC 3207. Everything the client said before is forgotten (§4.2):
// it may have been somebody else's.
func (c *conn) starttls(arguments string) error {
	switch {
	case arguments != "":
		return &Error{Code: 501, Status: mail.Status5_5_4BadParameter, Text: "STARTTLS takes no parameters"}
	case c.tls != nil:
		return &Error{Code: 503, Status: mail.Status5_5_1BadSequence, Text: "TLS is in use already"}
	case c.server.options.TLS == nil:
		return &Error{Code: 502, Status: mail.Status5_5_1BadSequence, Text: "TLS is not available"}
	}
	c.wire.reply(220, mail.Status2_0_0OK, "Go ahead")
	if err := c.wire.flush(); err != nil {
		return err
	}
	if err := c.handshake(); err != nil {
		return err
	}
	c.greeted, c.esmtp = false, false
	c.peer.Helo, c.peer.Login = "", mail.Login{}
	return nil
}
