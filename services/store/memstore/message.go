package memstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
	"github.com/sanduk-mail/sanduk/services/store/match"
)

// add puts a new email into a mailbox.
func (a *account) add(m *box, row mail.Row, prefix []byte, b *body) mail.UID {
	a.lastEmail++
	row.Email = a.lastEmail
	row.Thread = a.thread(b.digest)
	return a.put(m, &entry{Row: row, prefix: slices.Clone(prefix), body: b})
}

// put gives the entry the next UID of the mailbox.
func (a *account) put(m *box, e *entry) mail.UID {
	e.UID = m.UIDNext
	e.born, e.history = a.now(), []flagsAt{{a.now(), e.Flags}}
	m.UIDNext++
	m.HighestModSeq = e.ModSeq
	m.entries = append(m.entries, e)
	a.touch(m, e)
	a.touched[e.Thread] = e.ModSeq
	return e.UID
}

// thread finds or makes the thread of a new message, and notes its message IDs.
func (a *account) thread(d *message.Digest) mail.ThreadID {
	var keys []threadKey
	for _, id := range slices.Concat([]string{d.MessageID}, d.InReplyTo, reversed(d.References)) {
		if id != "" {
			keys = append(keys, threadKey{id, d.BaseSubject})
		}
	}
	var thread mail.ThreadID
	for _, k := range keys {
		if thread = a.threads[k]; thread != 0 {
			break
		}
	}
	if thread == 0 {
		a.lastThread++
		thread = a.lastThread
	}
	for _, k := range keys {
		if a.threads[k] == 0 {
			a.threads[k] = thread
		}
	}
	return thread
}

func reversed(s []string) []string {
	s = slices.Clone(s)
	slices.Reverse(s)
	return s
}

func (a *account) copyEntry(e *entry, to *box, now time.Time) mail.UID {
	c := *e
	c.ModSeq, c.Saved = a.modSeq, now
	return a.put(to, &c)
}

func (a *account) drop(m *box, uid mail.UID, now time.Time, moved bool) {
	for _, e := range m.in(mail.SetOf(uid)) {
		gone := expunged{entry: *e, at: now, died: a.now(), moved: moved}
		gone.ModSeq = a.modSeq
		a.touched[e.Thread] = a.modSeq
		m.expunged = append(m.expunged, gone)
		a.touch(m, e)
	}
	m.entries = slices.DeleteFunc(m.entries, func(e *entry) bool { return e.UID == uid })
	m.vanished = append(m.vanished, vanished{uid, a.modSeq})
	m.HighestModSeq = a.modSeq
}

func (e *entry) setFlags(a *account, f mail.Flags) {
	e.Flags, e.ModSeq = f, a.modSeq
	e.history = append(e.history, flagsAt{a.now(), f})
}

func (m *box) in(set mail.UIDSet) []*entry {
	var found []*entry
	for _, e := range m.entries {
		if set.Contains(e.UID) {
			found = append(found, e)
		}
	}
	return found
}

// UIDs lists all UIDs of the mailbox.
func (h *Account) UIDs(_ context.Context, mailbox mail.MailboxID) (mail.UIDSet, mail.ModSeq, error) {
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return nil, 0, err
	}
	m, err := h.a.box(mailbox)
	if err != nil {
		return nil, 0, err
	}
	var uids mail.UIDSet
	for _, e := range m.entries {
		uids = uids.Add(e.UID)
	}
	return uids, h.a.modSeq, nil
}

