package memstore

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Account is a handle on one account of a Store.
type Account struct {
	s *Store
	a *account
}

// lock takes the store's lock; the caller unlocks it, also after an error.
func (h *Account) lock() error {
	h.s.mu.Lock()
	switch {
	case h.s.closed:
		return mail.ErrClosed
	case h.a.gone:
		return mail.ErrNoAccount
	}
	return nil
}

// box finds a living mailbox.
func (a *account) box(id mail.MailboxID) (*box, error) {
	m := a.boxes[id]
	if m == nil || m.gone {
		return nil, mail.ErrNoMailbox
	}
	return m, nil
}

func (a *account) byName(name string) *box {
	for _, m := range a.boxes {
		if !m.gone && m.Name == name {
			return m
		}
	}
	return nil
}

func (a *account) byRole(r mail.Role) *box {
	for _, m := range a.boxes {
		if r != mail.RoleNone && !m.gone && m.Role == r {
			return m
		}
	}
	return nil
}

// view is the mailbox as everybody sees it: counted anew each time.
func (a *account) view(m *box) mail.Mailbox {
	v := m.Mailbox
	v.Subscribed = a.subscribed[v.Name]
	v.Total = uint32(len(m.entries))
	for _, e := range m.entries {
		if !e.Flags.Has(mail.Seen) {
			v.Unseen++
		}
		if e.Flags.Has(mail.Deleted) {
			v.Deleted++
		}
		v.Size += e.Size
	}
	return v
}

// create makes one mailbox.
func (a *account) create(name string, role mail.Role, seq mail.ModSeq, now time.Time) *box {
	a.lastBox++
	a.validity = max(a.validity+1, mail.UIDValidity(now.Unix()))
	m := &box{Mailbox: mail.Mailbox{
		ID: a.lastBox, Name: name, Role: role, UIDValidity: a.validity, UIDNext: 1, HighestModSeq: seq,
	}}
	a.boxes[m.ID] = m
	a.touchBox(m)
	m.note(a)
	return m
}

// missing lists the names above name that have no mailbox, from the top.
func (a *account) missing(name string) []string {
	var names []string
	for i, c := range name {
		if c == mail.Delimiter && a.byName(name[:i]) == nil {
			names = append(names, name[:i])
		}
	}
	return names
}

func (a *account) living() int {
	n := 0
	for _, m := range a.boxes {
		if !m.gone {
			n++
		}
	}
	return n
}

// Mailboxes lists all by name.
func (h *Account) Mailboxes(context.Context) ([]mail.Mailbox, error) {
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var list []mail.Mailbox
	for _, m := range h.a.boxes {
		if !m.gone {
			list = append(list, h.a.view(m))
		}
	}
	slices.SortFunc(list, func(a, b mail.Mailbox) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// Subscriptions lists the subscribed names.
func (h *Account) Subscriptions(context.Context) ([]string, error) {
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(h.a.subscribed)), nil
}

// Mailbox finds by name.
func (h *Account) Mailbox(_ context.Context, name string) (mail.Mailbox, error) {
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return mail.Mailbox{}, err
	}
	if name, err = mail.MailboxName(name); err != nil {
		return mail.Mailbox{}, mail.ErrNoMailbox
	}
	m := h.a.byName(name)
	if m == nil {
		return mail.Mailbox{}, mail.ErrNoMailbox
	}
	return h.a.view(m), nil
}

// MailboxByID finds by ID.
func (h *Account) MailboxByID(_ context.Context, id mail.MailboxID) (mail.Mailbox, error) {
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return mail.Mailbox{}, err
	}
	m, err := h.a.box(id)
	if err != nil {
		return mail.Mailbox{}, err
	}
	return h.a.view(m), nil
}

