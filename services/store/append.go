package store

import (
	"context"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Append puts messages into the mailbox, all or none.
func (h *Account) Append(ctx context.Context, mailbox mail.MailboxID, messages []draft.Append) (mail.Appended, error) {
	if err := h.check(); err != nil {
		return mail.Appended{}, err
	}
	s, a := h.a.store, h.a
	var bodies []*journal.Staged
	var keys []*threadLookup
	for i, m := range messages {
		if err := m.Flags.Check(); err != nil {
			return mail.Appended{}, fmt.Errorf("append message %d of %d: %w", i+1, len(messages), err)
		}
		body, err := s.Stage(ctx, m.Draft)
		if err != nil {
			return mail.Appended{}, fmt.Errorf("append message %d of %d: %w", i+1, len(messages), err)
		}
		found, err := a.lookUp(threadKeys(m.Draft.Digest()))
		if err != nil {
			return mail.Appended{}, fmt.Errorf("append message %d of %d: %w", i+1, len(messages), err)
		}
		bodies, keys = append(bodies, body), append(keys, &found)
	}
	var done mail.Appended
	t := &transaction{accounts: []*account{a}}
	t.prepare = func(at moment, slot journal.Slot) (change, error) {
		p := a.pend()
		b, err := livingBox(p, mailbox)
		if err != nil {
			return nil, err
		}
		done = mail.Appended{UIDValidity: b.validity}
		n := newNumbers(p, len(messages))
		sec := section{account: a.id, modSeq: p.last.modSeq + 1}
		for i, m := range messages {
			o, err := n.add(b, addition{size: m.Draft.Size(), lines: m.Draft.Canonical(), flags: m.Flags, internal: m.Internal, id: mail.NewID(at.time)}, at, keys[i])
			if err != nil {
				return nil, err
			}
			done.UIDs = append(done.UIDs, o.uid)
			sec.ops = append(sec.ops, o)
		}
		if len(messages) == 0 {
			return nil, nil
		}
		if err := p.fits(usageOf(sec.ops)); err != nil {
			return nil, err
		}
		setBodies(sec.ops, slot.Bodies)
		return change{sec}, nil
	}
	if err := s.commit(ctx, verbAppend, mail.ID{}, bodies, t); err != nil {
		return mail.Appended{}, fmt.Errorf("append: %w", err)
	}
	return done, nil
}
