package store

import (
	"iter"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// pending is an account as it will be when the batch under way is durable: what
// the batch changes, on top of the account itself. It is the commit goroutine's
// alone, and is emptied when the batch is over or failed; its memory serves the next.
type pending struct {
	under   *account
	last    counters
	boxes   map[mail.MailboxID]*box
	names   map[string]mail.MailboxID // 0: no longer a name
	subs    map[string]bool
	rows    map[mail.MailboxID]*table
	threads map[threadKey]mail.ThreadID
	dropped map[mail.MailboxID]bool // mailboxes that go for good; nil: none
	broken  error                   // why this can't be built on
}

func newPending(a *account) *pending {
	return &pending{
		under: a, last: a.last, boxes: map[mail.MailboxID]*box{}, names: map[string]mail.MailboxID{},
		subs: map[string]bool{}, rows: map[mail.MailboxID]*table{}, threads: map[threadKey]mail.ThreadID{},
	}
}

// smallPending is how many things at most a pending layer may have had of which the
// memory is kept: that of a delivery or two.
const smallPending = 16

// clear empties p, and says whether it is small enough to be used again.
func (p *pending) clear() bool {
	if len(p.boxes) > smallPending || len(p.names) > smallPending || len(p.subs) > smallPending || len(p.threads) > smallPending {
		return false
	}
	for _, t := range p.rows {
		if t.count > smallPending {
			return false
		}
	}
	clear(p.boxes)
	clear(p.names)
	clear(p.subs)
	clear(p.threads)
	for _, t := range p.rows {
		t.clear()
	}
	p.dropped, p.broken = nil, nil
	return len(p.rows) <= smallPending
}

func (p *pending) counters() *counters    { return &p.last }
func (p *pending) keywordSets() *keywords { return p.under.keywords }

func (p *pending) box(id mail.MailboxID) *box {
	if b := p.boxes[id]; b != nil {
		return b
	}
	m := p.under.boxes[id]
	if m == nil || p.dropped[id] {
		return nil
	}
	b := m.box
	p.boxes[id] = &b
	return &b
}

func (p *pending) addBox(b box)                           { p.boxes[b.id] = &b }
func (p *pending) setName(name string, id mail.MailboxID) { p.names[name] = id }
func (p *pending) setSubscribed(name string, on bool)     { p.subs[name] = on }
func (p *pending) putEmail(mail.EmailID, email)           {} // nothing that is prepared asks for one
func (p *pending) setThread(k threadKey, t mail.ThreadID) { p.threads[k] = t }
func (p *pending) dropRow(mailbox mail.MailboxID, r row, _ moment) {
	p.putRow(mailbox, r)
}

// dropBox has nothing that comes later in the batch find the mailbox: who would
// put it back then would write what can't be applied.
func (p *pending) dropBox(id mail.MailboxID) {
	if p.dropped == nil {
		p.dropped = map[mail.MailboxID]bool{}
	}
	p.dropped[id] = true
	delete(p.boxes, id)
}

func (p *pending) putRow(mailbox mail.MailboxID, r row) {
	t := p.rows[mailbox]
	if t == nil {
		t = &table{}
		p.rows[mailbox] = t
	}
	t.put(r)
}

func (p *pending) row(mailbox mail.MailboxID, uid mail.UID) (row, bool, error) {
	if r := p.rows[mailbox].get(uid); r != nil {
		return *r, !r.gone(), nil
	}
	if p.under.boxes[mailbox] == nil || p.dropped[mailbox] {
		return row{}, false, nil
	}
	return p.under.row(mailbox, uid)
}

// The questions that preparing a change asks.

// byName gives the mailbox of a name; nil if there is none.
func (p *pending) byName(name string) *box {
	id, ok := p.names[name]
	if !ok {
		id = p.under.names[name]
	}
	if id == 0 {
		return nil
	}
	return p.box(id)
}

// byRole gives the mailbox of a role; nil if there is none.
func (p *pending) byRole(r mail.Role) *box {
	if r == mail.RoleNone {
		return nil
	}
	for _, b := range p.boxes {
		if b.role == r && !b.gone {
			return b
		}
	}
	for id, m := range p.under.boxes {
		if m.role == r && !m.gone && p.boxes[id] == nil && !p.dropped[id] {
			return p.box(id)
		}
	}
	return nil
}

// living is how many mailboxes there are.
func (p *pending) living() int {
	n := len(p.under.names)
	for name, id := range p.names {
		_, before := p.under.names[name]
		switch {
		case before && id == 0:
			n--
		case !before && id != 0:
			n++
		}
	}
	return n
}

// each calls fn for every living mailbox.
func (p *pending) each(fn func(b *box)) {
	p.eachBox(func(b *box) {
		if !b.gone {
			fn(b)
		}
	})
}

// eachGone calls fn for every deleted mailbox.
func (p *pending) eachGone(fn func(b *box)) {
	p.eachBox(func(b *box) {
		if b.gone {
			fn(b)
		}
	})
}

// eachBox calls fn for every mailbox that there is or can be put back.
func (p *pending) eachBox(fn func(b *box)) {
	for id, m := range p.under.boxes {
		if p.boxes[id] == nil && !p.dropped[id] {
			fn(&m.box)
		}
	}
	for _, b := range p.boxes {
		fn(b)
	}
}

// empty reports whether there is no mailbox, not even one that can be put back:
// the account has expired.
func (p *pending) empty() bool {
	empty := true
	p.eachBox(func(*box) { empty = false })
	return empty
}

func (p *pending) subscribedTo(name string) bool {
	if on, ok := p.subs[name]; ok {
		return on
	}
	return p.under.subscribed[name]
}

// in walks the rows of the set, by UID. The mailbox is loaded, or has never been in
// the index. What is walked over must not be changed meanwhile.
func (p *pending) in(mailbox mail.MailboxID, set mail.UIDSet) iter.Seq[*row] {
	return func(yield func(*row) bool) { p.walk(mailbox, set, yield) }
}

func (p *pending) walk(mailbox mail.MailboxID, set mail.UIDSet, yield func(*row) bool) {
	changed := p.rows[mailbox]
	if m := p.under.boxes[mailbox]; m != nil {
		if m.rows == nil {
			panic("store: rows are asked for that nobody has pinned")
		}
		for r := range m.rows.in(set) {
			c := changed.get(r.uid)
			if c == nil {
				c = r
			}
			if !c.gone() && !yield(c) {
				return
			}
		}
	}
	// New rows have UIDs above all that are durable.
	for r := range changed.in(set) {
		if m := p.under.boxes[mailbox]; !r.gone() && (m == nil || r.uid >= m.uidNext) && !yield(r) {
			return
		}
	}
}