// Rows gives the rows of the set, as they are when the walk begins.
func (h *Account) Rows(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet) iter.Seq2[mail.Row, error] {
	return func(yield func(mail.Row, error) bool) {
		rows, err := h.rows(mailbox, set)
		if err != nil {
			yield(mail.Row{}, err)
			return
		}
		for _, r := range rows {
			if err := ctx.Err(); err != nil {
				yield(mail.Row{}, err)
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (h *Account) rows(mailbox mail.MailboxID, set mail.UIDSet) ([]mail.Row, error) {
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	m, err := h.a.box(mailbox)
	if err != nil {
		return nil, err
	}
	var rows []mail.Row
	for _, e := range m.in(set) {
		rows = append(rows, e.Row)
	}
	return rows, nil
}

// Summaries gives the rows of the set with the summaries of their messages.
func (h *Account) Summaries(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet) iter.Seq2[message.Summarized, error] {
	return func(yield func(message.Summarized, error) bool) {
		for row, err := range h.Rows(ctx, mailbox, set) {
			if err != nil {
				yield(message.Summarized{}, err)
				return
			}
			m, err := h.Open(ctx, mailbox, row.UID)
			if errors.Is(err, mail.ErrNoMessage) {
				continue
			}
			var digest *message.Digest
			if err == nil {
				digest, err = m.Digest()
			}
			if err != nil {
				yield(message.Summarized{}, err)
				return
			}
			if !yield(message.Summarized{Row: row, Summary: message.Summarize(digest)}, nil) {
				return
			}
		}
	}
}

// CanonicalSize is a message's size when every line ends in CRLF.
func (h *Account) CanonicalSize(ctx context.Context, mailbox mail.MailboxID, uid mail.UID) (int64, error) {
	m, err := h.Open(ctx, mailbox, uid)
	if err != nil {
		return 0, err
	}
	return m.Row.Canonical, m.Close()
}

// Open opens one message.
func (h *Account) Open(_ context.Context, mailbox mail.MailboxID, uid mail.UID) (*message.Stored, error) {
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	m, err := h.a.box(mailbox)
	if err != nil {
		return nil, err
	}
	found := m.in(mail.SetOf(uid))
	if len(found) == 0 {
		return nil, mail.ErrNoMessage
	}
	e := found[0]
	digest := func() (*message.Digest, error) { return e.body.digest, nil }
	return message.NewStored(e.Row, e.prefix, bytes.NewReader(e.body.data), int64(len(e.body.data)), digest, nil), nil
}

// Append puts messages into the mailbox.
func (h *Account) Append(_ context.Context, mailbox mail.MailboxID, messages []draft.Append) (mail.Appended, error) {
	var bodies []*body
	for _, msg := range messages {
		if err := msg.Flags.Check(); err != nil {
			return mail.Appended{}, err
		}
		b, err := read(msg.Draft)
		if err != nil {
			return mail.Appended{}, err
		}
		bodies = append(bodies, b)
	}
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return mail.Appended{}, err
	}
	m, err := h.a.box(mailbox)
	if err != nil {
		return mail.Appended{}, err
	}
	done := mail.Appended{UIDValidity: m.UIDValidity}
	if len(messages) == 0 {
		return done, nil
	}
	more := mail.Usage{Messages: int64(len(bodies))}
	for _, b := range bodies {
		more.Bytes += int64(len(b.data))
	}
	if err := h.a.fits(more); err != nil {
		return mail.Appended{}, err
	}
	h.a.begin()
	for i, msg := range messages {
		done.UIDs = append(done.UIDs, h.a.add(m, mail.Row{
			ModSeq: h.a.modSeq, Flags: msg.Flags, Size: int64(len(bodies[i].data)), Canonical: bodies[i].lines,
			Internal: internal(msg.Internal, h.s.now()), Saved: saved(h.s.now()), ID: mail.NewID(h.s.now()),
		}, nil, bodies[i]))
	}
	h.a.wake()
	return done, nil
}

// SetFlags changes flags.
func (h *Account) SetFlags(_ context.Context, mailbox mail.MailboxID, set mail.UIDSet, op mail.FlagOp, flags mail.Flags, unchangedSince *mail.ModSeq) (mail.UIDSet, error) {
	if err := flags.Check(); err != nil {
		return nil, err
	}
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	m, err := h.a.box(mailbox)
	if err != nil {
		return nil, err
	}
	var modified mail.UIDSet
	outcome := map[*entry]mail.Flags{}
	for _, e := range m.in(set) {
		if unchangedSince != nil && e.ModSeq > *unchangedSince {
			modified = modified.Add(e.UID)
			continue
		}
		f := op.Apply(e.Flags, flags)
		if err := f.Check(); err != nil {
			return nil, err
		}
		if !f.Equal(e.Flags) {
			outcome[e] = f
		}
	}
	if len(outcome) == 0 {
		return modified, nil
	}
	h.a.begin()
	for e, f := range outcome {
		e.setFlags(h.a, f)
		h.a.touch(m, e)
	}
	m.HighestModSeq = h.a.modSeq
	h.a.wake()
	return modified, nil
}

// Copy copies messages.
func (h *Account) Copy(_ context.Context, from mail.MailboxID, set mail.UIDSet, to mail.MailboxID) (mail.Copied, error) {
	return h.copy(from, set, to, false)
}

// Move moves messages.
func (h *Account) Move(_ context.Context, from mail.MailboxID, set mail.UIDSet, to mail.MailboxID) (mail.Copied, error) {
	return h.copy(from, set, to, true)
}

func (h *Account) copy(from mail.MailboxID, set mail.UIDSet, to mail.MailboxID, move bool) (mail.Copied, error) {
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return mail.Copied{}, err
	}
	source, err := h.a.box(from)
	if err != nil {
		return mail.Copied{}, err
	}
	target, err := h.a.box(to)
	if err != nil {
		return mail.Copied{}, err
	}
	done := mail.Copied{UIDValidity: target.UIDValidity}
	found := source.in(set)
	if len(found) == 0 {
		return done, nil
	}
	more := mail.Usage{Messages: int64(len(found))}
	for _, e := range found {
		more.Bytes += e.Size
	}
	if err := h.a.fits(more); !move && err != nil {
		return mail.Copied{}, err
	}
	h.a.begin()
	for _, e := range found {
		done.Source = append(done.Source, e.UID)
		done.Target = append(done.Target, h.a.copyEntry(e, target, saved(h.s.now())))
		if move {
			h.a.drop(source, e.UID, saved(h.s.now()), true)
		}
	}
	h.a.wake()
	return done, nil
}

// Expunge takes messages away.
func (h *Account) Expunge(_ context.Context, mailbox mail.MailboxID, set mail.UIDSet, onlyDeleted bool) (mail.UIDSet, error) {
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	m, err := h.a.box(mailbox)
	if err != nil {
		return nil, err
	}
	if set == nil && onlyDeleted {
		set = mail.SetOfRanges(mail.Range[mail.UID]{First: 1, Last: ^mail.UID(0)})
	}
	var gone mail.UIDSet
	for _, e := range m.in(set) {
		if !onlyDeleted || e.Flags.Has(mail.Deleted) {
			gone = gone.Add(e.UID)
		}
	}
	if len(gone) == 0 {
		return nil, nil
	}
	h.a.begin()
	for uid := range gone.All() {
		h.a.drop(m, uid, saved(h.s.now()), false)
	}
	h.a.wake()
	return gone, nil
}

// Search gives the messages for which the query holds.
func (h *Account) Search(ctx context.Context, mailbox mail.MailboxID, q mail.Query) (mail.UIDSet, error) {
	matcher, err := match.Compile(q)
	if err != nil {
		return nil, err
	}
	rows, err := h.rows(mailbox, mail.SetOfRanges(mail.Range[mail.UID]{First: 1, Last: ^mail.UID(0)}))
	if err != nil {
		return nil, err
	}
	var found mail.UIDSet
	for _, r := range rows {
		ok, err := matcher.Match(ctx, r, func() (*message.Stored, error) { return h.Open(ctx, mailbox, r.UID) })
		if err != nil {
			return nil, err
		}
		if ok {
			found = found.Add(r.UID)
		}
	}
	return found, nil
}

// Changes says what happened after since.
func (h *Account) Changes(_ context.Context, mailbox mail.MailboxID, since mail.ModSeq) (mail.Changes, error) {
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return mail.Changes{}, err
	}
	m := h.a.boxes[mailbox]
	if m == nil {
		return mail.Changes{}, mail.ErrNoMailbox
	}
	c := mail.Changes{Until: h.a.modSeq, UIDNext: m.UIDNext, Gone: m.gone}
	if m.gone || since >= m.HighestModSeq {
		return c, nil
	}
	for _, e := range m.entries {
		if e.ModSeq > since {
			c.Rows = append(c.Rows, e.Row)
		}
	}
	var gone []mail.UID
	for _, v := range m.vanished {
		if v.modSeq > since || since < h.a.expired {
			gone = append(gone, v.uid)
		}
	}
	slices.SortFunc(gone, func(a, b mail.UID) int { return cmp.Compare(a, b) })
	c.Vanished = mail.SetOf(gone...)
	return c, nil
}
