package search

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"math"
	"slices"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// updating is one bringing up to date.
type updating struct {
	ix  *Index
	a   *account
	box Account
	b   *builder
	// until is the ModSeq up to which everything will have been looked at.
	until mail.ModSeq
	// anew: every message is looked at, whatever the index says it has seen.
	anew bool
	// rebuild is told how far the making of a new index is; nil if the one that is
	// there is only to be brought up to date. own are the new one's segments, which
	// no search and no manifest knows of until it is whole.
	rebuild *rebuilding
	own     []*segment
}

// segments are those of the index that is being made.
func (u *updating) segments() []*segment {
	if u.rebuild != nil {
		return u.own
	}
	return u.a.segments
}

func (u *updating) all(ctx context.Context) error {
	since := u.a.manifest.modSeq
	mailboxes, err := u.box.Mailboxes(ctx)
	if err != nil {
		return err
	}
	highest, total := mail.ModSeq(0), int64(0)
	for _, m := range mailboxes {
		highest = max(highest, m.HighestModSeq)
		if m.Kind == mail.KindMail {
			total += int64(m.Total)
		}
	}
	if highest < since || u.anew || u.rebuild != nil {
		since = 0 // the log was put back to an earlier state, perhaps
	}
	u.rebuild.expect(total)
	u.until = since // until it is all done: a crash begins again here
	for _, m := range mailboxes {
		if m.Kind != mail.KindMail || m.HighestModSeq <= since || m.ID > math.MaxUint32 {
			continue
		}
		err := u.mailbox(ctx, m, since)
		if errors.Is(err, mail.ErrNoMailbox) {
			continue
		}
		if err != nil {
			return err
		}
	}
	u.until = highest
	if err := u.flush(); err != nil {
		return err
	}
	if err := u.merge(ctx); err != nil || u.rebuild == nil {
		return err
	}
	if err := u.a.exchange(u.a.segments, u.own, u.until); err != nil {
		return err
	}
	u.own = nil
	return nil
}

// abandon takes away what was made of a new index that will not be whole.
func (u *updating) abandon() {
	for _, s := range u.own {
		_ = s.close() // only read from
		u.a.remove(s.name)
	}
	u.own = nil
}

