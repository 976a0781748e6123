package imapd

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// notifier is what a session tells of its own accord after NOTIFY, and what its
// client knows already: some 70 bytes and the name for each mailbox.
type notifier struct {
	watch *mail.Watch // nil after NOTIFY NONE

	selected  eventSet    // of the selected mailbox
	immediate bool        // its removals too: SELECTED, not SELECTED-DELAYED
	items     []fetchItem // to tell of each new message there

	groups        []eventGroup // of the other mailboxes
	known         []knownMailbox
	subscriptions []string       // by name; only if they are asked for
	due           bool           // something has happened that was not looked at yet
	current       mail.MailboxID // that was selected when it was looked at last
}

// knownMailbox is a mailbox as the client knows it.
type knownMailbox struct {
	id            mail.MailboxID
	name          string
	modSeq        mail.ModSeq
	notes         mail.Annotations
	uidNext       mail.UID
	total, unseen uint32
	subscribed    bool
}

// knownOf takes mailboxes down, by number.
func knownOf(mailboxes []mail.Mailbox) []knownMailbox {
	known := make([]knownMailbox, len(mailboxes))
	for i := range mailboxes {
		m := &mailboxes[i]
		known[i] = knownMailbox{id: m.ID, name: m.Name, uidNext: m.UIDNext, modSeq: m.HighestModSeq, total: m.Total, unseen: m.Unseen, subscribed: m.Subscribed, notes: m.Annotations}
	}
	slices.SortFunc(known, func(a, b knownMailbox) int { return cmp.Compare(a.id, b.id) })
	return known
}

// findKnown is one of a list, nil if it is not there.
func findKnown(known []knownMailbox, id mail.MailboxID) *knownMailbox {
	i, found := slices.BinarySearchFunc(known, id, func(k knownMailbox, id mail.MailboxID) int { return cmp.Compare(k.id, id) })
	if !found {
		return nil
	}
	return &known[i]
}

// withhold keeps what the client knew of a mailbox that may not be read just now, so
// that the difference is told when it may be. Of one that it has never heard of it
// knows no message.
func (k *knownMailbox) withhold(old *knownMailbox) {
	if old == nil {
		k.uidNext, k.total, k.unseen = 1, 0, 0
		return
	}
	k.uidNext, k.modSeq, k.total, k.unseen, k.notes = old.uidNext, old.modSeq, old.total, old.unseen, old.notes
}

// events are those that are wanted of a mailbox as one that is not selected. Where
// several groups mean it, all of them count (RFC 5465 §6).
func (n *notifier) events(name string, subscribed bool) eventSet {
	all := eventSet(0)
	for i := range n.groups {
		if n.groups[i].filter.matches(name, subscribed) {
			all |= n.groups[i].events
		}
	}
	return all
}

// wants reports whether an event is asked for anywhere.
func (n *notifier) wants(event eventSet) bool {
	return n.selected&event != 0 || slices.ContainsFunc(n.groups, func(g eventGroup) bool { return g.events&event != 0 })
}

// notifying reports whether the session tells things of its own accord.
func (s *session) notifying() bool { return s.notify != nil && s.notify.watch != nil }

// muted reports whether the client has said that it does not want to hear what
// happens in the selected mailbox: it is told what its own commands do.
func (s *session) muted() bool { return s.notify != nil && s.notify.selected&messageNew == 0 }

// deaf reports whether the client does not want to hear of flags that others change.
func (s *session) deaf() bool { return s.notify != nil && s.notify.selected&flagChange == 0 }

// stopNotify gives up what was asked for.
func (s *session) stopNotify() {
	if s.notifying() {
		s.notify.watch.Close()
	}
	s.notify = nil
}

// current is the selected mailbox, 0 if there is none.
func (s *session) current() mail.MailboxID {
	if s.view == nil {
		return 0
	}
	return s.view.mailbox
}

// news tells what has happened: in the selected mailbox, and wherever NOTIFY has
// asked to be told.
func (s *session) news(ctx context.Context, expunge bool) error {
	if s.notifying() {
		// Looked at before the selected mailbox is: what comes later wakes again.
		select {
		case <-s.notify.watch.C:
			s.notify.due = true
		default:
		}
	}
	switch {
	case s.view == nil:
	case s.muted():
		s.view.behind = s.view.behind || len(s.view.told) > 0
		s.view.told = nil
	default:
		if err := s.update(ctx, expunge); err != nil {
			return err
		}
	}
	if !s.notifying() || s.ending {
		return nil
	}
	return s.tellElsewhere(ctx)
}

