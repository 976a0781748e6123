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
	hides := make(map[string]bool) // whether there is a subscribed name below that doesn't fit
	for name, e := range entries {
		if !e.subscribed || c.fits(name) {
			continue
		}
		for parent := range parents(name) {
			hides[parent] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		e := entries[name]
		if !e.subscribed && !hides[name] || !c.fits(name) {
			continue
		}
		var attributes []string
		if !e.subscribed {
			// RFC 3501 §6.3.9: else "%" would not lead to what is below.
			attributes = []string{`\Noselect`}
		}
		s.listStart("LSUB", e, attributes)
		s.w.CRLF()
	}
	return nil
}
