package memstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/match"
)

// retention is how long what was deleted can be put back.
const retention = 30 * 24 * time.Hour

// treeSpan is how far apart deletions may be that are undone together.
const treeSpan = time.Hour

func (s *Store) over(at time.Time) bool { return !s.now().Before(at.Add(retention)) }

// lost is everything that went from a mailbox, also with it.
func (m *box) lost() []expunged {
	all := slices.Clone(m.expunged)
	if m.gone {
		for _, e := range m.entries {
			gone := expunged{entry: *e, at: m.goneAt}
			gone.ModSeq = m.goneSeq
			all = append(all, gone)
		}
	}
	return all
}

// byEmail finds the entry of an email with the lowest UID.
func (m *box) byEmail(id mail.EmailID) *entry {
	for _, e := range m.entries {
		if e.Email == id {
			return e
		}
	}
	return nil
}

// Expunged lists what is gone and can be put back.
func (h *Account) Expunged(_ context.Context, q mail.ExpungedQuery) (mail.ExpungedPage, error) {
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return mail.ExpungedPage{}, err
	}
	if m := h.a.boxes[q.Mailbox]; m == nil && q.Mailbox != 0 {
		return mail.ExpungedPage{}, nil
	}
	var all []mail.Expunged
	for id, m := range h.a.boxes {
		if q.Mailbox != 0 && q.Mailbox != id {
			continue
		}
		for _, e := range m.lost() {
			if x := h.describe(m, &e); h.wanted(&q, &x) {
				all = append(all, x)
			}
		}
	}
	slices.SortFunc(all, newer)
	if q.After != (mail.ExpungedMark{}) {
		after := mail.Expunged{Place: q.After.Place, Row: mail.Row{ModSeq: q.After.ModSeq}}
		all = slices.DeleteFunc(all, func(e mail.Expunged) bool { return newer(after, e) >= 0 })
	}
	limit := q.Limit
	if limit <= 0 || limit > mail.MaxExpungedPage {
		limit = mail.MaxExpungedPage
	}
	page := mail.ExpungedPage{Messages: all[:min(limit, len(all))], More: len(all) > limit}
	if n := len(page.Messages); n > 0 {
		page.Next = mail.ExpungedMark{ModSeq: page.Messages[n-1].Row.ModSeq, Place: page.Messages[n-1].Place}
	}
	return page, nil
}

func newer(a, b mail.Expunged) int {
	return cmp.Or(cmp.Compare(b.Row.ModSeq, a.Row.ModSeq), cmp.Compare(a.Mailbox, b.Mailbox), cmp.Compare(a.UID, b.UID))
}

func (h *Account) describe(m *box, e *expunged) mail.Expunged {
	x := mail.Expunged{
		Place: mail.Place{Mailbox: m.ID, UID: e.UID}, Row: e.Row, Name: m.Name, MailboxGone: m.gone,
		At: e.at, Until: e.at.Add(retention), Moved: e.moved, Back: !m.gone && m.byEmail(e.Email) != nil,
	}
	x.From, x.Subject = match.Brief(e.body.digest)
	return x
}

func (h *Account) wanted(q *mail.ExpungedQuery, x *mail.Expunged) bool {
	return !h.s.over(x.At) &&
		(q.Since.IsZero() || x.At.Unix() >= q.Since.Unix()) && (q.Before.IsZero() || x.At.Unix() < q.Before.Unix()) &&
		(q.Moved || !x.Moved) && (q.Back || !x.Back) && match.Words(q.Words, x.From, x.Subject)
}

