package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"runtime/debug"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// lookForAccounts is how often new accounts are looked for; a search finds
	// them at once.
	lookForAccounts = 30 * time.Second
	// buildMemory is how many bytes are gathered before a segment is written.
	buildMemory = 24 << 20
	// fewChanges is up to how many changes are asked for as changes, which come
	// all at once; more are found by walking the mailbox.
	fewChanges = 256
	// retry is how long an account rests whose index could not be written: the
	// disk may be full.
	retry = 5 * time.Minute
)

// run is the one goroutine that writes: it brings the account whose time has come
// up to date, one at a time.
func (ix *Index) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ix.life.Done():
			return
		case <-ix.wake:
		case <-timer.C:
			ix.follow()
		}
		for {
			id, ok := ix.next()
			if !ok || ix.life.Err() != nil {
				break
			}
			if err := ix.update(id); err != nil && ix.life.Err() == nil {
				ix.log.Error("search: index an account", "account", id, "error", err)
				ix.touch(id, retry)
			}
		}
		timer.Reset(ix.wait())
	}
}

// follow begins to watch accounts that are not watched yet.
func (ix *Index) follow() {
	ids, err := ix.list(ix.life)
	if err != nil {
		if ix.life.Err() == nil {
			ix.log.Error("search: list accounts", "error", err)
		}
		return
	}
	for _, id := range ids {
		ix.mu.Lock()
		known := ix.watching[id]
		ix.watching[id] = true
		ix.mu.Unlock()
		if known {
			continue
		}
		ix.touch(id, ix.delay)
		ix.running.Go(func() { ix.watch(id) })
	}
}

// watch has an account looked at after each change.
func (ix *Index) watch(id mail.AccountID) {
	defer func() {
		ix.mu.Lock()
		defer ix.mu.Unlock()
		delete(ix.watching, id)
	}()
	a, err := ix.open(ix.life, id)
	if err != nil {
		return // it is looked for again
	}
	w := a.Watch()
	defer w.Close()
	for {
		select {
		case <-ix.life.Done():
			return
		case <-w.C:
			ix.touch(id, ix.delay)
		}
	}
}

// next gives an account whose time has come.
func (ix *Index) next() (mail.AccountID, bool) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	now := time.Now()
	for id, at := range ix.due {
		if !at.After(now) {
			delete(ix.due, id)
			return id, true
		}
	}
	return 0, false
}

// wait is how long there is nothing to do.
func (ix *Index) wait() time.Duration {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	least := time.Duration(lookForAccounts)
	for _, at := range ix.due {
		least = min(least, time.Until(at))
	}
	return max(least, 0)
}

// update brings one account up to date.
func (ix *Index) update(id mail.AccountID) (err error) {
	defer func() {
		if p := recover(); p != nil { // one message must not take all mail down
			ix.log.Error("search: panic", "account", id, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	a, release, err := ix.acquire(id)
	if err != nil {
		return err
	}
	defer release()
	ix.mu.Lock()
	damaged := ix.damaged[id]
	delete(ix.damaged, id)
	ix.mu.Unlock()
	if damaged {
		a.mu.Lock()
		err := a.forget()
		a.mu.Unlock()
		if err != nil {
			return err
		}
	}
	if err := a.tidy(ix.life); err != nil {
		return err
	}
	box, err := ix.open(ix.life, id)
	if errors.Is(err, mail.ErrNoAccount) {
		return ix.drop(a)
	}
	if err != nil {
		return err
	}
	u := updating{ix: ix, a: a, box: box, b: newBuilder()}
	err = u.all(ix.life)
	if errors.Is(err, errDamage) {
		ix.broken(id, err)
		return nil
	}
	return err
}

// drop removes the index of an account that is gone. When it comes back, it is
// indexed again.
func (ix *Index) drop(a *account) error {
	a.mu.Lock()
	err := a.forget()
	a.mu.Unlock()
	if err != nil {
		return err
	}
	return a.tidy(ix.life)
}

// updating is one bringing up to date.
type updating struct {
	ix  *Index
	a   *account
	box Account
	b   *builder
	// until is the ModSeq up to which everything will have been looked at.
	until mail.ModSeq
}

func (u *updating) all(ctx context.Context) error {
	since := u.a.manifest.modSeq
	mailboxes, err := u.box.Mailboxes(ctx)
	if err != nil {
		return err
	}
	highest := mail.ModSeq(0)
	for _, m := range mailboxes {
		highest = max(highest, m.HighestModSeq)
	}
	if highest < since {
		since = 0 // the log was put back to an earlier state
	}
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
	return u.merge(ctx)
}

func (u *updating) mailbox(ctx context.Context, m mail.Mailbox, since mail.ModSeq) error {
	for row, err := range u.changed(ctx, m, since) {
		if err != nil {
			return err
		}
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
	for _, s := range slices.Backward(u.a.segments) {
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
		if u.until == u.a.manifest.modSeq {
			return nil
		}
		return u.a.exchange(nil, nil, u.until)
	}
	s, err := u.a.create(u.a.manifest.next, u.b.write)
	if err != nil {
		return err
	}
	u.b = newBuilder()
	return u.a.exchange(nil, s, u.until)
}

// merge makes few segments out of many.
func (u *updating) merge(ctx context.Context) error {
	for {
		old := due(u.a.segments)
		if old == nil {
			return nil
		}
		keep := func(*doc) bool { return true }
		if old[0].tier() > 0 {
			live, err := u.live(ctx)
			if err != nil {
				return err
			}
			keep = func(d *doc) bool {
				i, ok := slices.BinarySearchFunc(live, *d, compareDocs)
				if ok {
					d.mailbox, d.uid = live[i].mailbox, live[i].uid
				}
				return ok
			}
		}
		s, err := u.a.create(u.a.manifest.next, func(w *segmentWriter) error {
			return merge(ctx, w, old, keep, func() { u.ix.throttle.rest(ctx) })
		})
		if err != nil {
			return err
		}
		if err := u.a.exchange(old, s, u.a.manifest.modSeq); err != nil {
			return err
		}
	}
}

// live lists the messages that there are, one place of each, in order.
func (u *updating) live(ctx context.Context) ([]doc, error) {
	mailboxes, err := u.box.Mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	var live []doc
	for _, m := range mailboxes {
		for row, err := range u.box.Rows(ctx, m.ID, everyUID()) {
			if errors.Is(err, mail.ErrNoMailbox) {
				break
			}
			if err != nil {
				return nil, err
			}
			live = append(live, docOf(&row, m.ID))
		}
	}
	slices.SortFunc(live, compareDocs)
	return slices.CompactFunc(live, func(a, b doc) bool { return compareDocs(a, b) == 0 }), nil
}

func compareDocs(a, b doc) int {
	return cmp.Or(cmp.Compare(a.email, b.email), cmp.Compare(a.check, b.check))
}

func everyUID() mail.UIDSet {
	return mail.SetOfRanges(mail.Range[mail.UID]{First: 1, Last: math.MaxUint32})
}

const (
	// workTime is how long the indexing works before it lets others work for as
	// long: it takes half a processor at most.
	workTime = 5 * time.Millisecond
	// restTime bounds one rest, after something that took long.
	restTime = 50 * time.Millisecond
)

// throttle makes the indexing give way. It belongs to the one goroutine.
type throttle struct {
	since time.Time
	off   bool // for tests and benchmarks
}

func (t *throttle) rest(ctx context.Context) {
	if t.off {
		return
	}
	worked := time.Since(t.since)
	if worked < workTime {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(min(worked, restTime)):
	}
	t.since = time.Now()
}
