package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// change commits a change of this account alone. The ops that prepare gives are
// applied in order; none means that there is nothing to do.
func (h *Account) change(ctx context.Context, v verb, prepare func(p *pending, at moment) ([]op, error)) error {
	a := h.a
	t := &transaction{accounts: []*account{a}}
	t.prepare = func(at moment, _ journal.Slot) (change, error) {
		p := a.pend()
		ops, err := prepare(p, at)
		if err != nil || len(ops) == 0 {
			return nil, err
		}
		return change{{account: a.id, modSeq: p.last.modSeq + 1, ops: ops}}, nil
	}
	return a.store.commit(ctx, v, mail.ID{}, nil, t)
}

// Mailboxes lists all, sorted by name.
func (h *Account) Mailboxes(context.Context) ([]mail.Mailbox, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	a := h.a
	a.mu.RLock()
	defer a.mu.RUnlock()
	list := make([]mail.Mailbox, 0, len(a.names))
	for name, id := range a.names {
		list = append(list, a.boxes[id].public(a.subscribed[name]))
	}
	slices.SortFunc(list, func(a, b mail.Mailbox) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// Subscriptions lists the subscribed names.
func (h *Account) Subscriptions(context.Context) ([]string, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	h.a.mu.RLock()
	defer h.a.mu.RUnlock()
	return slices.Sorted(maps.Keys(h.a.subscribed)), nil
}

// Mailbox finds by name, INBOX in any case.
func (h *Account) Mailbox(_ context.Context, name string) (mail.Mailbox, error) {
	if err := h.check(); err != nil {
		return mail.Mailbox{}, err
	}
	name, err := mail.MailboxName(name)
	if err != nil {
		return mail.Mailbox{}, mail.ErrNoMailbox // no mailbox can have such a name
	}
	h.a.mu.RLock()
	defer h.a.mu.RUnlock()
	m := h.a.boxes[h.a.names[name]]
	if m == nil {
		return mail.Mailbox{}, mail.ErrNoMailbox
	}
	return m.public(h.a.subscribed[name]), nil
}

// MailboxByID finds by ID.
func (h *Account) MailboxByID(_ context.Context, id mail.MailboxID) (mail.Mailbox, error) {
	if err := h.check(); err != nil {
		return mail.Mailbox{}, err
	}
	h.a.mu.RLock()
	defer h.a.mu.RUnlock()
	m, err := h.a.living(id)
	if err != nil {
		return mail.Mailbox{}, err
	}
	return m.public(h.a.subscribed[m.name]), nil
}

// living gives a mailbox that was not deleted. The caller holds mu.
func (a *account) living(id mail.MailboxID) (*mailbox, error) {
	m := a.boxes[id]
	if m == nil || m.gone {
		return nil, mail.ErrNoMailbox
	}
	return m, nil
}

// creation makes the ops for new mailboxes.
type creation struct {
	p   *pending
	at  moment
	n   mail.MailboxID
	uv  mail.UIDValidity
	ops []op
}

func newCreation(p *pending, at moment) *creation {
	return &creation{p: p, at: at, n: p.last.mailbox, uv: p.last.validity}
}

// create adds one mailbox. Its UIDVALIDITY is the time, or one more than the
// last when that was given out in the same second: never one that the name has
// had before (RFC 9051 §2.3.1.1).
func (c *creation) create(name string, role mail.Role) mail.MailboxID {
	c.n++
	c.uv = max(c.uv+1, mail.UIDValidity(c.at.time.Unix()))
	c.ops = append(c.ops, createMailbox{id: c.n, validity: c.uv, role: role, name: name})
	return c.n
}

// createAbove adds the levels above name that there are no mailboxes of.
func (c *creation) createAbove(name string) {
	for i, r := range name {
		if r == mail.Delimiter && c.p.byName(name[:i]) == nil {
			c.create(name[:i], mail.RoleNone)
		}
	}
}

func (c *creation) tooMany() bool {
	return c.p.living()+int(c.n-c.p.last.mailbox) > mail.MaxMailboxes
}

// CreateMailbox makes a mailbox and the levels above it.
func (h *Account) CreateMailbox(ctx context.Context, name string, role mail.Role) (mail.Mailbox, error) {
	if err := h.check(); err != nil {
		return mail.Mailbox{}, err
	}
	name, err := mail.MailboxName(name)
	if err != nil {
		return mail.Mailbox{}, err
	}
	var id mail.MailboxID
	err = h.change(ctx, verbMailboxCreate, func(p *pending, at moment) ([]op, error) {
		if p.byName(name) != nil || p.byRole(role) != nil {
			return nil, mail.ErrMailboxExists
		}
		c := newCreation(p, at)
		c.createAbove(name)
		id = c.create(name, role)
		if c.tooMany() {
			return nil, mail.ErrTooMany
		}
		return c.ops, nil
	})
	if err != nil {
		return mail.Mailbox{}, fmt.Errorf("create mailbox: %w", err)
	}
	return h.MailboxByID(ctx, id)
}

// RenameMailbox renames a mailbox and what is below it; of INBOX it moves the
// messages (RFC 9051 §6.3.6).
func (h *Account) RenameMailbox(ctx context.Context, id mail.MailboxID, name string) error {
	if err := h.check(); err != nil {
		return err
	}
	name, err := mail.MailboxName(name)
	if err != nil {
		return err
	}
	unpin, err := h.a.pin(ctx, id) // INBOX's messages will be listed
	if err != nil {
		return err
	}
	defer unpin()
	err = h.change(ctx, verbMailboxRename, func(p *pending, at moment) ([]op, error) {
		b, err := livingBox(p, id)
		switch {
		case err != nil:
			return nil, err
		case p.byName(name) != nil:
			return nil, mail.ErrMailboxExists
		case b.role == mail.RoleInbox:
			return prepareInboxMove(p, b, name, at)
		}
		return prepareRename(p, b, name, at)
	})
	if err != nil {
		return fmt.Errorf("rename mailbox: %w", err)
	}
	return nil
}

func prepareRename(p *pending, b *box, name string, at moment) ([]op, error) {
	old := b.name + string(mail.Delimiter)
	if strings.HasPrefix(name, old) {
		return nil, mail.ErrMailboxName
	}
	ops := []op{renameMailbox{b.id, name}}
	var err error
	p.each(func(child *box) {
		rest, below := strings.CutPrefix(child.name, old)
		if !below || err != nil {
			return
		}
		to, nameErr := mail.MailboxName(name + string(mail.Delimiter) + rest)
		switch {
		case nameErr != nil:
			err = nameErr
		case p.byName(to) != nil:
			err = mail.ErrMailboxExists
		}
		ops = append(ops, renameMailbox{child.id, to})
	})
	if err != nil {
		return nil, err
	}
	c := newCreation(p, at)
	c.createAbove(name)
	if c.tooMany() {
		return nil, mail.ErrTooMany
	}
	return append(ops, c.ops...), nil
}

func prepareInboxMove(p *pending, inbox *box, name string, at moment) ([]op, error) {
	c := newCreation(p, at)
	c.createAbove(name)
	to := c.create(name, mail.RoleNone)
	if c.tooMany() {
		return nil, mail.ErrTooMany
	}
	var uids mail.UIDSet
	for r := range p.in(inbox.id, everyUID()) {
		uids = uids.Add(r.uid)
	}
	if len(uids) == 0 {
		return c.ops, nil
	}
	return append(c.ops, copyTo{from: inbox.id, to: to, uids: uids, first: 1}, remove{inbox.id, uids}), nil
}

// DeleteMailbox takes a mailbox away with its messages.
func (h *Account) DeleteMailbox(ctx context.Context, id mail.MailboxID) error {
	if err := h.check(); err != nil {
		return err
	}
	err := h.change(ctx, verbMailboxDelete, func(p *pending, _ moment) ([]op, error) {
		b, err := livingBox(p, id)
		switch {
		case err != nil:
			return nil, err
		case b.role == mail.RoleInbox:
			return nil, mail.ErrMailboxInUse
		}
		return []op{deleteMailbox{id}}, nil
	})
	if err != nil {
		return fmt.Errorf("delete mailbox: %w", err)
	}
	return nil
}

// Subscribe puts a name on the list of subscriptions, or takes it off.
func (h *Account) Subscribe(ctx context.Context, name string, on bool) error {
	if err := h.check(); err != nil {
		return err
	}
	name, err := mail.MailboxName(name)
	if err != nil {
		return err
	}
	err = h.change(ctx, verbSubscribe, func(p *pending, _ moment) ([]op, error) {
		switch {
		case p.subscribedTo(name) == on:
			return nil, nil
		case on && len(p.under.subscribed)+len(p.subs) >= mail.MaxSubscriptions:
			return nil, mail.ErrTooMany
		}
		return []op{subscribe{name, on}}, nil
	})
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	return nil
}
