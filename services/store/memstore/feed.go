package memstore

import (
	"context"
	"maps"
	"slices"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// event is what one change touched.
type event struct {
	modSeq  mail.ModSeq
	before  numbers // given out before it
	boxes   map[mail.MailboxID]bool
	flipped []*box // of boxes, those that went or came back
	names   map[string]bool
	emails  map[mail.EmailID]bool
	threads map[mail.ThreadID]bool
}

type numbers struct {
	box    mail.MailboxID
	email  mail.EmailID
	thread mail.ThreadID
}

// begin begins a change.
func (a *account) begin() {
	a.modSeq++
	a.times = append(a.times, a.now())
	a.events = append(a.events, &event{
		modSeq: a.modSeq, before: numbers{a.lastBox, a.lastEmail, a.lastThread}, boxes: map[mail.MailboxID]bool{},
		names: map[string]bool{}, emails: map[mail.EmailID]bool{}, threads: map[mail.ThreadID]bool{},
	})
}

func (a *account) event() *event { return a.events[len(a.events)-1] }

func (a *account) touch(m *box, e *entry) {
	v := a.event()
	v.boxes[m.ID], v.emails[e.Email], v.threads[e.Thread] = true, true, true
}

// touchBox notes a change of a mailbox itself.
func (a *account) touchBox(m *box) {
	m.changed = a.modSeq
	a.event().boxes[m.ID] = true
}

// flip notes that a mailbox went, or came back, with all that is in it.
func (a *account) flip(m *box) {
	a.touchBox(m)
	a.event().flipped = append(a.event().flipped, m)
}

// expand gives the event with all that is now in the mailboxes that flipped.
func (v *event) expand() *event {
	e := &event{modSeq: v.modSeq, before: v.before, boxes: v.boxes, names: v.names, emails: maps.Clone(v.emails), threads: maps.Clone(v.threads)}
	for _, m := range v.flipped {
		for _, entry := range m.entries {
			e.emails[entry.Email], e.threads[entry.Thread] = true, true
		}
	}
	return e
}

func (a *account) subscribe(name string, on bool) {
	if on {
		a.subscribed[name] = true
	} else {
		delete(a.subscribed, name)
	}
	a.event().names[name] = true
}

// wake ends a change: whoever watches is told.
func (a *account) wake() {
	s := a.store
	s.position++
	s.changed[a.id] = s.position
	for _, watchers := range []map[chan struct{}]bool{a.watchers, s.watchers} {
		for c := range watchers {
			select {
			case c <- struct{}{}:
			default: // a wake-up is waiting there already
			}
		}
	}
}

// Watch wakes after every change of the account.
func (h *Account) Watch() *mail.Watch { return h.s.watch(h.a.watchers) }

// WatchOn is Watch on a channel that hangs on other accounts as well.
func (h *Account) WatchOn(c chan struct{}) (stop func()) { return h.s.watchOn(h.a.watchers, c) }

// Watch wakes after every change of any account.
func (s *Store) Watch() *mail.Watch { return s.watch(s.watchers) }

func (s *Store) watch(watchers map[chan struct{}]bool) *mail.Watch {
	c := make(chan struct{}, 1)
	return mail.NewWatch(c, s.watchOn(watchers, c))
}

func (s *Store) watchOn(watchers map[chan struct{}]bool, c chan struct{}) (stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	watchers[c] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(watchers, c)
	}
}

// ChangedAccounts says which accounts have changed after since.
func (s *Store) ChangedAccounts(_ context.Context, since mail.Position) (mail.StoreChanges, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return mail.StoreChanges{}, mail.ErrClosed
	case since > s.position:
		return mail.StoreChanges{}, mail.ErrResync
	}
	c := mail.StoreChanges{Until: s.position}
	for _, id := range slices.Sorted(maps.Keys(s.changed)) {
		if s.changed[id] > since {
			c.Accounts = append(c.Accounts, id)
		}
	}
	return c, nil
}

// maxChanges is as many as the real store gives at once.
const maxChanges = 4096

// ChangedSince gives a page of what has happened after since.
func (h *Account) ChangedSince(_ context.Context, since mail.ModSeq, most int) (mail.AccountChanges, error) {
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return mail.AccountChanges{}, err
	}
	a := h.a
	if since > a.modSeq || since < a.expired {
		return mail.AccountChanges{}, mail.ErrResync
	}
	if most <= 0 || most > maxChanges {
		most = maxChanges
	}
	c := mail.AccountChanges{Until: since}
	var all *event // of the page
	count := 0
	for _, v := range a.events {
		if v.modSeq <= since || count >= most {
			continue
		}
		v = v.expand()
		if all == nil {
			all = &event{
				before: v.before, boxes: map[mail.MailboxID]bool{}, names: map[string]bool{},
				emails: map[mail.EmailID]bool{}, threads: map[mail.ThreadID]bool{},
			}
		}
		maps.Copy(all.boxes, v.boxes)
		maps.Copy(all.names, v.names)
		maps.Copy(all.emails, v.emails)
		maps.Copy(all.threads, v.threads)
		count += len(v.boxes) + len(v.names) + len(v.emails) + len(v.threads)
		c.Until = v.modSeq
	}
	c.More = c.Until < a.modSeq
	if all != nil {
		a.sort(&c, all, since)
	}
	return c, nil
}

// sort says what has become of everything that the page touches.
func (a *account) sort(c *mail.AccountChanges, all *event, since mail.ModSeq) {
	c.Subscriptions = slices.Sorted(maps.Keys(all.names))
	c.Mailboxes = sorted(all.boxes, all.before.box, func(id mail.MailboxID) bool { return !a.boxes[id].gone })
	for _, id := range c.Mailboxes.Updated {
		if a.boxes[id].changed <= since {
			c.Counted = append(c.Counted, id)
		}
	}
	emails, threads := map[mail.EmailID]bool{}, map[mail.ThreadID]bool{}
	for _, m := range a.boxes {
		for _, e := range m.entries {
			if !m.gone {
				emails[e.Email], threads[e.Thread] = true, true
			}
		}
	}
	c.Emails = sorted(all.emails, all.before.email, func(id mail.EmailID) bool { return emails[id] })
	c.Threads = sorted(all.threads, all.before.thread, func(id mail.ThreadID) bool { return threads[id] })
}

func sorted[ID ~uint64](all map[ID]bool, before ID, there func(ID) bool) (t mail.Touched[ID]) {
	for _, id := range slices.Sorted(maps.Keys(all)) {
		switch {
		case !there(id) && id > before:
		case !there(id):
			t.Destroyed = append(t.Destroyed, id)
		case id > before:
			t.Created = append(t.Created, id)
		default:
			t.Updated = append(t.Updated, id)
		}
	}
	return t
}

// Entries says where the email stands.
func (h *Account) Entries(_ context.Context, id mail.EmailID) ([]mail.Entry, error) {
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var list []mail.Entry
	for _, box := range slices.Sorted(maps.Keys(h.a.boxes)) {
		for _, e := range h.a.boxes[box].entries {
			if e.Email == id && !h.a.boxes[box].gone {
				list = append(list, mail.Entry{Mailbox: box, Row: e.Row})
			}
		}
	}
	if list == nil {
		return nil, mail.ErrNoMessage
	}
	return list, nil
}
