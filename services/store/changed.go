package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// MaxChanges is how many objects a page of ChangedSince tells of when nothing
// else is asked for, and at most: the answer takes some ten milliseconds then.
const MaxChanges = 4096

// ChangedSince gives a page of what has happened in the account after since: at
// most so many emails, threads, mailboxes and subscriptions, but at least those
// of one change, which is never divided; most ≤ 0 or over MaxChanges means
// MaxChanges. mail.ErrResync when since is too long ago, or still to come.
//
// Nobody waits for whoever asks but this account's next checkpoint.
func (h *Account) ChangedSince(ctx context.Context, since mail.ModSeq, most int) (mail.AccountChanges, error) {
	if err := cmp.Or(h.check(), ctx.Err()); err != nil {
		return mail.AccountChanges{}, err
	}
	if most <= 0 || most > MaxChanges {
		most = MaxChanges
	}
	a := h.a
	a.index.mu.Lock() // no checkpoint moves anything into the index meanwhile
	defer a.index.mu.Unlock()
	p := page{a: a, since: since, most: most}
	if err := p.read(); err != nil {
		return mail.AccountChanges{}, fmt.Errorf("changes of account %s: %w", a.id, err)
	}
	c, err := p.sort()
	if err != nil {
		return mail.AccountChanges{}, fmt.Errorf("changes of account %s: %w", a.id, err)
	}
	return c, nil
}

// page gathers what ChangedSince tells. The caller holds the index's lock.
type page struct {
	a     *account
	since mail.ModSeq
	most  int

	until   mail.ModSeq
	more    bool
	count   int
	first   *feedEntry
	boxes   map[mail.MailboxID]bool
	names   map[string]bool
	emails  map[uint32]bool
	threads map[uint32]bool
}

// read takes the entries after since, first those of the index, then those that
// no checkpoint has written yet.
func (p *page) read() error {
	a := p.a
	p.boxes, p.names, p.emails, p.threads = map[mail.MailboxID]bool{}, map[string]bool{}, map[uint32]bool{}, map[uint32]bool{}
	p.until = p.since
	a.mu.RLock()
	// Of mailboxes that have expired it is not known any more what was in them.
	now, floor := a.last.modSeq, max(a.floor, a.last.expired)
	a.mu.RUnlock()
	if p.since < floor || p.since > now {
		return mail.ErrResync
	}
	for p.count < p.most {
		// What went as a whole is looked up in the index, which must not be done
		// within another of its transactions.
		var batch []feedEntry
		n := p.count
		err := a.index.feedAfter(p.until, func(e *feedEntry) bool {
			batch = append(batch, *e)
			n += e.emails.Len() + e.threads.Len() + len(e.boxes) + len(e.names)
			return n >= p.most || len(e.flipped) > 0
		})
		if err == nil {
			err = p.takeAll(batch)
		}
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			break
		}
	}
	a.mu.RLock()
	var recent []feedEntry
	if a.flushing != nil {
		recent = append(recent, a.flushing.feed...)
	}
	recent = append(recent, a.dirty.feed...)
	now = a.last.modSeq
	a.mu.RUnlock()
	err := p.takeAll(recent)
	p.more = p.until < now
	return err
}

