package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
	"github.com/sanduk-mail/sanduk/services/store/match"
)

const (
	// undoScan is how many expunged messages one page of a list looks at with
	// words, which stand in the messages' digests: a second's work of a slow disk.
	undoScan = 4096
	// undoChunk is how many entries of the index are read in one transaction:
	// some milliseconds. An open one makes the index grow.
	undoChunk = 10_000
)

// expungedRow is a row that is gone, or that stands in a deleted mailbox.
type expungedRow struct {
	mailbox mail.MailboxID
	row     row
	left    leaving
}

func (e *expungedRow) place() mail.Place { return mail.Place{Mailbox: e.mailbox, UID: e.row.uid} }

// newer sorts by when a row went, the newest first. UIDs of one step stand as
// they stood in the mailbox.
func newer(a, b expungedRow) int {
	return cmp.Or(cmp.Compare(b.row.modSeq, a.row.modSeq), cmp.Compare(a.mailbox, b.mailbox), cmp.Compare(a.row.uid, b.row.uid))
}

// until is when something that went at unix can't be brought back any more.
func (s *Store) until(unix int64) time.Time { return time.Unix(unix, 0).UTC().Add(s.retention) }

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
	page := mail.ExpungedPage{More: len(found) == undoScan}
	for piece := range slices.Chunk(found, mail.MaxExpungedPage) {
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
			page.Next = mail.ExpungedMark{ModSeq: e.row.modSeq, Place: e.place()}
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
	return page, nil
}

// describe makes what is listed of a message. One whose body is damaged is
// listed without From and Subject: the rest of the list is worth having.
func (a *account) describe(e *expungedRow) mail.Expunged {
	m := mail.Expunged{
		Place: e.place(), Row: e.row.public(a.keywords), Moved: e.left.verb == verbMove || e.left.verb == verbMailboxRename,
		At: time.Unix(e.left.unix, 0).UTC(), Until: a.store.until(e.left.unix),
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

// selection gathers the newest rows that a query asks for, and no more of them
// than it has room for, however many there are.
type selection struct {
	q     mail.ExpungedQuery
	after expungedRow // the row of q.After
	gone  mail.ModSeq // up to which everything has expired
	since int64       // what went at or before this is over
	room  int
	rows  []expungedRow
}

func (s *selection) offer(e expungedRow) {
	switch q := &s.q; {
	case e.left.unix <= s.since, e.row.modSeq <= s.gone,
		!q.Since.IsZero() && e.left.unix < q.Since.Unix(),
		!q.Before.IsZero() && e.left.unix >= q.Before.Unix(),
		!q.Moved && (e.left.verb == verbMove || e.left.verb == verbMailboxRename),
		q.After != mail.ExpungedMark{} && newer(s.after, e) >= 0:
		return
	}
	s.rows = append(s.rows, e)
	if len(s.rows) >= 2*s.room {
		s.shrink()
	}
}

// shrink leaves the newest, each once: while a checkpoint goes on, a row may be
// found in memory and in the index.
func (s *selection) shrink() {
	slices.SortFunc(s.rows, newer)
	s.rows = slices.CompactFunc(s.rows, func(a, b expungedRow) bool { return a.place() == b.place() })
	s.rows = s.rows[:min(len(s.rows), s.room)]
}

// newest gives the newest rows of a query, as many as there is room for.
func (a *account) newest(ctx context.Context, q mail.ExpungedQuery, room int) ([]expungedRow, error) {
	s := &selection{q: q, room: room, since: a.store.now().Add(-a.store.retention).Unix()}
	s.after = expungedRow{mailbox: q.After.Place.Mailbox, row: row{modSeq: q.After.ModSeq, uid: q.After.Place.UID}}
	gone := a.recentlyExpunged(s)
	if err := a.index.eachExpunged(ctx, q.Mailbox, s.offer); err != nil {
		return nil, err
	}
	for _, id := range gone {
		if err := a.offerDeleted(ctx, id, s); err != nil {
			return nil, err
		}
	}
	s.shrink()
	return s.rows, nil
}

// recentlyExpunged offers what is not in the index yet, and lists the deleted
// mailboxes of the query. It comes before the index is asked, so that nothing
// slips through while a checkpoint moves it there.
func (a *account) recentlyExpunged(s *selection) (gone []mail.MailboxID) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	s.gone = a.last.expired
	for _, o := range []*overlay{a.flushing, &a.dirty} {
		if o == nil {
			continue
		}
		for id, t := range o.rows {
			if s.q.Mailbox != 0 && s.q.Mailbox != id {
				continue
			}
			for r := range t.all() {
				if r.gone {
					s.offer(expungedRow{id, *r, o.left[r.modSeq]})
				}
			}
		}
	}
	for id, m := range a.boxes {
		if m.gone && m.total > 0 && (s.q.Mailbox == 0 || s.q.Mailbox == id) {
			gone = append(gone, id)
		}
	}
	slices.Sort(gone)
	return gone
}

// offerDeleted offers the messages of a deleted mailbox, which went with it.
func (a *account) offerDeleted(ctx context.Context, id mail.MailboxID, s *selection) error {
	unpin, err := a.pin(ctx, id)
	if err != nil {
		return err
	}
	defer unpin()
	for next := mail.UID(1); ; {
		a.mu.RLock()
		m := a.boxes[id]
		n := 0
		if m != nil && m.gone {
			for r := range m.rows.from(next) {
				e := *r
				e.modSeq = m.changed
				s.offer(expungedRow{id, e, leaving{m.goneTime.Unix(), verbMailboxDelete}})
				next = r.uid + 1
				if n++; n == rowsAtOnce {
					break
				}
			}
		}
		a.mu.RUnlock()
		if n < rowsAtOnce || next == 0 {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// eachExpunged gives what the index has of expunged rows: of one mailbox, or of
// all.
func (ix *index) eachExpunged(ctx context.Context, only mail.MailboxID, use func(expungedRow)) error {
	var prefix []byte
	if only != 0 {
		prefix = key64(only)
	}
	for start := prefix; ; {
		n := 0
		err := ix.read(func(tx *bolt.Tx) error {
			c := tx.Bucket([]byte("expunged")).Cursor()
			for k, v := c.Seek(start); k != nil && bytes.HasPrefix(k, prefix) && n < undoChunk; k, v = c.Next() {
				r, left, err := decodeExpunged(v)
				if err != nil || len(k) != 12 {
					return fmt.Errorf("expunged: %w", errIndex)
				}
				use(expungedRow{mail.MailboxID(binary.BigEndian.Uint64(k)), r, left})
				start = append(append([]byte(nil), k...), 0) // the first key behind it
				n++
			}
			return nil
		})
		if err != nil || n < undoChunk {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
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
	now := a.store.now()
	var list []mail.DeletedMailbox
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, m := range a.boxes {
		if !m.gone || !now.Before(a.store.until(m.goneTime.Unix())) {
			continue
		}
		list = append(list, mail.DeletedMailbox{
			Mailbox: m.public(a.subscribed[m.name]), At: time.Unix(m.goneTime.Unix(), 0).UTC(), Until: a.store.until(m.goneTime.Unix()),
		})
	}
	slices.SortFunc(list, func(a, b mail.DeletedMailbox) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}
