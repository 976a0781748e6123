package pop3d

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// capa is RFC 2449 §5's CAPA.
func capa(_ context.Context, s *session, _ string) error {
	s.wire.ok("capabilities follow")
	lines := s.wire.lines()
	for _, c := range s.capabilities() {
		lines.line(c)
	}
	return lines.close()
}

// capabilities lists what may be used: after log-in everything that exists, also
// what only helps before (RFC 2449 §5), but STLS only where it can be given.
func (s *session) capabilities() []string {
	list := []string{"TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"}
	list = append(append(list, s.rules()...), "UTF8 USER", "LANG")
	auth := s.server.options.Auth
	if auth.Clear(s.peer, s.tls != nil) {
		list = append(list, "USER")
	}
	if m := s.mechanisms(); len(m) > 0 {
		list = append(list, "SASL "+strings.Join(m, " "))
	}
	if s.tls == nil && s.server.options.TLS != nil && s.state == authorization {
		list = append(list, "STLS")
	}
	// RFC 2449 §6.9 lets the version wait until it is known who asks.
	implementation := "IMPLEMENTATION Sanduk"
	if s.state == transaction && s.server.options.Version != "" {
		implementation += " " + s.server.options.Version
	}
	return append(list, implementation)
}

// rules are EXPIRE and LOGIN-DELAY (RFC 2449 §6.5, §6.7): before log-in the strictest
// that holds for anybody, marked as such where it does not hold for all.
func (s *session) rules() []string {
	var bounds mail.POP3Bounds
	if rules := s.server.options.Rules; rules != nil {
		if bounds = rules.POP3Bounds(); s.state == transaction {
			bounds = mail.POP3Bounds{Strictest: s.drop.rules}
		}
	}
	expire := "EXPIRE NEVER"
	if leave := bounds.Strictest.Leave; leave.Enforced {
		expire = "EXPIRE " + strconv.Itoa(leave.Days)
	}
	list := []string{expire + differs(bounds.LeaveDiffers)}
	if delay := bounds.Strictest.LoginDelay; delay > 0 {
		list = append(list, "LOGIN-DELAY "+strconv.Itoa(int(delay/time.Second))+differs(bounds.DelayDiffers))
	}
	return list
}

func differs(by bool) string {
	if by {
		return " USER"
	}
	return ""
}
