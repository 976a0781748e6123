package imapd

import (
	"context"
	"encoding/base64"
	"slices"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// authenticate is RFC 9051 §6.2.2 with the initial response of RFC 4959.
type authenticate struct {
	mechanism string
	response  []byte // nil: none was sent
}

func parseAuthenticate(p *parser) request {
	p.SP()
	c := authenticate{mechanism: p.Keyword()}
	if p.Accept(' ') {
		if p.Accept('=') {
			c.response = []byte{} // RFC 4959 §3: an empty one
		} else {
			c.response = p.base64()
		}
	}
	return c
}

// base64 reads base64 text to the end of the line; "" is an empty value. It stops
// at what is none, so that Discard sees the header of a literal.
func (p *parser) base64() []byte {
	var text []byte
	for c := p.Peek(); isBase64(c) && p.Accept(c); c = p.Peek() {
		text = append(text, c)
	}
	b := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(b, text)
	if err != nil || p.Peek() != 0 {
		p.Failf("that is not base64")
	}
	return b[:n]
}

func isBase64(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '='
}

// mechanisms are those that this connection may use.
func (s *session) mechanisms() []string {
	offered := s.server.options.Auth.Mechanisms(s.tls != nil)
	if s.server.options.Auth.External(s.tls) {
		offered = append(slices.Clone(offered), "EXTERNAL")
	}
	if s.clear() {
		return offered
	}
	return slices.DeleteFunc(slices.Clone(offered), func(m string) bool { return m == "PLAIN" || m == "LOGIN" })
}

func (c authenticate) run(ctx context.Context, s *session) error {
	switch {
	case slices.Contains(s.mechanisms(), c.mechanism):
	case s.tls == nil && slices.Contains(s.server.options.Auth.Mechanisms(true), c.mechanism):
		return auth.ErrNeedsTLS
	default:
		return auth.ErrMechanism
	}
	exchange, err := s.server.options.Auth.Start(c.mechanism, s.peer, s.tls)
	if err != nil {
		return s.denied(err)
	}
	if err := s.exchange(ctx, exchange, c.response); err != nil {
		return err
	}
	login := exchange.Login()
	if login == (mail.Login{}) {
		return s.denied(mail.ErrDenied)
	}
	return s.enter(ctx, login)
}

// exchange carries challenges and responses until the mechanism has decided.
func (s *session) exchange(ctx context.Context, exchange auth.Exchange, response []byte) error {
	for {
		challenge, done, err := exchange.Next(ctx, response)
		if err != nil {
			return s.denied(err)
		}
		if done {
			return nil
		}
		s.w.Raw("+ " + base64.StdEncoding.EncodeToString(challenge) + "\r\n")
		if err := s.w.Flush(); err != nil {
			return err
		}
		s.r.Begin(strangerLimits())
		p := &parser{Reader: s.r}
		cancelled := p.Accept('*')
		if !cancelled {
			response = p.base64()
		}
		p.CRLF()
		if err := p.Err(); err != nil {
			return err
		}
		if cancelled {
			return bad("The log-in was cancelled")
		}
	}
}