func (u *updating) mailbox(ctx context.Context, m mail.Mailbox, since mail.ModSeq) error {
	for row, err := range u.changed(ctx, m, since) {
		if err != nil {
			return err
		}
		u.rebuild.count()
		if u.has(&row) {
			continue
		}
		if err := u.read(ctx, m.ID, row); err != nil {
			return err
		}
		u.ix.throttle.rest(ctx)
		if u.b.size >= buildMemory {
			if err := u.flush(); err != nil {
				return err
			}
			if err := u.merge(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// changed walks what is new in the mailbox or has changed.
func (u *updating) changed(ctx context.Context, m mail.Mailbox, since mail.ModSeq) iter.Seq2[mail.Row, error] {
	return func(yield func(mail.Row, error) bool) {
		if since > 0 && m.HighestModSeq-since <= fewChanges {
			changes, err := u.box.Changes(ctx, m.ID, since)
			if err != nil {
				yield(mail.Row{}, err)
				return
			}
			for _, row := range changes.Rows {
				if !yield(row, nil) {
					return
				}
			}
			return
		}
		for row, err := range u.box.Rows(ctx, m.ID, everyUID()) {
			if (err != nil || row.ModSeq > since) && !yield(row, err) {
				return
			}
		}
	}
}

// read takes the words of a message that is not in the index yet.
func (u *updating) read(ctx context.Context, mailbox mail.MailboxID, row mail.Row) error {
	m, err := u.box.Open(ctx, mailbox, row.UID)
	if err == nil {
		err = extract(ctx, u.b, m, mailbox)
		_ = m.Close() // only read from
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, mail.ErrNoMessage), errors.Is(err, mail.ErrNoMailbox):
		return nil
	case err != nil:
		// It stays outside, where every search looks at it and says what is wrong.
		u.ix.log.Warn("search: message can't be indexed", "account", u.a.id, "mailbox", mailbox, "uid", row.UID, "error", err)
	}
	return nil
}

// has says whether the index has a message, or can't have it.
func (u *updating) has(row *mail.Row) bool {
	if row.Email > math.MaxUint32 {
		return true // a search looks at what is not here itself
	}
	check := checkOf(row)
	if u.b.has[[2]uint32{uint32(row.Email), check}] {
		return true
	}
	for _, s := range slices.Backward(u.segments()) {
		near := -1
		if _, ok := s.find(uint32(row.Email), check, &near); ok {
			return true
		}
	}
	return false
}

// flush writes what was gathered as a segment.
func (u *updating) flush() error {
	if len(u.b.docs) == 0 {
		if u.until == u.a.manifest.modSeq || u.rebuild != nil {
			return nil
		}
		return u.a.exchange(nil, nil, u.until)
	}
	s, err := u.a.create(u.b.write)
	if err != nil {
		return err
	}
	u.b = newBuilder()
	return u.replace(nil, s, u.until)
}

// replace puts a segment into the place of others.
func (u *updating) replace(old []*segment, s *segment, modSeq mail.ModSeq) error {
	if u.rebuild == nil {
		return u.a.exchange(old, []*segment{s}, modSeq)
	}
	if len(old) == 0 {
		u.own = append(u.own, s)
	}
	for i, o := range old {
		at := slices.Index(u.own, o)
		if u.own = slices.Delete(u.own, at, at+1); i == 0 {
			u.own = slices.Insert(u.own, at, s)
		}
		_ = o.close() // only read from
		u.a.remove(o.name)
	}
	return nil
}

// merge makes few segments out of many.
func (u *updating) merge(ctx context.Context) error {
	for {
		old := slices.Clone(overfull(u.segments()))
		if old == nil {
			return nil
		}
		if old[0].tier() == 0 { // too small to ask what there still is
			if err := u.join(ctx, old, func(*doc) bool { return true }); err != nil {
				return err
			}
			continue
		}
		live, err := u.live(ctx)
		if err != nil {
			return err
		}
		if err := u.join(ctx, old, live.keep); err != nil {
			return err
		}
		for _, s := range slices.Clone(u.segments()) {
			if s.tier() >= tierLargest && live.of(s) < len(s.docs)/2 {
				if err := u.join(ctx, []*segment{s}, live.keep); err != nil {
					return err
				}
			}
		}
	}
}

// join makes one segment of several, with the documents that are to be kept.
func (u *updating) join(ctx context.Context, old []*segment, keep func(*doc) bool) error {
	s, err := u.a.create(func(w *segmentWriter) error {
		return merge(ctx, w, old, keep, func() { u.ix.throttle.rest(ctx) })
	})
	if err != nil {
		return err
	}
	return u.replace(old, s, u.a.manifest.modSeq)
}

// living are the messages that there are, one place of each, in order.
type living []docPlace

// keep says whether the document is among them, and notes where.
func (l living) keep(d *doc) bool {
	i, ok := slices.BinarySearchFunc(l, d.key(), func(p docPlace, key uint64) int { return cmp.Compare(p.id, key) })
	if ok {
		d.mailbox, d.uid = l[i].mailbox, l[i].uid
	}
	return ok
}

// of counts the segment's documents among them.
func (l living) of(s *segment) (n int) {
	for _, d := range s.docs {
		if l.keep(&d) {
			n++
		}
	}
	return n
}

func (u *updating) live(ctx context.Context) (living, error) {
	mailboxes, err := u.box.Mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	var live living
	for _, m := range mailboxes {
		live = slices.Grow(live, int(m.Total))
		for row, err := range u.box.Rows(ctx, m.ID, everyUID()) {
			if errors.Is(err, mail.ErrNoMailbox) {
				break
			}
			if err != nil {
				return nil, err
			}
			d := docOf(&row, m.ID)
			live = append(live, docPlace{d.key(), d.mailbox, d.uid})
		}
	}
	slices.SortFunc(live, func(a, b docPlace) int { return cmp.Compare(a.id, b.id) })
	return slices.CompactFunc(live, func(a, b docPlace) bool { return a.id == b.id }), nil
}

func everyUID() mail.UIDSet {
	return mail.SetOfRanges(mail.Range[mail.UID]{First: 1, Last: math.MaxUint32})
}
