package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// RestoreAsOf puts a mailbox, or all of the account, back as it was at a moment.
func (h *Account) RestoreAsOf(ctx context.Context, r mail.AsOf, tell func(mail.Progress)) (mail.RestoredAsOf, error) {
	if err := h.check(); err != nil {
		return mail.RestoredAsOf{}, err
	}
	if tell == nil {
		tell = func(mail.Progress) {}
	}
	j := &asOf{handle: h, ask: r, tell: tell}
	if !r.InPlace {
		if r.Folder == "" {
			r.Folder = mail.AsOfFolder(r.At)
		}
		folder, err := mail.MailboxName(r.Folder)
		if err != nil {
			return mail.RestoredAsOf{}, fmt.Errorf("restore as of %s: %w", r.At.Format("2006-01-02 15:04:05 -0700"), err)
		}
		j.done.Folder = folder
	}
	if err := j.run(ctx); err != nil {
		return j.done, fmt.Errorf("restore as of %s: %w", r.At.Format("2006-01-02 15:04:05 -0700"), err)
	}
	return j.done, nil
}

// asOf is one RestoreAsOf.
type asOf struct {
	handle *Account
	ask    mail.AsOf
	tell   func(mail.Progress)
	past   *past
	total  int64
	done   mail.RestoredAsOf
}

func (j *asOf) run(ctx context.Context) error {
	a := j.handle.a
	var err error
	j.past, err = a.at(ctx, j.ask.At, func(done, total int64) {
		j.tell(mail.Progress{Reading: true, Done: done, Total: total})
	})
	if err != nil {
		return err
	}
	a.mu.RLock()
	over := j.past.last.modSeq < a.last.expired
	a.mu.RUnlock()
	if over { // some of what was there then has gone for good
		return mail.ErrGone
	}
	boxes, err := j.scope()
	if err != nil {
		return err
	}
	for _, b := range boxes {
		j.total += int64(b.total)
	}
	j.report(nil)
	for _, b := range boxes {
		if err := j.mailbox(ctx, b); err != nil {
			return fmt.Errorf("mailbox %s: %w", b.name, err)
		}
		j.past.table[b.id] = nil // it may be large
	}
	return nil
}

// scope lists the mailboxes that are asked for, as they were, by name.
func (j *asOf) scope() ([]*box, error) {
	var boxes []*box
	for id, b := range j.past.boxes {
		if !b.gone && (j.ask.Mailbox == 0 || j.ask.Mailbox == id) {
			boxes = append(boxes, b)
		}
	}
	if len(boxes) == 0 {
		return nil, mail.ErrNoMailbox
	}
	slices.SortFunc(boxes, func(a, b *box) int { return strings.Compare(a.name, b.name) })
	return boxes, nil
}

// report tells how far it has come, and what has come back.
func (j *asOf) report(back []mail.Place) {
	d := &j.done
	j.tell(mail.Progress{Done: int64(d.Back + d.There + d.Gone), Total: j.total, Back: back})
}

// reportMailboxes tells of the messages that have come back with their mailboxes.
func (j *asOf) reportMailboxes(ctx context.Context, boxes []mail.Mailbox) error {
	var back []mail.Place
	for _, b := range boxes {
		for r, err := range j.handle.Rows(ctx, b.ID, mail.UIDSet{{First: 1, Last: ^mail.UID(0)}}) {
			if err != nil {
				return err
			}
			if back = append(back, mail.Place{Mailbox: b.ID, UID: r.UID}); len(back) == restoreRows {
				j.report(back)
				back = nil
			}
		}
	}
	if len(back) > 0 {
		j.report(back)
	}
	return nil
}

// mailbox puts one mailbox back, piece by piece.
func (j *asOf) mailbox(ctx context.Context, b *box) error {
	where, err := j.place(ctx, b)
	if err != nil {
		return err
	}
	j.done.Mailboxes++
	var wishes []wish
	flush := func() error {
		if len(wishes) == 0 {
			return nil
		}
		back, err := j.piece(ctx, wishes, where)
		wishes = wishes[:0]
		j.report(back)
		return err
	}
	had := make([]uint64, j.past.last.email/64+1) // a bit for each email
	for r := range j.past.table[b.id].all() {
		bit := uint64(1) << (r.email % 64)
		again := had[r.email/64]&bit != 0
		had[r.email/64] |= bit
		flags := mail.Flags{System: r.system &^ mail.Deleted, Keywords: j.past.words.set(r.keywords)}
		wishes = append(wishes, wish{from: mail.Place{Mailbox: b.id, UID: r.uid}, row: *r, flags: flags, again: again})
		if len(wishes) == restoreRows {
			if err := flush(); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// piece commits some messages of a mailbox, and gives those that have come back.
func (j *asOf) piece(ctx context.Context, wishes []wish, where func() destination) (back []mail.Place, err error) {
	w := &putting{wishes: wishes}
	if j.ask.InPlace {
		w.was = j.past.table[wishes[0].from.Mailbox]
	}
	if err := j.handle.putWhere(ctx, verbRestoreAsOf, w, where); err != nil {
		return nil, err
	}
	j.done.Flagged += w.flagged
	for _, r := range w.done {
		switch r.Outcome {
		case mail.OutcomeBack:
			j.done.Back++
			back = append(back, r.Target)
		case mail.OutcomeThere:
			j.done.There++
		case mail.OutcomeGone:
			j.done.Gone++
		}
	}
	return back, nil
}

// place says where the messages of a mailbox go, and makes or restores it.
func (j *asOf) place(ctx context.Context, b *box) (func() destination, error) {
	a := j.handle.a
	if !j.ask.InPlace {
		name := j.done.Folder
		if j.ask.Mailbox == 0 || j.ask.Folder == "" {
			name += string(mail.Delimiter) + b.name
		}
		if _, err := mail.MailboxName(name); err != nil {
			// Too long or too deep below the folder: its ID always fits.
			name = j.done.Folder + string(mail.Delimiter) + b.id.String()
		}
		if _, err := j.handle.CreateMailbox(ctx, name, mail.RoleNone); err != nil && !errors.Is(err, mail.ErrMailboxExists) {
			return nil, err
		}
		if j.ask.Mailbox != 0 {
			j.done.Folder = name
		}
		return func() destination { return a.named(name, mail.RoleNone) }, nil
	}
	a.mu.RLock()
	m := a.boxes[b.id]
	gone := m != nil && m.gone
	a.mu.RUnlock()
	if gone {
		boxes, err := j.handle.RestoreMailbox(ctx, b.id)
		if err == nil {
			err = j.reportMailboxes(ctx, boxes)
		}
		if err != nil && !errors.Is(err, mail.ErrGone) && !errors.Is(err, mail.ErrNoMailbox) {
			return nil, err
		}
	}
	return func() destination {
		a.mu.RLock()
		m := a.boxes[b.id]
		there := m != nil && !m.gone
		a.mu.RUnlock()
		if there {
			return destination{id: b.id, name: b.name}
		}
		return a.named(b.name, b.role)
	}, nil
}

// named is the destination of a name.
func (a *account) named(name string, role mail.Role) destination {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return destination{id: a.names[name], name: name, role: role}
}
