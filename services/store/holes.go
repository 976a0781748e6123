package store

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// A log has a hole where the disk does not give a record back. As long as the
// account's index is whole nobody notices; but when that is lost too, what comes
// behind the hole speaks of messages and mailboxes that are not known. All that
// can be had is taken nevertheless: one bad place must not cost an account.

// The numbers passed over behind a hole, because the lost records may have given
// them out already, and mail programs would take the new for the old. Of UIDs,
// emails and threads there are 2³².
const (
	skipMessages  = 1 << 20
	skipMailboxes = 1 << 12
)

// apartFrom says whether the section does not follow the account's last one: every
// one of them has the next ModSeq.
func (a *account) apartFrom(s *section) bool { return s.modSeq > a.last.modSeq+1 }

// applyBehindHole is apply for an account of whose past something is lost. What
// the ops take for granted is made first; what they ask of messages that are lost
// is left out. The caller holds mu.
func applyBehindHole(a *account, s *section, at moment) error {
	t := newTracker(a)
	p := patcher{t, a, s.modSeq, at}
	before := a.last
	a.last.modSeq = s.modSeq
	for _, o := range s.ops {
		if err := p.apply(o); err != nil {
			return fmt.Errorf("apply op %d of change %d of account %s behind a hole of the log: %w", o.kind(), s.modSeq, s.account, err)
		}
	}
	t.finish(&before, s.modSeq, at)
	return nil
}

// patcher applies ops to an account that lacks something.
type patcher struct {
	*tracker
	a   *account
	seq mail.ModSeq
	at  moment
}

func (p *patcher) apply(o op) error {
	switch o := o.(type) {
	case createMailbox:
		if p.box(o.id) != nil {
			return p.rename(o.id, o.name)
		}
		p.freeName(o.name, o.id)
	case renameMailbox:
		return p.rename(o.id, o.name)
	case deleteMailbox:
		p.living(o.id)
	case restoreMailbox:
		if b := p.living(o.id); !b.gone {
			p.setName(b.name, 0)
			b.gone, b.goneTime = true, p.at.time
		}
		p.freeName(o.name, o.id)
	case annotate:
		p.living(o.id)
	case *add:
		p.living(o.mailbox)
	case putBack:
		return p.putBack(&o)
	case copyTo:
		return p.copy(&o)
	case setFlags:
		p.living(o.mailbox)
		uids, err := p.there(o.mailbox, o.uids)
		if err != nil || len(uids) == 0 {
			return err
		}
		o.uids = uids
		return applyOp(p, o, p.seq, p.at)
	case remove:
		p.living(o.mailbox)
		uids, err := p.there(o.mailbox, o.uids)
		if err != nil || len(uids) == 0 {
			return err
		}
		o.uids = uids
		return applyOp(p, o, p.seq, p.at)
	case expire:
		var boxes []mail.MailboxID
		for _, id := range o.boxes {
			if p.box(id) != nil {
				boxes = append(boxes, id)
			}
		}
		o.boxes = boxes
		return applyOp(p, o, p.seq, p.at)
	}
	return applyOp(p, o, p.seq, p.at)
}

// living gives the mailbox as one that is there. One whose making is lost gets a
// name that says so; one that is deleted had been put back by a record that is.
func (p *patcher) living(id mail.MailboxID) *box {
	b := p.box(id)
	if b == nil {
		c := p.counters()
		c.mailbox = max(c.mailbox, id)
		c.validity++
		p.addBox(box{id: id, name: p.free("Recovered "+id.String(), id), gone: true, validity: c.validity, uidNext: 1, highest: p.seq, changed: p.seq})
		b = p.box(id)
	}
	if b.gone {
		b.name = p.free(b.name, id)
		b.gone, b.goneTime, b.changed = false, time.Time{}, p.seq
		p.setName(b.name, id)
	}
	return b
}

// rename gives a mailbox its name, which may be that of one whose renaming or
// deletion is lost.
func (p *patcher) rename(id mail.MailboxID, name string) error {
	if b := p.living(id); b.name == name {
		return nil
	}
	p.freeName(name, id)
	return applyOp(p, renameMailbox{id: id, name: name}, p.seq, p.at)
}

