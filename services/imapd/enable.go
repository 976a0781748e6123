package imapd

import (
	"context"
	"strings"
)

// enable is RFC 5161 and RFC 9051 §6.3.1. Names that we don't know are ignored,
// as both ask.
type enable struct{ names []string }

func parseEnable(p *parser) request {
	var c enable
	for p.SP(); p.Err() == nil; p.SP() {
		if len(c.names) >= maxEnable {
			p.Failf("more than %d names", maxEnable)
		}
		c.names = append(c.names, p.Keyword())
		if p.Peek() == 0 {
			break
		}
	}
	return c
}

func (c enable) run(ctx context.Context, s *session) error {
	var on []string
	for _, name := range c.names {
		switch {
		case name == "IMAP4REV2" && !s.rev2:
			s.rev2, s.utf8 = true, true
			on = append(on, "IMAP4rev2")
		case name == "UTF8=ACCEPT" && !s.utf8Only:
			s.utf8Only, s.utf8 = true, true
			on = append(on, name)
		case name == "CONDSTORE" && !s.condstore:
			on = append(on, name)
			if err := s.enableCondstore(ctx); err != nil {
				return err
			}
		case name == "QRESYNC" && !s.qresync:
			// RFC 7162 §3.2.3: it brings CONDSTORE with it.
			on = append(on, name)
			if err := s.enableCondstore(ctx); err != nil {
				return err
			}
			s.qresync = true
		case name == "UIDONLY" && !s.uidOnly && !s.leftOut(name):
			on = append(on, name)
			s.enableUIDOnly()
		}
	}
	if s.utf8 {
		s.w.AllowUTF8()
	}
	s.w.Raw(strings.Join(append([]string{"* ENABLED"}, on...), " ") + "\r\n")
	return nil
}

// enableCondstore makes MODSEQ part of every FETCH response from now on. A
// client that turns it on in a selected mailbox learns where it stands (RFC 7162
// §3.1.2.2).
func (s *session) enableCondstore(ctx context.Context) error {
	if s.condstore {
		return nil
	}
	s.condstore = true
	if s.view == nil {
		return nil
	}
	highest, err := s.highestModSeq(ctx)
	if err != nil {
		return err
	}
	s.untagged(highest, "Mod-sequences are told from now on")
	return nil
}
