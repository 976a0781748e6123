package imapd

import (
	"context"
	"maps"
	"slices"
)

// lsub is RFC 3501 §6.3.9.
type lsub struct{ list }

func parseLsub(p *parser) request {
	p.SP()
	c := lsub{list{reference: p.Mailbox()}}
	p.SP()
	c.pattern(p)
	return c
}

func (c lsub) run(ctx context.Context, s *session) error {
	entries, err := s.entries(ctx, true)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		e := entries[name]
		if !c.fits(name) || !e.subscribed && !e.subscribedBelow {
			continue
		}
		var attributes []string
		if !e.subscribed {
			// A level above a subscribed name, which "%" would hide otherwise.
			attributes = []string{`\Noselect`}
		}
		s.listStart("LSUB", e, attributes)
		s.w.CRLF()
	}
	return nil
}