// freeName has another mailbox than id give the name up.
func (p *patcher) freeName(name string, id mail.MailboxID) {
	other := p.a.names[name]
	if other == 0 || other == id {
		return
	}
	b := p.box(other)
	p.setName(name, 0)
	b.name, b.changed = p.free("Recovered "+other.String(), other), p.seq
	p.setName(b.name, other)
}

// free makes a name that no other mailbox has.
func (p *patcher) free(name string, id mail.MailboxID) string {
	try := name
	for n := 2; p.a.names[try] != 0 && p.a.names[try] != id; n++ {
		try = fmt.Sprintf("Recovered %s (%d)", id, n)
	}
	return try
}

// there gives those of the messages that are known.
func (p *patcher) there(id mail.MailboxID, uids mail.UIDSet) (mail.UIDSet, error) {
	var set mail.UIDSet
	for uid := range uids.All() {
		_, ok, err := p.row(id, uid)
		if err != nil {
			return nil, err
		}
		if ok {
			set = set.Add(uid)
		}
	}
	return set, nil
}

// copy copies what is there, each message under the UID that it got.
func (p *patcher) copy(o *copyTo) error {
	p.living(o.from)
	b := p.living(o.to)
	next := o.first
	for uid := range o.uids.All() {
		r, ok, err := p.row(o.from, uid)
		if err != nil {
			return err
		}
		if ok {
			r.uid, r.modSeq, r.saved = next, p.seq, uint32(p.at.time.Unix())
			appendRow(p, b, r)
		}
		next++
	}
	b.uidNext, b.highest = max(b.uidNext, next), p.seq
	return nil
}

// putBack puts those emails back that are known.
func (p *patcher) putBack(o *putBack) error {
	b := p.living(o.mailbox)
	for i := range o.entries {
		known, err := p.a.knows(o.entries[i].email)
		if err != nil {
			return err
		}
		if !known {
			continue
		}
		one := &putBack{mailbox: o.mailbox, first: o.first + mail.UID(i), entries: o.entries[i : i+1]}
		if err := applyPutBack(p, one, p.seq, p.at); err != nil {
			return err
		}
	}
	b.uidNext = max(b.uidNext, o.first+mail.UID(len(o.entries)))
	return nil
}

// knows reports whether the account has the email. The caller holds mu.
func (a *account) knows(id mail.EmailID) (bool, error) {
	if _, ok := a.dirty.emails[id]; ok {
		return true, nil
	}
	return a.index.hasEmail(id)
}

// closeHole ends the reading of a log with a hole: there is an INBOX, no number is
// given out a second time, and whoever follows changes has to look at everything:
// the feed begins anew, and every mailbox has another UIDVALIDITY.
func (a *account) closeHole(at moment) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.hole != 0 {
		a.store.log.Error("store: the log has lost something of an account", "account", a.id, "before", a.hole)
	}
	a.hole = 0
	p := patcher{newTracker(a), a, a.last.modSeq, at}
	before := a.last
	if a.names[mail.Inbox] == 0 && !a.last.removed {
		b := p.living(1) // the first mailbox that an account gets
		p.setName(b.name, 0)
		b.name, b.role = mail.Inbox, mail.RoleInbox
		p.setName(mail.Inbox, 1)
	}
	p.finish(&before, a.last.modSeq, at)
	c := &a.last
	c.modSeq += skipMessages
	c.email += skipMessages
	c.thread += skipMessages
	c.mailbox += skipMailboxes
	// The first one was the time, which may be this very second's; the record that
	// says so may be what is lost.
	c.validity = max(c.validity, mail.UIDValidity(at.time.Unix())) + skipMailboxes
	for _, id := range slices.Sorted(maps.Keys(a.boxes)) {
		b := a.boxes[id]
		b.uidNext += skipMessages
		// What was expunged may be there again under its UID, and flags are as they
		// were before: what a program knows of the mailbox is worth nothing, and no
		// ModSeq would tell it so (RFC 9051 §2.3.1.1).
		c.validity++
		b.validity = c.validity
		a.dirty.boxes[id] = true
	}
	a.floor = c.modSeq
	a.dirty.feed = nil
	a.dirty.size++
	if a.indexed == a.applied {
		a.indexed-- // there is something to write once more
	}
}
