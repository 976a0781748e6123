package relay

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// open makes a session with the server at addr. Where nothing asks for TLS and it
// fails, it is left out (RFC 7435 §3).
func (c *Client) open(ctx context.Context, t *target, addr netip.AddrPort, security *security, key poolKey) (*session, *problem) {
	s, p := c.connect(ctx, t, addr, security, key)
	if p == nil || !errors.Is(p, errHandshake) {
		return s, p
	}
	security.tell(t.name, addr.Addr(), resultOf(p.cause), p.cause)
	if security.must {
		return nil, p
	}
	clear := *security
	clear.off = true
	return c.connect(ctx, t, addr, &clear, key)
}

// connect opens a connection and brings it to where MAIL can be said.
func (c *Client) connect(ctx context.Context, t *target, addr netip.AddrPort, security *security, key poolKey) (*session, *problem) {
	calling, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := c.options.Dial(calling, addr)
	if err != nil {
		if ctx.Err() != nil {
			return nil, lost(context.Cause(ctx), "calling it")
		}
		return nil, said(status4_4_1NoAnswer, err, "the server %s at %s does not answer: %s", t.name, addr, mail.InWords(err))
	}
	s := &session{key: key, wire: newWire(conn), server: t.name, addr: addr, began: time.Now()}
	leave := s.attend(ctx)
	defer leave()
	if p := c.introduce(s, security, key.route); p != nil {
		s.close()
		return nil, p
	}
	return s, nil
}

// introduce is all that is said before the first MAIL.
func (c *Client) introduce(s *session, security *security, route Route) *problem {
	if security.implicit {
		if p := s.handshake(security); p != nil {
			return p
		}
	}
	if p := s.greet(); p != nil {
		return p
	}
	name := c.options.Hostname()
	if p := s.hello(name); p != nil {
		return p
	}
	if !security.off && !security.implicit {
		if p := s.startTLS(security, name); p != nil {
			return p
		}
	}
	if route.User != "" {
		return s.login(route.User, route.Password)
	}
	return nil
}

// secure is what a connection to an MX host has to prove: DANE where it is there,
// which stands above MTA-STS (RFC 8461 §2); then what the domain's policy says, if it
// has one; else nothing.
func (c *Client) secure(ctx context.Context, hop mail.Hop, t *target, policy *stsPolicy) (*security, *problem) {
	if s, p := c.dane(ctx, hop, t); s != nil || p != nil {
		return s, p
	}
	if policy != nil && policy.mode != stsNone {
		return c.promised(hop, t, policy)
	}
	return c.opportunistic(hop, t), nil
}
