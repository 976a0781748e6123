package imapd

import (
	"context"
	"fmt"
	"slices"

	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// store is STORE and UID STORE (RFC 9051 §6.4.6), with the UNCHANGEDSINCE of
// RFC 7162 §3.1.3.
type store struct {
	set            wire.NumSet
	byUID          bool
	unchangedSince *mail.ModSeq
	op             mail.FlagOp
	silent         bool
	flags          mail.Flags
}

func parseStore(byUID bool) func(*parser) request {
	return func(p *parser) request {
		p.SP()
		c := store{byUID: byUID, set: p.NumSet()}
		p.SP()
		if p.Peek() == '(' {
			p.List(func() {
				if name := p.Keyword(); p.Err() == nil && name != "UNCHANGEDSINCE" {
					p.Failf("STORE has no modifier %.30s", name)
				}
				p.SP()
				since := mail.ModSeq(p.Number64())
				c.unchangedSince = &since
			})
			p.SP()
		}
		switch {
		case p.Accept('+'):
			c.op = mail.FlagsAdd
		case p.Accept('-'):
			c.op = mail.FlagsRemove
		}
		switch item := p.Keyword(); item {
		case "FLAGS":
		case "FLAGS.SILENT":
			c.silent = true
		default:
			p.Failf("STORE can't change %.30s", item)
		}
		p.SP()
		c.flags = p.flags()
		return c
	}
}

func (c store) run(ctx context.Context, s *session) error {
	if err := s.writable(); err != nil {
		return err
	}
	v := s.view
	set, ok := v.resolve(c.set, c.byUID)
	if !ok {
		return noSuchNumber()
	}
	if c.unchangedSince != nil {
		if err := s.enableCondstore(ctx); err != nil {
			return err
		}
	}
	if set = v.known(set); len(set) == 0 {
		return nil
	}
	set = s.limited(set)
	before, err := s.rowsBefore(ctx, set, c.silent)
	if err != nil {
		return err
	}
	failed, err := await(s, func() (mail.UIDSet, error) {
		return s.account.SetFlags(ctx, v.mailbox, set, c.op, c.flags, c.unchangedSince)
	})
	if err != nil {
		return fmt.Errorf("set flags in mailbox %s: %w", v.mailbox, err)
	}
	if !c.silent {
		if err := s.tellStored(ctx, without(set, failed)); err != nil {
			return err
		}
	}
	err = s.updateExcept(ctx, false, func(row *mail.Row) bool { return c.expected(s, before, row) })
	if err != nil {
		return err
	}
	return c.outcome(s, set, failed)
}

// outcome is the end of the tagged response: the messages that had been changed
// in between (RFC 7162 §3.1.3), or the news that some are gone.
func (c store) outcome(s *session, set, failed mail.UIDSet) error {
	if !c.byUID && s.view.hasGone(set) {
		return mail.ErrNoMessage
	}
	if len(failed) == 0 {
		return nil
	}
	if c.byUID {
		s.code = "MODIFIED " + failed.String()
		return nil
	}
	var numbers mail.SeqSet
	for uid := range failed.All() {
		if seq := s.view.seq(uid); seq != 0 {
			numbers = numbers.Add(seq)
		}
	}
	s.code = "MODIFIED " + numbers.String()
	return nil
}

// rowsBefore are the messages as they are before a silent change.
func (s *session) rowsBefore(ctx context.Context, set mail.UIDSet, silent bool) ([]mail.Row, error) {
	if !silent {
		return nil, nil
	}
	var before []mail.Row
	for row, err := range s.account.Rows(ctx, s.view.mailbox, set) {
		if err != nil {
			return nil, fmt.Errorf("read flags in mailbox %s: %w", s.view.mailbox, err)
		}
		before = append(before, row)
	}
	return before, nil
}

// expected reports whether the client of a silent STORE knows what a message's
// flags are now: it knew them before, and nothing but its own change has
// happened. If anything else has, it is told the outcome of both.
func (c store) expected(s *session, before []mail.Row, row *mail.Row) bool {
	i, found := slices.BinarySearchFunc(before, row.UID, func(r mail.Row, uid mail.UID) int { return int(int64(r.UID) - int64(uid)) })
	return found && before[i].ModSeq <= s.view.until && c.op.Apply(before[i].Flags, c.flags).Equal(row.Flags)
}

// tellStored tells the flags of the messages that a STORE has named, changed or
// not.
func (s *session) tellStored(ctx context.Context, set mail.UIDSet) error {
	for row, err := range s.account.Rows(ctx, s.view.mailbox, set) {
		if err != nil {
			return fmt.Errorf("read flags in mailbox %s: %w", s.view.mailbox, err)
		}
		if seq := s.view.seq(row.UID); seq != 0 {
			s.tellFlags(seq, &row)
			s.view.tell(&row)
		}
	}
	return nil
}
