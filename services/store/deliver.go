package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// maxNumber is the last number that rows can hold of UIDs, emails and threads.
const maxNumber = 1<<32 - 1

// Deliver puts one body into the mailboxes of all targets. The order is: body
// staged (a large one synced), record written with its UIDs, one sync, visible,
// announced, nil. A message to many is made visible behind the nil: who reads any of
// the accounts from then on waits for it, and those who watch are told after.
func (s *Store) Deliver(ctx context.Context, env *mail.Envelope, targets []mail.Target, d *draft.Draft) error {
	if len(targets) == 0 {
		return nil
	}
	body, err := s.Stage(ctx, d)
	if err != nil {
		return fmt.Errorf("deliver: %w", err)
	}
	e, err := s.Entry(ctx, env, targets, d, body)
	if err != nil {
		return err
	}
	if err := s.journal.Commit(ctx, e); err != nil {
		return fmt.Errorf("deliver: %w", err)
	}
	return nil
}

// Entry is what Deliver commits, for who commits it together with more: it does
// nothing until then. The body is what Stage gave; there is at least one target.
func (s *Store) Entry(ctx context.Context, env *mail.Envelope, targets []mail.Target, d *draft.Draft, body *journal.Staged) (*journal.Entry, error) {
	to, err := s.recipients(ctx, targets)
	if err != nil {
		return nil, err
	}
	t := &transaction{accounts: make([]*account, len(to))}
	keys := threadKeys(d.Digest())
	for i := range to {
		t.accounts[i] = to[i].account
		if to[i].keys, err = to[i].account.lookUp(keys); err != nil {
			return nil, fmt.Errorf("deliver: %w", err)
		}
	}
	t.prepare = func(at moment, slot journal.Slot) (change, error) {
		c := make(change, 0, len(to))
		var full []error // all who have no room, so that they can be told apart
		for i := range to {
			sec, err := to[i].prepare(env, d, at)
			if err != nil {
				return nil, err
			}
			if err := to[i].account.pend().fits(usageOf(sec.ops)); err != nil {
				full = append(full, err)
			}
			setBodies(sec.ops, slot.Bodies)
			c = append(c, sec)
		}
		return c, errors.Join(full...)
	}
	e := s.entry(verbDeliver, env.ID, []*journal.Staged{body}, t)
	e.Late = len(to) >= s.lateFrom
	return e, nil
}

// lateFrom is from how many accounts on a message is acknowledged before it is applied
// to them: for fewer, handing that to another goroutine costs more than it saves.
const lateFrom = 8

// recipient is an account of a delivery.
type recipient struct {
	account *account
	targets []mail.Target // all of this account
	keys    threadLookup
}

// recipients gathers the targets by account.
func (s *Store) recipients(ctx context.Context, targets []mail.Target) ([]recipient, error) {
	list := make([]recipient, 0, len(targets))
	known := make(map[mail.AccountID]int, len(targets))
	for i := range targets {
		t := &targets[i]
		a, err := s.account(ctx, t.Account)
		if err == nil {
			err = t.Flags.Check()
		}
		if err != nil {
			return nil, fmt.Errorf("deliver to %s: %w", t.Account, err)
		}
		if at, ok := known[t.Account]; ok {
			list[at].targets = append(list[at].targets, *t)
			continue
		}
		known[t.Account] = len(list)
		list = append(list, recipient{account: a, targets: targets[i : i+1 : i+1]})
	}
	return list, nil
}

// prepare makes the section of the account.
func (r *recipient) prepare(env *mail.Envelope, d *draft.Draft, at moment) (section, error) {
	p := r.account.pend()
	n := newNumbers(p, len(r.targets))
	sec := section{account: r.account.id, modSeq: p.last.modSeq + 1, ops: make([]op, 0, len(r.targets))}
	for i := range r.targets {
		t := &r.targets[i]
		var b *box
		if t.Role != mail.RoleInbox { // which is quicker found by its name
			b = p.byRole(t.Role)
		}
		if b == nil {
			b = p.byName(mail.Inbox)
		}
		if b == nil {
			return section{}, mail.ErrNoMailbox
		}
		o, err := n.add(b, addition{prefix: t.Prefix, size: d.Size(), lines: d.Canonical(), flags: t.Flags, internal: env.Received, id: env.ID}, at, &r.keys)
		if err != nil {
			return section{}, err
		}
		sec.ops = append(sec.ops, o)
	}
	return sec, nil
}

// Stage hands a draft's bytes and digest to the journal.
func (s *Store) Stage(ctx context.Context, d *draft.Draft) (*journal.Staged, error) {
	return s.journal.Stage(ctx, d.Digest().AppendBinary(nil), d.Reader(), d.Size())
}

// setBodies names the bodies in the ops that add messages: each its own, or all
// the same one.
func setBodies(ops []op, bodies []journal.BodyRef) {
	for i, o := range ops {
		if a, ok := o.(*add); ok {
			a.body = bodies[min(i, len(bodies)-1)]
		}
	}
}