// DeletedMailboxes lists the deleted mailboxes that can be put back.
func (h *Account) DeletedMailboxes(context.Context) ([]mail.DeletedMailbox, error) {
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var list []mail.DeletedMailbox
	for _, m := range h.a.boxes {
		if m.gone && !h.s.over(m.goneAt) {
			list = append(list, mail.DeletedMailbox{Mailbox: h.a.view(m), At: m.goneAt, Until: m.goneAt.Add(retention)})
		}
	}
	slices.SortFunc(list, func(a, b mail.DeletedMailbox) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

// recoverable says whether an email is there or was not long ago.
func (h *Account) recoverable(id mail.EmailID) bool {
	for _, m := range h.a.boxes {
		if m.byEmail(id) != nil {
			return true
		}
		for _, e := range m.expunged {
			if e.Email == id && !h.s.over(e.at) {
				return true
			}
		}
	}
	return false
}

// Restore puts messages back.
func (h *Account) Restore(_ context.Context, places []mail.Place, into mail.MailboxID) ([]mail.Restored, error) {
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if _, err := h.a.box(into); into != 0 && err != nil {
		return nil, err
	}
	lost := map[mail.Place]expunged{}
	groups := map[mail.MailboxID][]mail.Place{}
	var order []mail.MailboxID
	for _, p := range places {
		m := h.a.boxes[p.Mailbox]
		switch {
		case m == nil && p.Mailbox > 0 && p.Mailbox <= h.a.lastBox && p.UID > 0:
			continue // gone for good
		case m == nil:
			return nil, mail.ErrNoMailbox
		case p.UID == 0 || p.UID >= m.UIDNext:
			return nil, mail.ErrNoMessage
		}
		for _, e := range m.lost() {
			if e.UID == p.UID && !h.s.over(e.at) {
				lost[p] = e
			}
		}
		if _, ok := lost[p]; ok {
			if groups[p.Mailbox] == nil {
				order = append(order, p.Mailbox)
			}
			if !slices.Contains(groups[p.Mailbox], p) {
				groups[p.Mailbox] = append(groups[p.Mailbox], p)
			}
		}
	}
	outcome := map[mail.Place]mail.Restored{}
	for _, id := range order {
		if err := h.putBack(id, into, groups[id], lost, outcome); err != nil {
			return nil, err
		}
	}
	all := make([]mail.Restored, len(places))
	any := false
	for i, p := range places {
		r, ok := outcome[p]
		if !ok {
			r = mail.Restored{Source: p, Outcome: mail.OutcomeGone}
			if m := h.a.boxes[p.Mailbox]; m != nil && !m.gone && len(m.in(mail.SetOf(p.UID))) > 0 {
				r = mail.Restored{Source: p, Target: p, Outcome: mail.OutcomeThere}
			}
		}
		all[i] = r
		any = any || r.Outcome != mail.OutcomeGone
	}
	if len(all) > 0 && !any {
		return nil, mail.ErrGone
	}
	return all, nil
}

// putBack puts back what went from one mailbox, in one step.
func (h *Account) putBack(from, into mail.MailboxID, places []mail.Place, lost map[mail.Place]expunged, outcome map[mail.Place]mail.Restored) error {
	a := h.a
	source := a.boxes[from]
	var to *box
	switch {
	case into != 0:
		to = a.boxes[into]
	case !source.gone:
		to = source
	default:
		to = a.byName(source.Name)
	}
	begun := false
	for _, p := range places {
		e := lost[p]
		if to != nil {
			if there := to.byEmail(e.Email); there != nil {
				outcome[p] = mail.Restored{Source: p, Target: mail.Place{Mailbox: to.ID, UID: there.UID}, Outcome: mail.OutcomeThere}
				continue
			}
		}
		if !h.recoverable(e.Email) {
			outcome[p] = mail.Restored{Source: p, Outcome: mail.OutcomeGone}
			continue
		}
		if !begun {
			begun = true
			if to == nil && a.living()+len(a.missing(source.Name))+1 > mail.MaxMailboxes {
				return mail.ErrTooMany
			}
			a.begin()
		}
		if to == nil {
			to = h.again(source)
		}
		back := e.entry
		back.ModSeq, back.Saved = a.modSeq, saved(h.s.now())
		back.Flags.System &^= mail.Deleted
		outcome[p] = mail.Restored{Source: p, Target: mail.Place{Mailbox: to.ID, UID: a.put(to, &back)}, Outcome: mail.OutcomeBack}
	}
	if begun {
		a.wake()
	}
	return nil
}

// again makes a mailbox of the name that a deleted one had.
func (h *Account) again(source *box) *box {
	a := h.a
	for _, p := range a.missing(source.Name) {
		a.create(p, mail.RoleNone, a.modSeq, h.s.now())
	}
	role := source.Role
	if a.byRole(role) != nil {
		role = mail.RoleNone
	}
	return a.create(source.Name, role, a.modSeq, h.s.now())
}

// RestoreMailbox puts a deleted mailbox back, with what was deleted below it.
func (h *Account) RestoreMailbox(_ context.Context, id mail.MailboxID) ([]mail.Mailbox, error) {
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	a := h.a
	root := a.boxes[id]
	switch {
	case root == nil:
		return nil, mail.ErrNoMailbox
	case !root.gone:
		return []mail.Mailbox{a.view(root)}, nil
	case h.s.over(root.goneAt):
		return nil, mail.ErrGone
	}
	name := root.Name
	for n := 1; a.byName(name) != nil; n++ {
		name = root.Name + " (restored)"
		if n > 1 {
			name = fmt.Sprintf("%s (restored %d)", root.Name, n)
		}
		if _, err := mail.MailboxName(name); err != nil {
			return nil, err
		}
	}
	names := map[*box]string{root: name}
	tree := []*box{root}
	for _, b := range a.deletedBelow(root) {
		to := name + strings.TrimPrefix(b.Name, root.Name)
		if _, err := mail.MailboxName(to); err == nil && a.byName(to) == nil {
			names[b] = to
			tree = append(tree, b)
		}
	}
	parents := a.missing(name)
	if a.living()+len(parents)+len(tree) > mail.MaxMailboxes {
		return nil, mail.ErrTooMany
	}
	a.begin()
	for _, p := range parents {
		a.create(p, mail.RoleNone, a.modSeq, h.s.now())
	}
	var list []mail.Mailbox
	for _, b := range tree {
		if a.byRole(b.Role) != nil {
			b.Role = mail.RoleNone
		}
		a.validity = max(a.validity+1, mail.UIDValidity(h.s.now().Unix()))
		b.gone, b.Name, b.UIDValidity = false, names[b], a.validity
		a.flip(b)
		b.note(a)
		list = append(list, a.view(b))
	}
	a.wake()
	return list, nil
}

// deletedBelow lists what was deleted below a mailbox at about the same time, by
// name, of each name the last.
func (a *account) deletedBelow(root *box) []*box {
	last := map[string]*box{}
	for _, b := range a.boxes {
		if !b.gone || !strings.HasPrefix(b.Name, root.Name+string(mail.Delimiter)) || root.goneAt.Sub(b.goneAt).Abs() > treeSpan {
			continue
		}
		if o := last[b.Name]; o == nil || o.goneSeq < b.goneSeq || o.goneSeq == b.goneSeq && o.ID < b.ID {
			last[b.Name] = b
		}
	}
	var list []*box
	for _, b := range last {
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b *box) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// RestoreAccount brings a removed account back.
func (s *Store) RestoreAccount(_ context.Context, id mail.AccountID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.removed[id]
	switch {
	case s.closed:
		return mail.ErrClosed
	case s.accounts[id] != nil:
		return nil
	case a == nil:
		return mail.ErrNoAccount
	case s.over(a.goneAt), len(a.boxes) == 0:
		return mail.ErrGone
	}
	a.gone = false
	a.begin()
	delete(s.removed, id)
	s.accounts[id] = a
	a.wake()
	return nil
}

// RemovedAccounts lists the removed accounts that can be put back.
func (s *Store) RemovedAccounts(context.Context) ([]mail.RemovedAccount, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, mail.ErrClosed
	}
	var list []mail.RemovedAccount
	for id, a := range s.removed {
		if !s.over(a.goneAt) && len(a.boxes) > 0 {
			list = append(list, mail.RemovedAccount{ID: id, At: a.goneAt, Until: a.goneAt.Add(retention)})
		}
	}
	slices.SortFunc(list, func(a, b mail.RemovedAccount) int { return cmp.Compare(a.ID, b.ID) })
	return list, nil
}

// Traced gives the trace IDs of messages that stand or stood at these places.
func (h *Account) Traced(_ context.Context, places []mail.Place) (list []mail.Traced, err error) {
	err = h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	for _, p := range places {
		m := h.a.boxes[p.Mailbox]
		if m == nil {
			continue
		}
		all := m.lost()
		for _, e := range m.entries {
			all = append(all, expunged{entry: *e})
		}
		if i := slices.IndexFunc(all, func(e expunged) bool { return e.UID == p.UID && !e.ID.IsZero() }); i >= 0 {
			list = append(list, mail.Traced{ID: all[i].ID, UID: p.UID})
		}
	}
	return list, nil
}
