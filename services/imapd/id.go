package imapd

import (
	"context"
	"log/slog"
	"strings"
)

// idCommand is RFC 2971: the client says who it is, and we say who we are. The
// version is for those who have logged in.
type idCommand struct{ fields []string } // name, value, name, value …

func parseID(p *parser) request {
	p.SP()
	if p.Peek() != '(' {
		if p.NString() != nil {
			p.Failf("expected a list or NIL")
		}
		return idCommand{}
	}
	var c idCommand
	p.List(func() {
		name := p.String()
		p.SP()
		value := p.NString()
		if len(c.fields) >= 2*maxIDPairs {
			p.Failf("more than %d fields", maxIDPairs)
			return
		}
		if value != nil {
			c.fields = append(c.fields, name, *value)
		}
	})
	return c
}

func (c idCommand) run(_ context.Context, s *session) error {
	attrs, name, version := make([]any, 0, 2), "", ""
	for i := 0; i < len(c.fields); i += 2 {
		field := strings.ToLower(c.fields[i])
		switch field {
		case "name":
			s.without = withoutFor(c.fields[i+1])
			name = clipped(c.fields[i+1])
			s.client = name
		case "version":
			version = clipped(c.fields[i+1])
		default:
			continue
		}
		attrs = append(attrs, slog.String("client_"+field, clipped(c.fields[i+1])))
	}
	s.visit.Program = strings.TrimSpace(name + " " + version)
	if len(attrs) > 0 {
		s.log.Debug("imap client named itself", attrs...)
	}
	if s.client != "" {
		s.sighted()
	}
	s.w.Raw(`* ID ("name" "Sanduk"`)
	if s.account != nil && s.server.options.Version != "" {
		s.w.Raw(` "version" `)
		s.w.String(s.server.options.Version)
	}
	s.w.Raw(")\r\n")
	return nil
}

// sighted tells of a log-in: as soon as the client has named itself, or has gone on
// without that.
func (s *session) sighted() {
	if s.account == nil || s.seen || s.server.options.Seen == nil {
		return
	}
	s.seen = true
	s.server.options.Seen(s.login, s.peer, s.client)
}

// clipped shortens what a client says of itself for the log.
func clipped(text string) string {
	const longest = 64
	return text[:min(len(text), longest)]
}
