package pop3d

import (
	"context"
	"fmt"
	"strings"
)

// list is RFC 1939 §5's LIST.
func list(_ context.Context, s *session, arg string) error {
	return s.listing(arg, func(e *entry) string { return fmt.Sprint(e.size) })
}

// listing answers LIST and UIDL: what say says of one message, or of all.
func (s *session) listing(arg string, say func(*entry) string) error {
	if arg = strings.TrimSpace(arg); arg != "" {
		n, e, err := s.drop.find(arg)
		if err != nil {
			return err
		}
		s.wire.ok("%d %s", n, say(e))
		return nil
	}
	s.wire.ok("one line for each message")
	lines := s.wire.lines()
	for i := range s.drop.entries {
		if e := &s.drop.entries[i]; !e.deleted {
			lines.line(fmt.Sprintf("%d %s", i+1, say(e)))
		}
	}
	return lines.close()
}