// CreateMailbox makes a mailbox and the levels above it.
func (h *Account) CreateMailbox(_ context.Context, name string, role mail.Role) (mail.Mailbox, error) {
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return mail.Mailbox{}, err
	}
	if name, err = mail.MailboxName(name); err != nil {
		return mail.Mailbox{}, err
	}
	a := h.a
	if a.byName(name) != nil || a.byRole(role) != nil {
		return mail.Mailbox{}, mail.ErrMailboxExists
	}
	parents := a.missing(name)
	if a.living()+len(parents)+1 > mail.MaxMailboxes {
		return mail.Mailbox{}, mail.ErrTooMany
	}
	a.begin()
	for _, p := range parents {
		a.create(p, mail.RoleNone, a.modSeq, h.s.now())
	}
	m := a.create(name, role, a.modSeq, h.s.now())
	a.wake()
	return a.view(m), nil
}

// RenameMailbox renames a mailbox and what is below it.
func (h *Account) RenameMailbox(_ context.Context, id mail.MailboxID, name string) error {
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return err
	}
	if name, err = mail.MailboxName(name); err != nil {
		return err
	}
	a := h.a
	m, err := a.box(id)
	if err != nil {
		return err
	}
	if a.byName(name) != nil {
		return mail.ErrMailboxExists
	}
	if m.Role == mail.RoleInbox {
		return h.renameInbox(m, name)
	}
	old := m.Name + string(mail.Delimiter)
	if strings.HasPrefix(name, old) {
		return mail.ErrMailboxName
	}
	renamed := map[*box]string{m: name}
	for _, child := range a.boxes {
		rest, below := strings.CutPrefix(child.Name, old)
		if child.gone || !below {
			continue
		}
		to, err := mail.MailboxName(name + string(mail.Delimiter) + rest)
		if err != nil {
			return err
		}
		if a.byName(to) != nil {
			return mail.ErrMailboxExists
		}
		renamed[child] = to
	}
	parents := a.missing(name)
	if a.living()+len(parents) > mail.MaxMailboxes {
		return mail.ErrTooMany
	}
	a.begin()
	for m, to := range renamed {
		m.Name = to
		a.touchBox(m)
		m.note(a)
	}
	for _, p := range parents {
		a.create(p, mail.RoleNone, a.modSeq, h.s.now())
	}
	a.wake()
	return nil
}

func (h *Account) renameInbox(inbox *box, name string) error {
	a := h.a
	parents := a.missing(name)
	if a.living()+len(parents)+1 > mail.MaxMailboxes {
		return mail.ErrTooMany
	}
	a.begin()
	for _, p := range parents {
		a.create(p, mail.RoleNone, a.modSeq, h.s.now())
	}
	to := a.create(name, mail.RoleNone, a.modSeq, h.s.now())
	for _, e := range slices.Clone(inbox.entries) {
		a.copyEntry(e, to, saved(h.s.now()))
		a.drop(inbox, e.UID, saved(h.s.now()), true)
	}
	a.wake()
	return nil
}

// DeleteMailbox takes a mailbox away.
func (h *Account) DeleteMailbox(_ context.Context, id mail.MailboxID) error {
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return err
	}
	m, err := h.a.box(id)
	if err != nil {
		return err
	}
	if m.Role == mail.RoleInbox {
		return mail.ErrMailboxInUse
	}
	h.a.begin()
	h.a.flip(m)
	m.gone, m.goneAt, m.goneSeq = true, saved(h.s.now()), h.a.modSeq
	m.note(h.a)
	h.a.wake()
	return nil
}

// Subscribe changes the list of subscriptions.
func (h *Account) Subscribe(_ context.Context, name string, on bool) error {
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return err
	}
	if name, err = mail.MailboxName(name); err != nil {
		return err
	}
	a := h.a
	if a.subscribed[name] == on {
		return nil
	}
	if on && len(a.subscribed) >= mail.MaxSubscriptions {
		return mail.ErrTooMany
	}
	a.begin()
	a.subscribe(name, on)
	a.wake()
	return nil
}
