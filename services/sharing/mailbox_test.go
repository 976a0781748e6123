package sharing

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestMailboxes: others' mailboxes are listed with l, found with any right, and show
// what is everybody's.
func TestMailboxes(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 1, 2, 3)
	a, b := o.open(1), o.open(2)
	if got := o.names(b); got != "" {
		t.Errorf("nothing is shared, and seen is %s", got)
	}
	before, err := b.Mailboxes(o.ctx)
	o.ok(err)
	for _, name := range []string{"Plans", "Plans/2026", "Plans/secret"} {
		_, err := a.CreateMailbox(o.ctx, name, mail.RoleNone)
		o.ok(err)
	}
	o.fill(1, "Plans", mail.Flags{}, 3)
	o.ok(a.Annotate(o.ctx, o.mailbox(1, "Plans"), []mail.Annotation{{Name: "/private/comment", Value: "mine"}, {Name: "/shared/comment", Value: "ours"}}))
	plans := o.give(1, "Plans", 2, "lr")
	year := o.give(1, "Plans/2026", 0, "l")
	inbox := o.give(1, "INBOX", 2, "r")
	o.give(1, "Drafts", 2, "lr")
	o.give(3, "INBOX", 2, "lrs")
	want := "Other Users/a@x.test/Drafts Other Users/a@x.test/Plans Other Users/a@x.test/Plans/2026 Other Users/c@x.test/INBOX"
	if got := o.names(b); got != want {
		t.Errorf("seen is %s; want %s", got, want)
	}
	if got, want := o.names(o.open(3)), "Other Users/a@x.test/Plans/2026"; got != want {
		t.Errorf("a third one sees %s; want %s", got, want)
	}
	all, err := b.Mailboxes(o.ctx)
	o.ok(err)
	own := slices.DeleteFunc(slices.Clone(all), func(m mail.Mailbox) bool { return b.Foreign(m.ID) })
	if !slices.Equal(own, before) || !slices.IsSortedFunc(all, func(x, y mail.Mailbox) int { return strings.Compare(x.Name, y.Name) }) {
		t.Errorf("among others' the own ones are %v", own)
	}
	m, err := b.Mailbox(o.ctx, "Other Users/a@x.test/Plans")
	o.ok(err)
	if m.ID != plans || m.Total != 3 || m.Unseen != 3 || m.Role != mail.RoleNone || m.Subscribed {
		t.Errorf("Plans is %+v", m)
	}
	if _, private := m.Annotations.Get("/private/comment"); private || m.Annotations.Size() == 0 {
		t.Error("a private annotation is shown, or one that is not private isn't")
	}
	if m, err := b.MailboxByID(o.ctx, year); err != nil || m.Total != 0 || m.HighestModSeq != 0 || m.Annotations.Size() != 0 || m.Name != "Other Users/a@x.test/Plans/2026" {
		t.Errorf("without r: %+v, %v", m, err)
	}
	if m, err := b.Mailbox(o.ctx, "Other Users/a@x.test/inBox"); err != nil || m.ID != inbox || m.Name != "Other Users/a@x.test/INBOX" || m.Role != mail.RoleNone {
		t.Errorf("INBOX without l: %+v, %v", m, err)
	}
	for _, name := range []string{"Other Users", "Other Users/", "Other Users/a@x.test", "Other Users/a@x.test/", "Other Users/a@x.test/Plans/secret", "Other Users/a@x.test/Sent", "Other Users/d@x.test/INBOX",
		"Other Users/b@x.test/INBOX", "Other Users//INBOX", "other users/a@x.test/Plans", "Other Users/a@x.testPlans"} {
		_, err := b.Mailbox(o.ctx, name)
		o.want(name, err, mail.ErrNoMailbox)
	}
	own1 := o.mailbox(2, "INBOX")
	for _, id := range []mail.MailboxID{others(1, o.mailbox(1, "Sent")), others(2, own1), others(1, mail.MailboxID(99)), 1 << ownBits, 3<<ownBits | 99, 77<<ownBits | 1, ^mail.MailboxID(0)} {
		_, err := b.MailboxByID(o.ctx, id)
		o.want(id.String(), err, mail.ErrNoMailbox)
	}
}

