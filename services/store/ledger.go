package store

import (
	"fmt"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// ledger is the state of one account that changes are written into. There are
// two: the account itself, which everybody reads, and what is pending on top of
// it, which only the commit goroutine sees until it is durable.
type ledger interface {
	counters() *counters
	// box gives a mailbox, deleted ones too, to be changed in place; nil if
	// there never was one.
	box(id mail.MailboxID) *box
	addBox(b box)
	// dropBox takes a deleted mailbox out, with everything that was in it.
	dropBox(id mail.MailboxID)
	// setName makes the name mean the mailbox; 0 means none.
	setName(name string, id mail.MailboxID)
	setSubscribed(name string, on bool)
	row(mailbox mail.MailboxID, uid mail.UID) (row, bool, error)
	putRow(mailbox mail.MailboxID, r row)
	// dropRow takes the row out; r.modSeq is that of the expunging, which came
	// about at the moment.
	dropRow(mailbox mail.MailboxID, r row, at moment)
	putEmail(id mail.EmailID, e email)
	setThread(k threadKey, t mail.ThreadID)
	keywordSets() *keywords
}

// counters are the last numbers given out in an account.
type counters struct {
	modSeq   mail.ModSeq
	mailbox  mail.MailboxID
	email    mail.EmailID
	thread   mail.ThreadID
	validity mail.UIDValidity
	usage    mail.Usage
	removed  bool // the account is
	// removedAt says since when, in Unix seconds; 0 when it is not removed.
	removedAt int64
	// expired is the ModSeq up to which what was taken away is gone for good.
	expired mail.ModSeq
}

// box is a mailbox without its messages.
type box struct {
	id       mail.MailboxID
	name     string
	kind     mail.Kind
	role     mail.Role
	validity mail.UIDValidity
	uidNext  mail.UID
	highest  mail.ModSeq // that touched its messages
	changed  mail.ModSeq // of the last change of the mailbox itself
	total    uint32
	unseen   uint32
	deleted  uint32
	size     int64
	gone     bool      // deleted; changed says when in the account's history
	goneTime time.Time // when it was deleted
	notes    mail.Annotations
}

// email is one body in an account.
type email struct {
	body   journal.BodyRef
	size   int64 // of the body alone
	prefix []byte
	id     mail.ID
	thread mail.ThreadID
	grows  uint64 // as in add
}

// threadKey stands for a message ID that was had or named under a base subject.
type threadKey [8]byte

func (b *box) count(r *row) {
	b.total++
	b.unseen += r.unseen()
	b.deleted += r.deleted()
	b.size += int64(r.size)
}

func (b *box) uncount(r *row) {
	b.total--
	b.unseen -= r.unseen()
	b.deleted -= r.deleted()
	b.size -= int64(r.size)
}

func (b *box) public(subscribed bool) mail.Mailbox {
	return mail.Mailbox{
		ID: b.id, Name: b.name, Kind: b.kind, Role: b.role, Subscribed: subscribed,
		UIDValidity: b.validity, UIDNext: b.uidNext, HighestModSeq: b.highest,
		Total: b.total, Unseen: b.unseen, Deleted: b.deleted, Size: b.size, Annotations: b.notes,
	}
}

// apply writes a section into the ledger. It copies and never decides. An error
// means that ledger and section don't belong together: the index is damaged, or
// can't be read.
func apply(l ledger, s *section, at moment) error { return newTracker(l).apply(s, at) }

// apply is apply, by a tracker that has just begun.
func (t *tracker) apply(s *section, at moment) error {
	before := *t.counters()
	t.counters().modSeq = s.modSeq
	for _, o := range s.ops {
		if err := applyOp(t, o, s.modSeq, at); err != nil {
			return fmt.Errorf("apply op %d of change %d of account %s: %w", o.kind(), s.modSeq, s.account, err)
		}
	}
	t.finish(&before, s.modSeq, at)
	return nil
}

func applyOp(l ledger, o op, seq mail.ModSeq, at moment) error {
	switch o := o.(type) {
	case createAccount:
		return nil
	case removeAccount:
		c := l.counters()
		c.removed, c.removedAt = true, at.time.Unix()
		return nil
	case restoreAccount:
		c := l.counters()
		c.removed, c.removedAt = false, 0
		return nil
	case createMailbox:
		c := l.counters()
		c.mailbox = max(c.mailbox, o.id)
		c.validity = max(c.validity, o.validity)
		l.addBox(box{
			id: o.id, name: o.name, kind: o.boxKind, role: o.role, validity: o.validity,
			uidNext: 1, highest: seq, changed: seq,
		})
		l.setName(o.name, o.id)
		return nil
	case renameMailbox:
		b, err := livingBox(l, o.id)
		if err != nil {
			return err
		}
		l.setName(b.name, 0)
		l.setName(o.name, o.id)
		b.name, b.changed = o.name, seq
		return nil
	case deleteMailbox:
		b, err := livingBox(l, o.id)
		if err != nil {
			return err
		}
		l.setName(b.name, 0)
		b.gone, b.changed, b.goneTime = true, seq, at.time
		return nil
	case restoreMailbox:
		return applyRestoreMailbox(l, &o, seq)
	case putBack:
		return applyPutBack(l, &o, seq, at)
	case subscribe:
		l.setSubscribed(o.name, o.on)
		return nil
	case annotate:
		b, err := livingBox(l, o.id)
		if err != nil {
			return err
		}
		b.notes, b.changed = o.notes, seq
		return nil
	case *add:
		return applyAdd(l, o, seq, at)
	case setFlags:
		return applyFlags(l, &o, seq)
	case copyTo:
		return applyCopy(l, &o, seq, at)
	case expire:
		return applyExpire(l, &o, seq)
	case remove:
		return applyRemove(l, &o, seq, at)
	}
	return fmt.Errorf("op: %w", errCodec)
}

func livingBox(l ledger, id mail.MailboxID) (*box, error) {
	b := l.box(id)
	if b == nil || b.gone {
		return nil, mail.ErrNoMailbox
	}
	return b, nil
}

func applyAdd(l ledger, o *add, seq mail.ModSeq, at moment) error {
	b, err := livingBox(l, o.mailbox)
	if err != nil {
		return err
	}
	set, err := l.keywordSets().number(o.flags.Keywords)
	if err != nil {
		return err
	}
	c := l.counters()
	c.email = max(c.email, o.email)
	c.thread = max(c.thread, o.thread)
	e := email{body: o.body, size: o.bodySize, prefix: o.prefix, id: o.id, thread: o.thread, grows: o.grows}
	l.putEmail(o.email, e)
	for _, k := range o.keys {
		l.setThread(k, o.thread)
	}
	appendRow(l, b, row{
		modSeq: seq, when: o.when, id: o.id, uid: o.uid, size: uint32(int64(len(o.prefix)) + o.bodySize),
		email: uint32(o.email), thread: uint32(o.thread), saved: uint32(at.time.Unix()),
		keywords: set, system: o.flags.System, marks: marksOf(o.grows),
	})
	return nil
}

func appendRow(l ledger, b *box, r row) {
	b.uidNext, b.highest = r.uid+1, r.modSeq
	b.count(&r)
	l.putRow(b.id, r)
}

func applyFlags(l ledger, o *setFlags, seq mail.ModSeq) error {
	b, err := livingBox(l, o.mailbox)
	if err != nil {
		return err
	}
	set, err := l.keywordSets().number(o.flags.Keywords)
	if err != nil {
		return err
	}
	for uid := range o.uids.All() {
		r, err := existingRow(l, o.mailbox, uid)
		if err != nil {
			return err
		}
		b.uncount(&r)
		r.system, r.keywords, r.modSeq = o.flags.System, set, seq
		b.count(&r)
		l.putRow(o.mailbox, r)
	}
	b.highest = seq
	return nil
}

func applyCopy(l ledger, o *copyTo, seq mail.ModSeq, at moment) error {
	b, err := livingBox(l, o.to)
	if err != nil {
		return err
	}
	next := o.first
	for uid := range o.uids.All() {
		r, err := existingRow(l, o.from, uid)
		if err != nil {
			return err
		}
		r.uid, r.modSeq, r.saved = next, seq, uint32(at.time.Unix())
		next++
		appendRow(l, b, r)
	}
	return nil
}

func applyRemove(l ledger, o *remove, seq mail.ModSeq, at moment) error {
	b, err := livingBox(l, o.mailbox)
	if err != nil {
		return err
	}
	for uid := range o.uids.All() {
		r, err := existingRow(l, o.mailbox, uid)
		if err != nil {
			return err
		}
		b.uncount(&r)
		r.modSeq, r.marks = seq, r.marks|markGone
		l.dropRow(o.mailbox, r, at)
	}
	b.highest = seq
	return nil
}

func applyExpire(l ledger, o *expire, seq mail.ModSeq) error {
	c := l.counters()
	c.expired = max(c.expired, o.until)
	for _, id := range o.boxes {
		b := l.box(id)
		if b == nil {
			return fmt.Errorf("mailbox %s: %w", id, mail.ErrNoMailbox)
		}
		if !b.gone { // of a removed account
			l.setName(b.name, 0)
			b.gone, b.changed = true, seq
		}
		l.dropBox(id)
	}
	return nil
}

func existingRow(l ledger, mailbox mail.MailboxID, uid mail.UID) (row, error) {
	r, ok, err := l.row(mailbox, uid)
	if err == nil && !ok {
		err = fmt.Errorf("message %d of mailbox %s: %w", uid, mailbox, mail.ErrNoMessage)
	}
	return r, err
}