// awaitCommand waits for the client's next command, telling what happens until it
// comes.
func (s *session) awaitCommand(ctx context.Context) error {
	if !s.notifying() || s.r.Buffered() > 0 {
		return s.r.Wait()
	}
	return s.push(ctx, s.notify.watch.C, s.r.Wait, func(ctx context.Context) error { return s.pushed(ctx, s.notify.immediate) })
}

// pushed is news when the session has been woken.
func (s *session) pushed(ctx context.Context, expunge bool) error {
	if s.notifying() {
		s.notify.due = true
	}
	s.toldModSeq = false
	err := s.news(ctx, expunge)
	if err == nil && s.toldModSeq {
		s.tellUntold(false) // removals that wait may be older than what was just told
	}
	return err
}

// fetchUnasked tells items of messages, and their UIDs, that nobody has asked for
// just now. They do not become \Seen by that.
func (s *session) fetchUnasked(ctx context.Context, items []fetchItem, set mail.UIDSet) error {
	if len(items) == 0 || len(set) == 0 {
		return nil
	}
	c := fetch{byUID: true, items: items}
	if !s.uidOnly && !c.asks("UID") {
		c.items = slices.Insert(slices.Clone(items), 0, fetchItem{name: "UID"})
	}
	s.toldModSeq = s.toldModSeq || c.asks("MODSEQ")
	run := fetchRun{fetch: c, session: s}
	run.plan()
	run.setsSeen = false
	return run.all(ctx, set)
}

// tellElsewhere compares all mailboxes with what the client knows of them, and
// tells the difference.
func (s *session) tellElsewhere(ctx context.Context) error {
	n, current := s.notify, s.current()
	if len(n.groups) == 0 || !n.due && n.current == current {
		return nil
	}
	mailboxes, err := s.account.Mailboxes(ctx)
	if err != nil {
		return fmt.Errorf("list mailboxes that are watched: %w", err)
	}
	if len(mailboxes) > maxNotified {
		// RFC 5465 §5.8
		s.untagged("NOTIFICATIONOVERFLOW", "There are too many mailboxes to be watched")
		s.stopNotify()
		s.notify = new(notifier)
		return nil
	}
	now := knownOf(mailboxes)
	if n.wants(mailboxNameChange) || n.wants(subscriptionChange) {
		if err := s.tellNames(ctx, mailboxes, now); err != nil {
			return err
		}
	}
	for i := range mailboxes {
		readable, err := s.readable(ctx, mailboxes[i].ID)
		if err != nil {
			return err
		}
		if !readable {
			findKnown(now, mailboxes[i].ID).withhold(findKnown(n.known, mailboxes[i].ID))
			continue
		}
		s.tellAnnotations(&mailboxes[i])
		if err := s.tellMailbox(ctx, &mailboxes[i], findKnown(now, mailboxes[i].ID)); err != nil {
			return err
		}
	}
	n.known, n.due, n.current = now, false, current
	return nil
}

// tellMailbox tells with STATUS what has happened to the messages of a mailbox that
// is not selected. The selected one stays as it was where its view has not got to
// the same point: the rest is told when another is selected.
func (s *session) tellMailbox(ctx context.Context, m *mail.Mailbox, now *knownMailbox) error {
	old := findKnown(s.notify.known, m.ID)
	if old == nil {
		old = &knownMailbox{uidNext: 1}
		if m.UIDNext <= 1 {
			old = now // a new one with nothing in it
		}
	}
	if m.ID == s.current() {
		if m.HighestModSeq > s.view.until {
			now.uidNext, now.modSeq, now.total, now.unseen = old.uidNext, old.modSeq, old.total, old.unseen
		}
		return nil
	}
	if items := s.changedItems(s.notify.events(m.Name, m.Subscribed), old, now); len(items) > 0 {
		return s.writeStatus(ctx, *m, items)
	}
	return nil
}

