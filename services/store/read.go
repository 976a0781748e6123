package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"syscall"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
	"github.com/sanduk-mail/sanduk/services/store/match"
)

// rowsAtOnce is how many rows are copied while nothing can be committed: some
// ten microseconds.
const rowsAtOnce = 512

// Rows gives the messages of the set. Nothing is held while the consumer works.
func (h *Account) Rows(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet) iter.Seq2[mail.Row, error] {
	return func(yield func(mail.Row, error) bool) {
		if err := h.rows(ctx, mailbox, set, yield); err != nil {
			yield(mail.Row{}, err)
		}
	}
}

// rows walks the rows in pieces. An error has not been yielded yet.
func (h *Account) rows(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet, yield func(mail.Row, error) bool) error {
	if err := h.check(); err != nil {
		return err
	}
	unpin, err := h.a.pin(ctx, mailbox)
	if err != nil {
		return err
	}
	defer unpin()
	buf := make([]row, 0, rowsAtOnce)
	for {
		if buf, err = h.a.piece(mailbox, set, buf[:0]); err != nil {
			return err
		}
		for i := range buf {
			if !yield(buf[i].public(h.a.keywords), nil) {
				return nil
			}
		}
		if len(buf) < rowsAtOnce || buf[len(buf)-1].uid == maxNumber {
			return nil
		}
		set = from(set, buf[len(buf)-1].uid+1)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// piece copies the first rows of the set. The mailbox is pinned.
func (a *account) piece(mailbox mail.MailboxID, set mail.UIDSet, buf []row) ([]row, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	m, err := a.living(mailbox)
	if err != nil {
		return buf, err
	}
	for r := range m.rows.in(set) {
		if len(buf) == cap(buf) {
			break
		}
		buf = append(buf, *r)
	}
	return buf, nil
}

// Open opens one message for reading. It needs no other row of the mailbox.
func (h *Account) Open(_ context.Context, mailbox mail.MailboxID, uid mail.UID) (*message.Stored, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	r, e, err := h.a.find(mailbox, uid)
	if err != nil {
		return nil, err
	}
	body, err := h.a.store.journal.Body(e.body)
	if err != nil {
		return nil, fmt.Errorf("open message %d of mailbox %s: %w", uid, mailbox, bodyError(err))
	}
	digest := func() (*message.Digest, error) {
		meta, err := body.Meta()
		if err != nil {
			return nil, bodyError(err)
		}
		return message.DecodeDigest(meta)
	}
	return message.NewStored(r.public(h.a.keywords), e.prefix, opened{body}, e.size, digest, body.Close), nil
}

// opened is a body as a message reads it.
type opened struct{ body *journal.Body }

func (o opened) ReadAt(p []byte, off int64) (int, error) {
	n, err := o.body.ReadAt(p, off)
	return n, bodyError(err)
}

// Verify is the body's.
func (o opened) Verify(off, n int64) error { return bodyError(o.body.Verify(off, n)) }

// bodyError says of a body that is lost what that is. The disk has tried often when
// it says that it can't read: for whoever asks, that is the same.
func bodyError(err error) error {
	for _, lost := range []error{journal.ErrDamaged, journal.ErrDropped, fs.ErrNotExist, syscall.EIO} {
		if errors.Is(err, lost) {
			return fmt.Errorf("%w: %w", mail.ErrDamaged, err)
		}
	}
	return err
}

// CanonicalSize is the size of a message when every line ends in CRLF. The row
// says it of nearly all; of one with many bare LFs the email does, and where that
// comes from before it was noted, the message is read.
func (h *Account) CanonicalSize(ctx context.Context, mailbox mail.MailboxID, uid mail.UID) (int64, error) {
	if err := h.check(); err != nil {
		return 0, err
	}
	r, e, err := h.a.find(mailbox, uid)
	if err != nil {
		return 0, err
	}
	if more, known := r.grows(); known {
		return int64(r.size) + more, nil
	}
	if e.grows > 0 {
		return int64(r.size) + int64(e.grows-1), nil
	}
	m, err := h.Open(ctx, mailbox, uid)
	if err != nil {
		return 0, err
	}
	defer func() { _ = m.Close() }() // only read from
	var lines message.Canonical
	if _, err := io.Copy(&lines, m.Reader()); err != nil {
		return 0, fmt.Errorf("count lines of message %d of mailbox %s: %w", uid, mailbox, err)
	}
	return lines.Size(), nil
}

// find gives a message's row and email.
func (a *account) find(mailbox mail.MailboxID, uid mail.UID) (row, email, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if _, err := a.living(mailbox); err != nil {
		return row{}, email{}, err
	}
	r, ok, err := a.row(mailbox, uid)
	if err != nil {
		return row{}, email{}, err
	}
	if !ok {
		return row{}, email{}, mail.ErrNoMessage
	}
	e, err := a.email(mail.EmailID(r.email))
	return r, e, err
}

// Search gives the messages for which the query holds, asking the rows first
// and the messages themselves only where they must be.
func (h *Account) Search(ctx context.Context, mailbox mail.MailboxID, q mail.Query) (mail.UIDSet, error) {
	matcher, err := match.Compile(q)
	if err != nil {
		return nil, err
	}
	var found mail.UIDSet
	for r, err := range h.Rows(ctx, mailbox, everyUID()) {
		if err != nil {
			return nil, err
		}
		ok, err := matcher.Match(ctx, r, func() (*message.Stored, error) { return h.Open(ctx, mailbox, r.UID) })
		if errors.Is(err, mail.ErrDamaged) {
			continue // it holds nothing that can be found; the others do
		}
		if err != nil {
			return nil, fmt.Errorf("search message %d: %w", r.UID, err)
		}
		if ok {
			found = found.Add(r.UID)
		}
	}
	return found, nil
}

// Changes says what has happened in the mailbox after since.
func (h *Account) Changes(ctx context.Context, mailbox mail.MailboxID, since mail.ModSeq) (mail.Changes, error) {
	if err := h.check(); err != nil {
		return mail.Changes{}, err
	}
	a := h.a
	if c, nothing := a.unchanged(mailbox, since); nothing {
		return c, nil
	}
	unpin, err := a.pin(ctx, mailbox)
	if err != nil {
		return mail.Changes{}, err
	}
	defer unpin()
	a.mu.RLock()
	defer a.mu.RUnlock()
	m := a.boxes[mailbox]
	if m == nil { // expired since
		return mail.Changes{}, mail.ErrNoMailbox
	}
	c, nothing := a.changesOf(m, since)
	if nothing {
		return c, nil
	}
	for r := range m.rows.after(since) {
		c.Rows = append(c.Rows, r.public(a.keywords))
	}
	c.Vanished, err = a.vanishedSince(m, since)
	return c, err
}

// unchanged is Changes where nothing has changed, which is most often so and needs
// no rows in memory.
func (a *account) unchanged(mailbox mail.MailboxID, since mail.ModSeq) (c mail.Changes, nothing bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	m := a.boxes[mailbox]
	if m == nil {
		return c, false
	}
	return a.changesOf(m, since)
}

// changesOf is what Changes says of the mailbox itself, and whether that is all. The
// caller holds mu.
func (a *account) changesOf(m *mailbox, since mail.ModSeq) (c mail.Changes, all bool) {
	return mail.Changes{Until: a.last.modSeq, UIDNext: m.uidNext, Gone: m.gone}, m.gone || since >= m.highest
}

// vanishedSince is what was expunged after since. The caller holds mu.
func (a *account) vanishedSince(m *mailbox, since mail.ModSeq) (mail.UIDSet, error) {
	if since < a.last.expired {
		// When each message went is not known any more, only that it is not there. To
		// be told again of one that is gone harms nobody (RFC 7162 §3.2.6).
		return m.missing(), nil
	}
	var sets []mail.UIDSet
	if since < m.vanishedFrom {
		var err error
		if sets, err = a.index.expungings(m.id, since, m.vanishedFrom); err != nil {
			return nil, err
		}
	}
	for _, v := range m.vanished {
		if v.modSeq > since {
			sets = append(sets, v.uids)
		}
	}
	return mail.SetOfRanges(slices.Concat(sets...)...), nil
}

// missing are the UIDs that were given out and are not there. The rows are loaded.
func (m *mailbox) missing() mail.UIDSet {
	var set mail.UIDSet
	next := mail.UID(1)
	for _, c := range m.rows.chunks {
		for _, uid := range c.uids {
			if uid > next {
				set = append(set, mail.Range[mail.UID]{First: next, Last: uid - 1})
			}
			next = uid + 1
		}
	}
	if m.uidNext > next {
		set = append(set, mail.Range[mail.UID]{First: next, Last: m.uidNext - 1})
	}
	return set
}
