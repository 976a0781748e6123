package memstore

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// note adds what the mailbox is now to its history.
func (m *box) note(a *account) {
	m.history = append(m.history, boxAt{a.now(), m.Name, m.gone})
}

// at is what the mailbox was at a moment; false when it was not.
func (m *box) at(moment time.Time) (name string, ok bool) {
	for _, h := range m.history {
		if !h.at.After(moment) {
			name, ok = h.name, !h.gone
		}
	}
	return name, ok
}

// rowsAt are the messages of the mailbox at a moment, by UID, with the flags
// that they had.
func (m *box) rowsAt(moment time.Time) []entry {
	var all []entry
	take := func(e entry) {
		if e.born.After(moment) {
			return
		}
		for _, h := range e.history {
			if !h.at.After(moment) {
				e.Flags = h.flags
			}
		}
		e.Flags.System &^= mail.Deleted
		all = append(all, e)
	}
	for _, e := range m.entries {
		take(*e)
	}
	for _, e := range m.expunged {
		if e.died.After(moment) {
			take(e.entry)
		}
	}
	slices.SortFunc(all, func(a, b entry) int { return cmp.Compare(a.UID, b.UID) })
	return all
}

// RestoreAsOf puts a mailbox, or all of the account, back as it was at a moment.
func (h *Account) RestoreAsOf(ctx context.Context, r mail.AsOf, tell func(mail.Progress)) (mail.RestoredAsOf, error) {
	done := mail.RestoredAsOf{}
	var err error
	if !r.InPlace {
		if done.Folder, err = mail.MailboxName(cmp.Or(r.Folder, mail.AsOfFolder(r.At))); err != nil {
			return done, err
		}
	}
	boxes, err := h.boxesAt(r)
	if err != nil {
		return done, err
	}
	for _, m := range boxes {
		name, _ := m.at(r.At)
		back, err := h.restoreBox(ctx, &r, m, name, &done)
		if err != nil {
			return done, err
		}
		if tell != nil {
			tell(mail.Progress{Done: int64(done.Mailboxes), Total: int64(len(boxes)), Back: back})
		}
	}
	return done, nil
}

// boxesAt lists the mailboxes that are asked for, by the names they had.
func (h *Account) boxesAt(r mail.AsOf) ([]*box, error) {
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	seq := mail.ModSeq(0)
	for i, at := range h.a.times {
		if !at.After(r.At) {
			seq = mail.ModSeq(i + 1)
		}
	}
	if seq < h.a.expired {
		return nil, mail.ErrGone
	}
	var boxes []*box
	for id, m := range h.a.boxes {
		if _, ok := m.at(r.At); ok && (r.Mailbox == 0 || r.Mailbox == id) {
			boxes = append(boxes, m)
		}
	}
	if len(boxes) == 0 {
		return nil, mail.ErrNoMailbox
	}
	slices.SortFunc(boxes, func(a, b *box) int {
		x, _ := a.at(r.At)
		y, _ := b.at(r.At)
		return cmp.Compare(x, y)
	})
	return boxes, nil
}

// restoreBox puts one mailbox back, and gives the messages that have come back.
func (h *Account) restoreBox(ctx context.Context, r *mail.AsOf, m *box, name string, done *mail.RestoredAsOf) (back []mail.Place, err error) {
	rows := m.rowsAt(r.At) // before anything of the restore has its time
	to := name
	if r.InPlace {
		if m.gone {
			boxes, err := h.RestoreMailbox(ctx, m.ID)
			if err != nil && !errors.Is(err, mail.ErrGone) {
				return nil, err
			}
			for _, b := range boxes {
				for row, err := range h.Rows(ctx, b.ID, mail.UIDSet{{First: 1, Last: ^mail.UID(0)}}) {
					if err != nil {
						return nil, err
					}
					back = append(back, mail.Place{Mailbox: b.ID, UID: row.UID})
				}
			}
		}
	} else {
		to = done.Folder
		if r.Mailbox == 0 || r.Folder == "" {
			to += string(mail.Delimiter) + name
		}
		if _, err := mail.MailboxName(to); err != nil {
			to = done.Folder + string(mail.Delimiter) + m.ID.String()
		}
		if _, err := h.CreateMailbox(ctx, to, mail.RoleNone); err != nil && !errors.Is(err, mail.ErrMailboxExists) {
			return nil, err
		}
		if r.Mailbox != 0 {
			done.Folder = to
		}
	}
	err = h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	done.Mailboxes++
	target := h.a.byName(to)
	if r.InPlace && !m.gone {
		target = m
	}
	return append(back, h.fulfil(r, m, rows, target, done)...), nil
}

// fulfil puts rows of a mailbox into another, or the same, and gives those that have come
// back.
func (h *Account) fulfil(r *mail.AsOf, m *box, rows []entry, to *box, done *mail.RestoredAsOf) (put []mail.Place) {
	a := h.a
	begun := false
	begin := func() {
		if !begun {
			begun = true
			a.begin()
		}
	}
	had := map[mail.EmailID]bool{}
	was := map[mail.UID]bool{}
	for _, e := range rows {
		was[e.UID] = true
	}
	for _, e := range rows {
		again := had[e.Email]
		had[e.Email] = true
		var there *entry
		if own := to.in(mail.SetOf(e.UID)); to == m && len(own) > 0 && own[0].Email == e.Email {
			there = own[0]
		} else {
			there = to.byEmail(e.Email)
		}
		switch {
		case there != nil:
			done.There++
			same := to == m && there.UID == e.UID
			if r.InPlace && (same || !again && !was[there.UID]) && !there.Flags.Equal(e.Flags) {
				begin()
				there.setFlags(a, e.Flags)
				a.touch(to, there)
				to.HighestModSeq = a.modSeq
				done.Flagged++
			}
		case !h.recoverable(e.Email):
			done.Gone++
		default:
			begin()
			back := e
			back.ModSeq, back.Saved = a.modSeq, saved(h.s.now())
			a.put(to, &back)
			put = append(put, mail.Place{Mailbox: to.ID, UID: back.UID})
			done.Back++
		}
	}
	if begun {
		a.wake()
	}
	return put
}