// changedItems are those of the STATUS response that tells what has happened (RFC
// 5465 §5.1 to §5.3).
func (s *session) changedItems(wanted eventSet, old, now *knownMailbox) []statusItem {
	if wanted&messageEvents == 0 || now.modSeq == old.modSeq && now.uidNext == old.uidNext && now.total == old.total {
		return nil
	}
	var items []statusItem
	if moved := now.uidNext != old.uidNext || now.total != old.total; moved {
		items = append(items, "UIDNEXT", "MESSAGES")
		if s.condstore {
			items = append(items, "HIGHESTMODSEQ")
		}
		if wanted&flagChange == 0 || now.unseen == old.unseen {
			return items
		}
	}
	if wanted&flagChange == 0 {
		return items
	}
	items = append(items, "UIDVALIDITY")
	if !slices.Contains(items, "HIGHESTMODSEQ") {
		items = append(items, "HIGHESTMODSEQ")
	}
	if now.unseen != old.unseen {
		items = append(items, "UNSEEN")
	}
	return items
}

// tellNames tells which mailboxes have come, gone or been renamed, and which
// subscriptions (RFC 5465 §5.4, §5.5), all with attributes as they are now.
func (s *session) tellNames(ctx context.Context, mailboxes []mail.Mailbox, now []knownMailbox) error {
	n := s.notify
	changed := s.changedNames(mailboxes, now)
	subscriptions := n.subscriptions
	if n.wants(subscriptionChange) {
		var err error
		if subscriptions, err = s.account.Subscriptions(ctx); err != nil {
			return fmt.Errorf("list subscriptions that are watched: %w", err)
		}
		changed = append(changed, n.changedSubscriptions(subscriptions, changed)...)
	}
	if len(changed) == 0 {
		return nil
	}
	entries, err := s.entries(ctx, true)
	if err != nil {
		return err
	}
	n.subscriptions = subscriptions
	for _, c := range changed {
		e := entries[c.name]
		if e == nil {
			e = &entry{name: c.name}
		}
		s.listStart("LIST", e, e.attributes(true, c.absent()))
		if c.old != "" {
			s.w.Raw(` ("OLDNAME" (`)
			s.w.Mailbox(c.old)
			s.w.Raw("))")
		}
		s.w.CRLF()
	}
	return nil
}

// changedName is a name of which something is to be told; old is what its mailbox
// was called before, if it has been renamed.
type changedName struct {
	name, old string
	foreign   bool // and no longer seen
}

// absent is what the name is called if there is no mailbox. That somebody else's is not
// seen any more can have both reasons, and it would not do to say which: it has no more
// than \NoAccess (RFC 5465 §5.4).
func (c changedName) absent() string {
	if c.foreign {
		return `\NoAccess`
	}
	return `\NonExistent`
}

// changedNames are those that are different from what the client knows.
func (s *session) changedNames(mailboxes []mail.Mailbox, now []knownMailbox) []changedName {
	n, changed := s.notify, []changedName(nil)
	for i := range n.known {
		old := &n.known[i]
		if findKnown(now, old.id) == nil && n.events(old.name, old.subscribed)&mailboxNameChange != 0 &&
			!slices.ContainsFunc(now, func(k knownMailbox) bool { return k.name == old.name }) {
			changed = append(changed, changedName{name: old.name, foreign: s.foreign(old.id)})
		}
	}
	for i := range mailboxes {
		m := &mailboxes[i]
		old := findKnown(n.known, m.ID)
		switch {
		case old == nil:
			if n.events(m.Name, m.Subscribed)&mailboxNameChange != 0 {
				changed = append(changed, changedName{name: m.Name})
			}
		case old.name != m.Name:
			if (n.events(m.Name, m.Subscribed)|n.events(old.name, old.subscribed))&mailboxNameChange != 0 {
				changed = append(changed, changedName{name: m.Name, old: old.name})
			}
		}
	}
	return changed
}

// changedSubscriptions are the names that have come onto the list of subscriptions
// or gone from it, but for those of which something is told anyway.
func (n *notifier) changedSubscriptions(subscriptions []string, told []changedName) []changedName {
	var changed []changedName
	for _, name := range difference(n.subscriptions, subscriptions) {
		twice := slices.ContainsFunc(told, func(c changedName) bool { return c.name == name })
		if !twice && n.events(name, true)&subscriptionChange != 0 {
			changed = append(changed, changedName{name: name})
		}
	}
	return changed
}

// difference is what stands in one of two lists only, in order.
func difference(a, b []string) []string {
	in := make(map[string]int, len(a))
	for _, name := range a {
		in[name] |= 1
	}
	for _, name := range b {
		in[name] |= 2
	}
	var only []string
	for name, where := range in {
		if where != 3 {
			only = append(only, name)
		}
	}
	slices.Sort(only)
	return only
}
