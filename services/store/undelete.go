package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// treeSpan is how far apart the deletions of a mailbox and of what was below it
// may be for these to come back with it: programs delete a tree one by one.
const treeSpan = time.Hour

// RestoreMailbox puts a deleted mailbox back with its messages, and what was
// deleted below it at about the same time. Nothing is copied: the rows are as
// they were left. The UIDVALIDITY is a new one, since another mailbox may have
// had the name meanwhile (RFC 9051 §2.3.1.1: it must not go back); MAILBOXID is
// the old one, as this is the same mailbox (RFC 8474 §4.1).
func (h *Account) RestoreMailbox(ctx context.Context, id mail.MailboxID) ([]mail.Mailbox, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	var ids []mail.MailboxID
	err := h.change(ctx, verbRestoreMailbox, func(p *pending, at moment) ([]op, error) {
		root := p.box(id)
		switch {
		case root == nil:
			return nil, mail.ErrNoMailbox
		case !root.gone:
			ids = []mail.MailboxID{id}
			return nil, nil
		case h.a.store.isOver(root.goneTime.Unix()):
			return nil, mail.ErrGone
		}
		var err error
		var ops []op
		ids, ops, err = prepareUndelete(p, root, at)
		return ops, err
	})
	if err != nil {
		return nil, fmt.Errorf("restore mailbox: %w", err)
	}
	var list []mail.Mailbox
	for _, id := range ids {
		m, err := h.MailboxByID(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("restore mailbox: %w", err)
		}
		list = append(list, m)
	}
	return list, nil
}

// prepareUndelete makes the ops that bring a mailbox back, and below it the last
// of each name that was deleted at about the same time. Those whose name is
// taken stay deleted.
func prepareUndelete(p *pending, root *box, at moment) ([]mail.MailboxID, []op, error) {
	name, err := freeName(p, root.name)
	if err != nil {
		return nil, nil, err
	}
	c := newCreation(p, at)
	roles := map[mail.Role]bool{}
	undelete := func(b *box, name string) {
		role := b.role
		if roles[role] || p.byRole(role) != nil {
			role = mail.RoleNone
		}
		roles[role] = true
		c.uv = max(c.uv+1, mail.UIDValidity(at.time.Unix()))
		c.ops = append(c.ops, restoreMailbox{id: b.id, validity: c.uv, role: role, name: name})
	}
	c.createAbove(name)
	undelete(root, name)
	ids := []mail.MailboxID{root.id}
	for _, b := range deletedBelow(p, root) {
		to := name + strings.TrimPrefix(b.name, root.name)
		if _, err := mail.MailboxName(to); err != nil || p.byName(to) != nil {
			continue
		}
		undelete(b, to)
		ids = append(ids, b.id)
	}
	if p.living()+int(c.n-p.last.mailbox)+len(ids) > mail.MaxMailboxes {
		return nil, nil, mail.ErrTooMany
	}
	return ids, c.ops, nil
}

// deletedBelow lists the mailboxes below root that were deleted with it, by
// name, of each name the last.
func deletedBelow(p *pending, root *box) []*box {
	last := map[string]*box{}
	p.eachGone(func(b *box) {
		apart := time.Duration(root.goneTime.Unix()-b.goneTime.Unix()) * time.Second // as the index has it
		if !strings.HasPrefix(b.name, root.name+string(mail.Delimiter)) || apart.Abs() > treeSpan {
			return
		}
		if other := last[b.name]; other == nil || other.changed < b.changed || other.changed == b.changed && other.id < b.id {
			last[b.name] = b
		}
	})
	list := make([]*box, 0, len(last))
	for _, b := range last {
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b *box) int { return strings.Compare(a.name, b.name) })
	return list
}

// freeName is the name, or where that is taken the first free one of "name
// (restored)", "name (restored 2)" and so on.
func freeName(p *pending, name string) (string, error) {
	try := name
	for n := 1; p.byName(try) != nil; n++ {
		try = name + " (restored)"
		if n > 1 {
			try = fmt.Sprintf("%s (restored %d)", name, n)
		}
		if _, err := mail.MailboxName(try); err != nil {
			return "", err
		}
		if n > mail.MaxMailboxes {
			return "", mail.ErrTooMany
		}
	}
	return try, nil
}

// applyRestoreMailbox makes a deleted mailbox living.
func applyRestoreMailbox(l ledger, o *restoreMailbox, seq mail.ModSeq) error {
	b := l.box(o.id)
	if b == nil || !b.gone {
		return mail.ErrNoMailbox
	}
	c := l.counters()
	c.validity = max(c.validity, o.validity)
	b.gone, b.goneTime = false, time.Time{}
	b.name, b.role, b.validity, b.changed = o.name, o.role, o.validity, seq
	l.setName(o.name, o.id)
	return nil
}

// RestoreAccount brings a removed account back with all its mail.
func (s *Store) RestoreAccount(ctx context.Context, id mail.AccountID) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	s.mu.RLock()
	there, known := s.known[id]
	closed := s.closed
	s.mu.RUnlock()
	switch {
	case closed:
		return mail.ErrClosed
	case !known:
		return mail.ErrNoAccount
	case there:
		return nil
	}
	a, err := s.loadAccount(s.life, id)
	if err != nil {
		return fmt.Errorf("restore account: %w", err)
	}
	t := &transaction{accounts: []*account{a}, revives: true}
	t.prepare = func(moment, journal.Slot) (change, error) {
		p := a.pend()
		switch {
		case !p.last.removed:
			return nil, nil
		case s.isOver(p.last.removedAt), p.empty():
			return nil, mail.ErrGone
		}
		return change{{account: id, modSeq: p.last.modSeq + 1, ops: []op{restoreAccount{}}}}, nil
	}
	if err := s.commit(ctx, verbRestoreAccount, mail.ID{}, nil, t); err != nil {
		return fmt.Errorf("restore account %s: %w", id, err)
	}
	s.noteRemoval(a)
	return nil
}

// RemovedAccounts lists the removed accounts that can be put back.
func (s *Store) RemovedAccounts(context.Context) ([]mail.RemovedAccount, error) {
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return nil, mail.ErrClosed
	}
	var ids []mail.AccountID
	for id, there := range s.known {
		if !there {
			ids = append(ids, id)
		}
	}
	s.mu.RUnlock()
	slices.Sort(ids)
	var list []mail.RemovedAccount
	for _, id := range ids {
		r, err := s.removedAccount(id)
		if err != nil {
			return nil, fmt.Errorf("list removed account %s: %w", id, err)
		}
		if r != nil {
			list = append(list, *r)
		}
	}
	return list, nil
}

// removedAccount describes a removed account; nil when nothing of it can be put
// back.
func (s *Store) removedAccount(id mail.AccountID) (*mail.RemovedAccount, error) {
	s.loading.Lock()
	defer s.loading.Unlock()
	a, err := s.loadAccount(s.life, id)
	if err != nil {
		return nil, err
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	at := a.last.removedAt
	if !a.last.removed || len(a.boxes) == 0 || s.isOver(at) {
		return nil, nil
	}
	return &mail.RemovedAccount{ID: id, At: time.Unix(at, 0).UTC(), Until: a.until(a.last.modSeq, at)}, nil
}
