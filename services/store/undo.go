package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
	"github.com/sanduk-mail/sanduk/services/store/match"
)

const (
	// undoScan is how many expunged messages one page of a list looks at with
	// words, which stand in the messages' digests: a second's work of a slow disk.
	undoScan = 4096
	// undoLook is how many one page looks at that need no more than their rows:
	// some ten milliseconds. Whoever asks for few of many turns empty pages.
	undoLook = 20_000
	// undoChunk is how many of these are read in one transaction: some
	// milliseconds. An open one makes the index grow.
	undoChunk = 5_000
)

// expungedRow is a row that is gone, or that stands in a deleted mailbox.
type expungedRow struct {
	mailbox mail.MailboxID
	row     row
	left    leaving
}

func (e *expungedRow) place() mail.Place { return mail.Place{Mailbox: e.mailbox, UID: e.row.uid} }

func (e *expungedRow) mark() mail.ExpungedMark {
	return mail.ExpungedMark{ModSeq: e.row.modSeq, Place: e.place()}
}

// Expunged lists what is gone from mailboxes and can be put back.
func (h *Account) Expunged(ctx context.Context, q mail.ExpungedQuery) (mail.ExpungedPage, error) {
	if err := h.check(); err != nil {
		return mail.ExpungedPage{}, err
	}
	if q.Limit <= 0 || q.Limit > mail.MaxExpungedPage {
		q.Limit = mail.MaxExpungedPage
	}
	found, err := h.a.newest(ctx, q, undoScan)
	if err != nil {
		return mail.ExpungedPage{}, fmt.Errorf("list expunged messages: %w", err)
	}
	page := mail.ExpungedPage{More: found.full()}
	for piece := range slices.Chunk(found.rows, mail.MaxExpungedPage) {
		back, err := h.a.back(ctx, piece)
		if err != nil {
			return mail.ExpungedPage{}, fmt.Errorf("list expunged messages: %w", err)
		}
		for i := range piece {
			if len(page.Messages) == q.Limit {
				page.More = true
				return page, nil
			}
			e := &piece[i]
			page.Next = e.mark()
			if back[e.place()] && !q.Back {
				continue
			}
			m := h.a.describe(e)
			if m.Back = back[e.place()]; match.Words(q.Words, m.From, m.Subject) {
				page.Messages = append(page.Messages, m)
			}
		}
		if err := ctx.Err(); err != nil {
			return mail.ExpungedPage{}, err
		}
	}
	if page.More {
		page.Next = found.last.mark()
	}
	return page, nil
}

// describe makes what is listed of a message. One whose body is damaged is
// listed without From and Subject: the rest of the list is worth having.
func (a *account) describe(e *expungedRow) mail.Expunged {
	m := mail.Expunged{
		Place: e.place(), Row: e.row.public(a.keywords), Moved: e.left.verb == verbMove || e.left.verb == verbMailboxRename,
		At: time.Unix(e.left.unix, 0).UTC(), Until: a.until(e.row.modSeq, e.left.unix),
	}
	a.mu.RLock()
	if b := a.boxes[e.mailbox]; b != nil {
		m.Name, m.MailboxGone = b.name, b.gone
	}
	email, err := a.email(mail.EmailID(e.row.email))
	a.mu.RUnlock()
	var d *message.Digest
	if err == nil {
		d, err = a.store.digest(email.body)
	}
	if err != nil {
		a.store.log.Warn("store: an expunged message can't be read", "account", a.id, "email", e.row.email, "error", err)
		return m
	}
	m.From, m.Subject = match.Brief(d)
	return m
}

// digest reads what is known of a body.
func (s *Store) digest(ref journal.BodyRef) (*message.Digest, error) {
	body, err := s.journal.Body(ref)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }() // only read from
	meta, err := body.Meta()
	if err != nil {
		return nil, err
	}
	return message.DecodeDigest(meta)
}

// back says which of the rows' emails stand in the same mailbox again.
func (a *account) back(ctx context.Context, rows []expungedRow) (map[mail.Place]bool, error) {
	wanted := map[mail.MailboxID]map[uint32][]mail.UID{}
	for i := range rows {
		e := &rows[i]
		if wanted[e.mailbox] == nil {
			wanted[e.mailbox] = map[uint32][]mail.UID{}
		}
		wanted[e.mailbox][e.row.email] = append(wanted[e.mailbox][e.row.email], e.row.uid)
	}
	back := map[mail.Place]bool{}
	for id, emails := range wanted {
		err := a.eachRow(ctx, id, func(r *row) {
			for _, uid := range emails[r.email] {
				back[mail.Place{Mailbox: id, UID: uid}] = true
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return back, nil
}

// eachRow walks the rows of a living mailbox in pieces; one that is gone has
// none. use must not keep the row.
func (a *account) eachRow(ctx context.Context, id mail.MailboxID, use func(*row)) error {
	unpin, err := a.pin(ctx, id)
	if err != nil {
		return err
	}
	defer unpin()
	for next := mail.UID(1); ; {
		n := 0
		a.mu.RLock()
		if m := a.boxes[id]; m != nil && !m.gone {
			for r := range m.rows.from(next) {
				use(r)
				next = r.uid + 1
				if n++; n == walkAtOnce {
					break
				}
			}
		}
		a.mu.RUnlock()
		if n < walkAtOnce || next == 0 {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// walkAtOnce is how many rows are looked at while nothing can be committed:
// some ten microseconds.
const walkAtOnce = 4096

// DeletedMailboxes lists the deleted mailboxes that can be put back.
func (h *Account) DeletedMailboxes(context.Context) ([]mail.DeletedMailbox, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	a := h.a
	var list []mail.DeletedMailbox
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, m := range a.boxes {
		if !m.gone || a.store.isOver(m.goneTime.Unix()) {
			continue
		}
		list = append(list, mail.DeletedMailbox{
			Mailbox: m.public(a.subscribed[m.name]), At: time.Unix(m.goneTime.Unix(), 0).UTC(), Until: a.until(m.changed, m.goneTime.Unix()),
		})
	}
	slices.SortFunc(list, func(a, b mail.DeletedMailbox) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}
