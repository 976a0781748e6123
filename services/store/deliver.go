package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
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
// announced, nil.
func (s *Store) Deliver(ctx context.Context, env *mail.Envelope, targets []mail.Target, d *draft.Draft) error {
	var accounts []*account
	for _, t := range targets {
		a, err := s.account(ctx, t.Account)
		if err != nil {
			return fmt.Errorf("deliver to %s: %w", t.Account, err)
		}
		if err := t.Flags.Check(); err != nil {
			return fmt.Errorf("deliver to %s: %w", t.Account, err)
		}
		if !slices.Contains(accounts, a) {
			accounts = append(accounts, a)
		}
	}
	if len(targets) == 0 {
		return nil
	}
	body, err := s.stage(ctx, d)
	if err != nil {
		return fmt.Errorf("deliver: %w", err)
	}
	keys, err := lookUp(threadKeys(d.Digest()), accounts)
	if err != nil {
		return fmt.Errorf("deliver: %w", err)
	}
	t := &transaction{accounts: accounts}
	t.prepare = func(at moment, slot journal.Slot) (change, error) {
		var c change
		var full error // all who have no room, so that they can be told apart
		for _, a := range accounts {
			sec, err := prepareDelivery(a, env, targets, d, at, keys[a])
			if err != nil {
				return nil, err
			}
			full = errors.Join(full, a.pend().fits(usageOf(sec.ops)))
			setBodies(sec.ops, slot.Bodies)
			c = append(c, sec)
		}
		return c, full
	}
	if err := s.commit(ctx, verbDeliver, env.ID, []*journal.Staged{body}, t); err != nil {
		return fmt.Errorf("deliver: %w", err)
	}
	return nil
}

// prepareDelivery makes the section of one account.
func prepareDelivery(a *account, env *mail.Envelope, targets []mail.Target, d *draft.Draft, at moment, keys *threadLookup) (section, error) {
	p := a.pend()
	n := newNumbers(p)
	sec := section{account: a.id, modSeq: p.last.modSeq + 1}
	for _, t := range targets {
		if t.Account != a.id {
			continue
		}
		b := p.byRole(t.Role)
		if b == nil {
			b = p.byName(mail.Inbox)
		}
		if b == nil {
			return section{}, mail.ErrNoMailbox
		}
		o, err := n.add(b, addition{prefix: t.Prefix, size: d.Size(), lines: d.Canonical(), flags: t.Flags, internal: env.Received, id: env.ID}, at, keys)
		if err != nil {
			return section{}, err
		}
		sec.ops = append(sec.ops, o)
	}
	return sec, nil
}

// stage hands a draft's bytes and digest to the journal.
func (s *Store) stage(ctx context.Context, d *draft.Draft) (*journal.Staged, error) {
	return s.journal.Stage(ctx, d.Digest().AppendBinary(nil), d.Reader(), d.Size())
}

// setBodies names the bodies in the ops that add messages: each its own, or all
// the same one.
func setBodies(ops []op, bodies []journal.BodyRef) {
	for i, o := range ops {
		if a, ok := o.(add); ok {
			a.body = bodies[min(i, len(bodies)-1)]
			ops[i] = a
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
	email   mail.EmailID
	thread  mail.ThreadID
	uids    map[mail.MailboxID]mail.UID
	threads map[threadKey]mail.ThreadID
}

func newNumbers(p *pending) *numbers {
	return &numbers{p: p, email: p.last.email, thread: p.last.thread}
}

// uid gives the next UID of a mailbox.
func (n *numbers) uid(b *box) (mail.UID, error) {
	next := max(n.uids[b.id], b.uidNext)
	if next == maxNumber {
		return 0, mail.ErrTooMany
	}
	if n.uids == nil {
		n.uids = map[mail.MailboxID]mail.UID{}
	}
	n.uids[b.id] = next + 1
	return next, nil
}

// add makes the op for a new message.
func (n *numbers) add(b *box, msg addition, at moment, keys *threadLookup) (add, error) {
	if n.email >= maxNumber || n.thread >= maxNumber {
		return add{}, mail.ErrTooMany
	}
	if int64(len(msg.prefix))+msg.size > maxNumber {
		return add{}, mail.ErrTooLarge
	}
	if _, err := n.p.keywordSets().give(msg.flags.Keywords); err != nil {
		return add{}, err
	}
	uid, err := n.uid(b)
	if err != nil {
		return add{}, err
	}
	if msg.internal.IsZero() {
		msg.internal = at.time
	}
	n.email++
	o := add{
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
	if n.threads == nil && len(unknown) > 0 {
		n.threads = map[threadKey]mail.ThreadID{}
	}
	for _, k := range unknown {
		n.threads[k] = thread
	}
	return thread, unknown, nil
}

// thread finds the thread of a key; 0 when it is not known.
func (p *pending) thread(k threadKey, looked *threadLookup) (mail.ThreadID, error) {
	if t := p.threads[k]; t != 0 {
		return t, nil
	}
	if t := p.under.recentThread(k); t != 0 {
		return t, nil
	}
	if looked.flushes == p.under.flushes {
		return looked.found[k], nil
	}
	// A checkpoint has moved things into the index since.
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

// lookUp asks the accounts' indexes for the keys.
func lookUp(keys []threadKey, accounts []*account) (map[*account]*threadLookup, error) {
	all := map[*account]*threadLookup{}
	for _, a := range accounts {
		l := &threadLookup{keys: keys}
		all[a] = l
		if len(keys) == 0 {
			continue
		}
		a.mu.RLock()
		var err error
		l.flushes = a.flushes
		l.found, err = a.index.threads(keys)
		a.mu.RUnlock()
		if err != nil {
			return nil, err
		}
	}
	return all, nil
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