// addition is what is known of a new message before it gets its numbers.
type addition struct {
	prefix   []byte
	size     int64 // of the body
	lines    int64 // of the body when each line ends in CRLF
	flags    mail.Flags
	internal time.Time
	id       mail.ID
}

// numbers gives out numbers within one section.
type numbers struct {
	p       *pending
	many    bool // messages: else nothing need be noted for the next
	email   mail.EmailID
	thread  mail.ThreadID
	uids    map[mail.MailboxID]mail.UID
	threads map[threadKey]mail.ThreadID
}

// newNumbers is for a section with so many new messages.
func newNumbers(p *pending, messages int) numbers {
	return numbers{p: p, many: messages > 1, email: p.last.email, thread: p.last.thread}
}

// uid gives the next UID of a mailbox.
func (n *numbers) uid(b *box) (mail.UID, error) {
	next := max(n.uids[b.id], b.uidNext)
	if next == maxNumber {
		return 0, mail.ErrTooMany
	}
	if n.many {
		if n.uids == nil {
			n.uids = map[mail.MailboxID]mail.UID{}
		}
		n.uids[b.id] = next + 1
	}
	return next, nil
}

// add makes the op for a new message.
func (n *numbers) add(b *box, msg addition, at moment, keys *threadLookup) (*add, error) {
	if n.email >= maxNumber || n.thread >= maxNumber {
		return nil, mail.ErrTooMany
	}
	if int64(len(msg.prefix))+msg.size > maxNumber {
		return nil, mail.ErrTooLarge
	}
	if _, err := n.p.keywordSets().give(msg.flags.Keywords); err != nil {
		return nil, err
	}
	uid, err := n.uid(b)
	if err != nil {
		return nil, err
	}
	if msg.internal.IsZero() {
		msg.internal = at.time
	}
	n.email++
	o := &add{
		mailbox: b.id, uid: uid, email: n.email, bodySize: msg.size, prefix: msg.prefix,
		flags: msg.flags, when: packTime(msg.internal), id: msg.id,
		grows: 1 + uint64(msg.lines-msg.size), // a prefix is of whole lines
	}
	o.thread, o.keys, err = n.assign(keys)
	return o, err
}

// assign decides the thread of a new message: that of the first known message
// ID, else a new one. It also gives the IDs that were not known.
func (n *numbers) assign(keys *threadLookup) (mail.ThreadID, []threadKey, error) {
	var thread mail.ThreadID
	var unknown []threadKey
	for _, k := range keys.keys {
		t := n.threads[k]
		if t == 0 {
			var err error
			if t, err = n.p.thread(k, keys); err != nil {
				return 0, nil, err
			}
		}
		if t == 0 && !slices.Contains(unknown, k) {
			unknown = append(unknown, k)
		}
		if thread == 0 {
			thread = t
		}
	}
	if thread == 0 {
		n.thread++
		thread = n.thread
	}
	if n.many && n.threads == nil {
		n.threads = map[threadKey]mail.ThreadID{}
	}
	for _, k := range unknown {
		if n.many {
			n.threads[k] = thread
		}
	}
	return thread, unknown, nil
}

// thread finds the thread of a key; 0 when it is not known.
func (p *pending) thread(k threadKey, looked *threadLookup) (mail.ThreadID, error) {
	if t := p.threads[k]; t != 0 {
		return t, nil
	}
	if !p.under.mayKnow(k) {
		return 0, nil
	}
	if t := p.under.recentThread(k); t != 0 {
		return t, nil
	}
	if looked.flushes == p.under.flushes {
		return looked.found[k], nil
	}
	// A checkpoint has moved things into the index since, or the index was not asked.
	found, err := p.under.index.threads([]threadKey{k})
	return found[k], err
}

// threadLookup is what the index knew of a message's IDs before it was its turn
// to be committed, so that the commit goroutine does not wait for the disk.
type threadLookup struct {
	keys    []threadKey
	found   map[threadKey]mail.ThreadID
	flushes uint64 // of the account at that time
}

// notLooked is for who has not asked the index, since the filter knew of none of the
// keys. Should it know of one when it is the message's turn, the index is asked then.
const notLooked = math.MaxUint64

// lookUp asks the account's index for the keys.
func (a *account) lookUp(keys []threadKey) (threadLookup, error) {
	l := threadLookup{keys: keys, flushes: notLooked}
	if !slices.ContainsFunc(keys, a.mayKnow) {
		return l, nil
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	var err error
	l.flushes = a.flushes
	l.found, err = a.index.threads(keys)
	return l, err
}

// threadKeys are the message IDs of a message in the order in which threading
// asks for them, each with the base subject.
func threadKeys(d *message.Digest) []threadKey {
	var keys []threadKey
	note := func(id string) {
		if id == "" {
			return
		}
		h := sha256.New()
		_, _ = io.WriteString(h, id+"\x00"+d.BaseSubject) // a hash never fails
		var k threadKey
		copy(k[:], h.Sum(nil))
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	note(d.MessageID)
	for _, id := range d.InReplyTo {
		note(id)
	}
	for _, id := range slices.Backward(d.References) {
		note(id)
	}
	return keys
}