// takeAll takes entries until the page is full.
func (p *page) takeAll(entries []feedEntry) error {
	for i := range entries {
		if p.count >= p.most || entries[i].modSeq <= p.until {
			continue
		}
		if err := p.take(&entries[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *page) take(e *feedEntry) error {
	if p.first == nil {
		p.first = &feedEntry{firstEmail: e.firstEmail, firstThread: e.firstThread, firstMailbox: e.firstMailbox}
	}
	emails, threads := map[uint32]bool{}, map[uint32]bool{}
	for n := range e.emails.All() {
		emails[n] = true
	}
	for n := range e.threads.All() {
		threads[n] = true
	}
	for _, id := range e.flipped {
		if err := p.contents(id, emails, threads); err != nil {
			return err
		}
	}
	maps.Copy(p.emails, emails)
	maps.Copy(p.threads, threads)
	for _, id := range e.boxes {
		p.boxes[id] = true
	}
	for _, name := range e.names {
		p.names[name] = true
	}
	p.until = e.modSeq
	p.count += len(emails) + len(threads) + len(e.boxes) + len(e.names)
	return nil
}

// contents notes all that is in a mailbox which went, or came back, as a whole.
func (p *page) contents(id mail.MailboxID, emails, threads map[uint32]bool) error {
	a := p.a
	note := func(t *table) {
		for r := range t.all() {
			emails[r.email], threads[r.thread] = true, true
		}
	}
	a.mu.RLock()
	m := a.boxes[id]
	loaded := m != nil && m.rows != nil
	if loaded {
		note(m.rows)
	}
	a.mu.RUnlock()
	if m == nil || loaded {
		return nil
	}
	rows := &table{}
	if err := a.index.rows(id, rows); err != nil {
		return err
	}
	a.mu.RLock()
	if a.flushing != nil {
		rows.merge(a.flushing.rows[id])
	}
	rows.merge(a.dirty.rows[id])
	a.mu.RUnlock()
	note(rows)
	return nil
}

// sort says what has become of everything that the page touches.
func (p *page) sort() (mail.AccountChanges, error) {
	c := mail.AccountChanges{Until: p.until, More: p.more}
	if p.first == nil {
		return c, nil
	}
	c.Subscriptions = slices.Sorted(maps.Keys(p.names))
	p.a.mu.RLock()
	for _, id := range slices.Sorted(maps.Keys(p.boxes)) {
		m := p.a.boxes[id]
		there := m != nil && !m.gone
		if touch(&c.Mailboxes, id, id >= p.first.firstMailbox, there) && m.changed <= p.since {
			c.Counted = append(c.Counted, id)
		}
	}
	l := p.a.look(p.emails, p.threads)
	p.a.mu.RUnlock()
	if err := p.a.index.view(l.read); err != nil {
		return c, err
	}
	if !l.done {
		for n := range l.recent { // there is no index yet
			l.merge(n, nil)
		}
	}
	for _, n := range slices.Sorted(maps.Keys(p.emails)) {
		touch(&c.Emails, mail.EmailID(n), n >= p.first.firstEmail, l.emails[n] > 0)
	}
	for _, n := range slices.Sorted(maps.Keys(p.threads)) {
		touch(&c.Threads, mail.ThreadID(n), n >= p.first.firstThread, l.threads[n] > 0)
	}
	return c, nil
}

// touch puts an object into its list, and reports whether that is Updated.
func touch[ID ~uint64](t *mail.Touched[ID], id ID, created, there bool) bool {
	switch {
	case created && there:
		t.Created = append(t.Created, id)
	case there:
		t.Updated = append(t.Updated, id)
		return true
	case !created:
		t.Destroyed = append(t.Destroyed, id)
	}
	return false
}

// lookup counts in how many places emails and threads stand, in mailboxes that
// are there: what memory has first, then the index below it.
type lookup struct {
	there   map[mail.MailboxID]bool   // mailboxes that are
	recent  map[uint32]map[place]*row // by email: what no checkpoint has written
	of      map[uint32]uint32         // threads of these
	emails  map[uint32]int            // out; the keys are what is asked for
	threads map[uint32]int
	done    bool // the index was asked
}

// look begins a lookup. The caller holds mu.
func (a *account) look(emails, threads map[uint32]bool) *lookup {
	l := &lookup{
		there: map[mail.MailboxID]bool{}, recent: map[uint32]map[place]*row{}, of: map[uint32]uint32{},
		emails: make(map[uint32]int, len(emails)), threads: make(map[uint32]int, len(threads)),
	}
	for n := range emails {
		l.emails[n] = 0
	}
	for n := range threads {
		l.threads[n] = 0
	}
	for id, m := range a.boxes {
		l.there[id] = !m.gone
	}
	if a.flushing != nil {
		l.note(a.flushing)
	}
	l.note(&a.dirty)
	return l
}

// note takes over the rows of an overlay that are asked about.
func (l *lookup) note(o *overlay) {
	for id, t := range o.rows {
		for r := range t.all() {
			_, email := l.emails[r.email]
			_, thread := l.threads[r.thread]
			if !email && !thread {
				continue
			}
			if l.recent[r.email] == nil {
				l.recent[r.email] = map[place]*row{}
			}
			copied := *r
			l.recent[r.email][place{id, r.uid}] = &copied
			l.of[r.email] = r.thread
		}
	}
}

// read asks the index for the rest.
func (l *lookup) read(tx *bolt.Tx) error {
	l.done = true
	threads := tx.Bucket([]byte("threads"))
	for n := range l.threads {
		v := threads.Get(key64(mail.ThreadID(n)))
		if v == nil {
			continue
		}
		members, _, _, err := decodeThread(mail.ThreadID(n), v)
		if err != nil {
			return err
		}
		for id, count := range members {
			if l.there[id] {
				l.threads[n] += int(count)
			}
		}
	}
	for n := range l.emails {
		if l.recent[n] != nil {
			continue // below
		}
		indexed, err := places(tx, n)
		if err != nil {
			return err
		}
		for _, p := range indexed {
			if l.there[p.mailbox] {
				l.emails[n]++
			}
		}
	}
	for n := range l.recent {
		indexed, err := places(tx, n)
		if err != nil {
			return err
		}
		l.merge(n, indexed)
	}
	return nil
}

// merge counts an email whose entries memory has something of.
func (l *lookup) merge(n uint32, indexed []place) {
	thread := l.of[n]
	_, wanted := l.threads[thread]
	there := map[place]bool{}
	for _, p := range indexed {
		there[p] = true
	}
	for p, r := range l.recent[n] {
		if was := there[p]; wanted && was == r.gone() && l.there[p.mailbox] {
			if r.gone() {
				l.threads[thread]--
			} else {
				l.threads[thread]++
			}
		}
		there[p] = !r.gone()
	}
	if _, wanted := l.emails[n]; !wanted {
		return
	}
	for p, is := range there {
		if is && l.there[p.mailbox] {
			l.emails[n]++
		}
	}
}

// Entries says where the email stands: by mailbox and UID, in mailboxes that are
// there. mail.ErrNoMessage when it stands nowhere.
func (h *Account) Entries(ctx context.Context, id mail.EmailID) ([]mail.Entry, error) {
	if err := cmp.Or(h.check(), ctx.Err()); err != nil {
		return nil, err
	}
	if id > maxNumber {
		return nil, mail.ErrNoMessage
	}
	a := h.a
	a.mu.RLock()
	defer a.mu.RUnlock()
	there := map[place]bool{}
	err := a.index.view(func(tx *bolt.Tx) error {
		indexed, err := places(tx, uint32(id))
		for _, p := range indexed {
			there[p] = true
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("places of email %s: %w", id, err)
	}
	l := &lookup{recent: map[uint32]map[place]*row{}, of: map[uint32]uint32{}, emails: map[uint32]int{uint32(id): 0}}
	if a.flushing != nil {
		l.note(a.flushing)
	}
	l.note(&a.dirty)
	for p, r := range l.recent[uint32(id)] {
		there[p] = !r.gone()
	}
	var list []mail.Entry
	for p, is := range there {
		if _, err := a.living(p.mailbox); !is || err != nil {
			continue
		}
		r, ok, err := a.row(p.mailbox, p.uid)
		if err != nil {
			return nil, fmt.Errorf("places of email %s: %w", id, err)
		}
		if ok {
			list = append(list, mail.Entry{Mailbox: p.mailbox, Row: r.public(a.keywords)})
		}
	}
	if len(list) == 0 {
		return nil, mail.ErrNoMessage
	}
	slices.SortFunc(list, func(a, b mail.Entry) int {
		return cmp.Or(cmp.Compare(a.Mailbox, b.Mailbox), cmp.Compare(a.Row.UID, b.Row.UID))
	})
	return list, nil
}