// TestSubscriptions: the list is one's own, and l is needed to be put on it.
func TestSubscriptions(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 1, 2)
	b := o.open(2)
	o.give(1, "INBOX", 2, "lr")
	o.give(1, "Sent", 2, "r")
	name := "Other Users/a@x.test/INBOX"
	o.ok(b.Subscribe(o.ctx, name, true))
	o.want("without l", b.Subscribe(o.ctx, "Other Users/a@x.test/Sent", true), mail.ErrNoMailbox)
	o.want("nothing there", b.Subscribe(o.ctx, "Other Users/a@x.test/None", true), mail.ErrNoMailbox)
	m, err := b.Mailbox(o.ctx, name)
	o.ok(err)
	if names, err := b.Subscriptions(o.ctx); err != nil || !slices.Contains(names, name) || !m.Subscribed {
		t.Errorf("subscribed: %q, %v, %v", names, m.Subscribed, err)
	}
	if names, err := o.open(1).Subscriptions(o.ctx); err != nil || slices.ContainsFunc(names, func(s string) bool { return strings.HasPrefix(s, "Other") }) {
		t.Errorf("the owner's are %q, %v", names, err)
	}
	o.give(1, "INBOX", 2, "")
	o.ok(b.Subscribe(o.ctx, name, false))
}

// TestCreate: who may make mailboxes below one sees what he made, as all do who see
// that one; and nothing else is made.
func TestCreate(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 1, 2, 3)
	a, b := o.open(1), o.open(2)
	_, err := a.CreateMailbox(o.ctx, "Plans", mail.RoleNone)
	o.ok(err)
	_, err = a.CreateMailbox(o.ctx, "Plans/hidden", mail.RoleNone)
	o.ok(err)
	o.give(1, "Plans", 2, "lrk")
	o.give(1, "Plans", 3, "lr")
	o.give(1, "INBOX", 2, "lr")
	m, err := b.CreateMailbox(o.ctx, "Other Users/a@x.test/Plans/new/deep", mail.RoleNone)
	o.ok(err)
	if m.Name != "Other Users/a@x.test/Plans/new/deep" || m.ID != others(1, o.mailbox(1, "Plans/new/deep")) {
		t.Errorf("made: %+v", m)
	}
	for who, want := range map[mail.AccountID]string{2: "INBOX Plans Plans/new Plans/new/deep", 3: "Plans Plans/new Plans/new/deep"} {
		if got := strings.ReplaceAll(o.names(o.open(who)), "Other Users/a@x.test/", ""); got != want {
			t.Errorf("%d sees %s; want %s", who, got, want)
		}
	}
	for name, want := range map[string]error{
		"Plans/new": mail.ErrMailboxExists, "Plans/hidden": mail.ErrMailboxExists, "Plans/hidden/x": mail.ErrNoRight, "INBOX/x": mail.ErrNoRight, "Sent/x": mail.ErrNoRight,
		"Top": mail.ErrNoRight, "Sent": mail.ErrNoRight, "None/x": mail.ErrNoRight, "": mail.ErrMailboxName, "Plans//x": mail.ErrMailboxName,
	} {
		_, err := b.CreateMailbox(o.ctx, "Other Users/a@x.test/"+name, mail.RoleNone)
		o.want(name, err, want)
	}
	_, err = b.CreateMailbox(o.ctx, "Other Users/a@x.test/Plans/sent", mail.RoleSent)
	o.want("with a use", err, mail.ErrNoRight)
	for _, name := range []string{"Other Users", "Other Users/x", "Other Users/b@x.test/x", "Other Users/c@x.test/INBOX/x", "Other Users/z@x.test/x"} {
		_, err := b.CreateMailbox(o.ctx, name, mail.RoleNone)
		o.want(name, err, mail.ErrNoRight)
	}
	o.book.most = len(o.book.given)
	if _, err := b.CreateMailbox(o.ctx, "Other Users/a@x.test/Plans/more", mail.RoleNone); err == nil {
		t.Error("a mailbox is made for which there can be no grants")
	}
	if _, err := a.Mailbox(o.ctx, "Plans/more"); err == nil {
		t.Error("a mailbox without its grants stays")
	}
}

// TestRenameAndDelete: x, and k at the new place; the grants go with the mailbox.
func TestRenameAndDelete(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 1, 2, 3)
	a, b := o.open(1), o.open(2)
	for _, name := range []string{"Plans", "Plans/a", "Plans/a/child", "Old", "Fixed"} {
		_, err := a.CreateMailbox(o.ctx, name, mail.RoleNone)
		o.ok(err)
	}
	const at = "Other Users/a@x.test/"
	id := o.give(1, "Plans/a", 2, "lrx")
	o.give(1, "Plans", 2, "lrk")
	o.give(1, "Old", 2, "lr")
	fixed := o.give(1, "Fixed", 2, "lrsk")
	inbox := o.give(1, "INBOX", 2, "lrswipkxtea")
	o.give(3, "INBOX", 2, "lrswipkxtea")
	mine := o.mailbox(2, "Archive")
	for what, err := range map[string]error{
		"without x": b.RenameMailbox(o.ctx, fixed, at+"Plans/b"), "without k there": b.RenameMailbox(o.ctx, id, at+"Old/a"), "to the top": b.RenameMailbox(o.ctx, id, at+"Top"),
		"to another": b.RenameMailbox(o.ctx, id, "Other Users/c@x.test/INBOX/a"), "to the own": b.RenameMailbox(o.ctx, id, "Mine"), "INBOX": b.RenameMailbox(o.ctx, inbox, at+"Plans/inbox"),
		"own to another": b.RenameMailbox(o.ctx, mine, at+"Plans/mine"), "own to the level": b.RenameMailbox(o.ctx, mine, "Other Users"),
		"delete without x": b.DeleteMailbox(o.ctx, fixed),
	} {
		o.want(what, err, mail.ErrNoRight)
	}
	o.want("onto itself", b.RenameMailbox(o.ctx, id, at+"Plans/a"), mail.ErrMailboxExists)
	o.want("into itself", b.RenameMailbox(o.ctx, id, at+"Plans/a/b/c"), mail.ErrMailboxName)
	o.want("delete INBOX", b.DeleteMailbox(o.ctx, inbox), mail.ErrMailboxInUse)
	o.ok(b.RenameMailbox(o.ctx, id, at+"Plans/level/b"))
	if m, err := b.MailboxByID(o.ctx, id); err != nil || m.Name != at+"Plans/level/b" {
		t.Errorf("renamed: %+v, %v", m, err)
	}
	o.mailbox(1, "Plans/level/b/child") // has gone with it
	o.ok(a.RenameMailbox(o.ctx, o.mailbox(1, "Plans/level/b"), "Moved"))
	if got, want := strings.ReplaceAll(o.names(b), at, ""), "Fixed INBOX Moved Old Plans Plans/level Other Users/c@x.test/INBOX"; got != want {
		t.Errorf("after the owner renamed it: %s; want %s", got, want)
	}
	o.ok(b.DeleteMailbox(o.ctx, id))
	_, err := b.MailboxByID(o.ctx, id)
	o.want("deleted", err, mail.ErrNoMailbox)
	owner, err := o.store.Account(o.ctx, 1)
	o.ok(err)
	_, own := whose(id)
	_, err = owner.RestoreMailbox(o.ctx, own)
	o.ok(err)
	if m, err := b.MailboxByID(o.ctx, id); err != nil || m.Name != at+"Moved" {
		t.Errorf("put back: %+v, %v", m, err)
	}
}

// TestOldNames: own mailboxes of such names, of before there was sharing, stay in use.
func TestOldNames(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 1, 2)
	store, err := o.store.Account(o.ctx, 2)
	o.ok(err)
	old, err := store.CreateMailbox(o.ctx, "Other Users/a@x.test/INBOX", mail.RoleNone)
	o.ok(err)
	o.give(1, "INBOX", 2, "lr")
	o.give(1, "Sent", 2, "lr")
	b := o.open(2)
	if m, err := b.Mailbox(o.ctx, "Other Users/a@x.test/INBOX"); err != nil || m.ID != old.ID {
		t.Errorf("the own one is %+v, %v; want %v", m, err, old)
	}
	if got, want := o.names(b), "Other Users/a@x.test/Sent"; got != want {
		t.Errorf("beside it there is %s; want %s", got, want)
	}
	o.ok(b.RenameMailbox(o.ctx, old.ID, "Mine"))
	if m, err := b.Mailbox(o.ctx, "Other Users/a@x.test/INBOX"); err != nil || !b.Foreign(m.ID) {
		t.Errorf("after it was renamed: %+v, %v", m, err)
	}
}

// TestOtherIsOut: an account that can't be opened leaves the others in the list.
func TestOtherIsOut(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 1, 2, 3)
	o.give(1, "INBOX", 2, "lr")
	o.give(3, "INBOX", 2, "lr")
	open := o.shares.opt.Open
	o.shares.opt.Open = func(ctx context.Context, id mail.AccountID) (Mail, error) {
		if id == 1 {
			return nil, fmt.Errorf("the disk is unwell")
		}
		return open(ctx, id)
	}
	b := o.open(2)
	if got, want := o.names(b), "Other Users/c@x.test/INBOX"; got != want {
		t.Errorf("left is %s; want %s", got, want)
	}
	if list, err := b.Mailboxes(o.ctx); err != nil || len(list) != 1+len(mail.FirstMailboxes()) {
		t.Errorf("list of %d, %v", len(list), err)
	}
}
