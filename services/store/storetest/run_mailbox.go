package storetest

import (
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

func (o *office[A]) names() []string {
	o.Helper()
	list, err := o.a.Mailboxes(o.ctx)
	o.ok(err)
	var names []string
	for _, m := range list {
		names = append(names, m.Name)
	}
	return names
}

// wantNames checks the mailboxes besides the first ones.
func (o *office[A]) wantNames(want ...string) {
	o.Helper()
	for _, m := range mail.FirstMailboxes() {
		want = append(want, m.Name)
	}
	slices.Sort(want)
	if got := o.names(); !slices.Equal(got, want) {
		o.Errorf("mailboxes are %q; want %q", got, want)
	}
}

func testCreate[A Account](o *office[A]) {
	m := o.create("Projects/2026/Sanduk")
	o.wantNames("Projects", "Projects/2026", "Projects/2026/Sanduk")
	if m.Subscribed || m.UIDNext != 1 || m.Name != "Projects/2026/Sanduk" {
		o.Errorf("new mailbox is %+v", m)
	}
	if p := o.mailbox("Projects"); p.UIDValidity == m.UIDValidity || p.ID >= m.ID {
		o.Errorf("parent %+v and child %+v", p, m)
	}
	for name, want := range map[string]error{
		"Projects": mail.ErrMailboxExists, "iNbOx": mail.ErrMailboxExists, "": mail.ErrMailboxName,
		"a//b": mail.ErrMailboxName, "x\ny": mail.ErrMailboxName,
	} {
		_, err := o.a.CreateMailbox(o.ctx, name, mail.RoleNone)
		o.want(err, want)
	}
	_, err := o.a.CreateMailbox(o.ctx, "Spam", mail.RoleJunk)
	o.want(err, mail.ErrMailboxExists)
	all, err := o.a.CreateMailbox(o.ctx, "inbox/All", mail.RoleAll)
	o.ok(err)
	if all.Name != "INBOX/All" || all.Role != mail.RoleAll {
		o.Errorf("new mailbox is %+v", all)
	}
}

func testRename[A Account](o *office[A]) {
	top, leaf := o.create("a"), o.create("a/b/c")
	o.create("ab")
	o.fill(leaf.ID, 2)
	o.ok(o.a.RenameMailbox(o.ctx, top.ID, "x/y"))
	o.wantNames("ab", "x", "x/y", "x/y/b", "x/y/b/c")
	if m := o.mailbox("x/y/b/c"); m.ID != leaf.ID || m.UIDValidity != leaf.UIDValidity || m.Total != 2 {
		o.Errorf("renamed child is %+v; was %+v", m, leaf)
	}
	o.want(o.a.RenameMailbox(o.ctx, top.ID, "x/y/b/z"), mail.ErrMailboxName)
	o.want(o.a.RenameMailbox(o.ctx, top.ID, "ab"), mail.ErrMailboxExists)
	o.want(o.a.RenameMailbox(o.ctx, top.ID, "x/y"), mail.ErrMailboxExists)
	o.want(o.a.RenameMailbox(o.ctx, top.ID, "q//r"), mail.ErrMailboxName)
	o.want(o.a.RenameMailbox(o.ctx, 999, "q"), mail.ErrNoMailbox)
	// What a child would become is taken, though the new name itself is free.
	o.ok(o.a.DeleteMailbox(o.ctx, o.create("z/b").ID))
	o.ok(o.a.DeleteMailbox(o.ctx, o.mailbox("z").ID))
	o.create("z/b")
	o.ok(o.a.DeleteMailbox(o.ctx, o.mailbox("z").ID))
	o.want(o.a.RenameMailbox(o.ctx, top.ID, "z"), mail.ErrMailboxExists)
	long := strings.Repeat("n", mail.MaxMailboxName)
	o.want(o.a.RenameMailbox(o.ctx, top.ID, long), mail.ErrMailboxName) // the children's names would be too long
	// A role goes along.
	sent := o.mailbox("Sent")
	o.ok(o.a.RenameMailbox(o.ctx, sent.ID, "Gesendet"))
	if m := o.mailbox("Gesendet"); m.Role != mail.RoleSent || m.Subscribed {
		o.Errorf("renamed Sent is %+v", m)
	}
	o.create("a") // the name is free again
	if m := o.mailbox("a"); m.ID == top.ID || m.UIDValidity == top.UIDValidity {
		o.Errorf("a mailbox made under an old name is %+v; the old one was %+v", m, top)
	}
}

func testRenameInbox[A Account](o *office[A]) {
	child := o.create("INBOX/child")
	o.fill(o.inbox.ID, 3, `\Seen`)
	o.ok(o.a.RenameMailbox(o.ctx, o.inbox.ID, "Old/2025"))
	o.wantNames("INBOX/child", "Old", "Old/2025")
	o.wantUIDs(o.inbox.ID)
	m := o.mailbox("Old/2025")
	o.wantUIDs(m.ID, 1, 2, 3)
	if in := o.mailbox("INBOX"); in.ID != o.inbox.ID || in.UIDNext != 4 || in.Role != mail.RoleInbox || m.Role != mail.RoleNone {
		o.Errorf("INBOX is %+v, what it was renamed to %+v", in, m)
	}
	if c := o.mailbox("INBOX/child"); c.ID != child.ID {
		o.Errorf("child of INBOX is %+v", c)
	}
	if got := o.read(m.ID, 2); !strings.Contains(got, "number 1") {
		o.Errorf("message 2 is %q", got)
	}
	if c := o.changes(o.inbox.ID, 0); c.Vanished.String() != "1:3" {
		o.Errorf("INBOX's changes are %+v", c)
	}
	o.ok(o.a.RenameMailbox(o.ctx, o.inbox.ID, "Empty")) // an empty INBOX may be renamed too
	o.wantUIDs(o.mailbox("Empty").ID)
}

func testDelete[A Account](o *office[A]) {
	parent, child := o.create("p"), o.create("p/c")
	o.fill(parent.ID, 2)
	since := o.changes(parent.ID, 0).Until
	o.ok(o.a.DeleteMailbox(o.ctx, parent.ID))
	o.wantNames("p/c")
	_, err := o.a.Mailbox(o.ctx, "p")
	o.want(err, mail.ErrNoMailbox)
	_, _, err = o.a.UIDs(o.ctx, parent.ID)
	o.want(err, mail.ErrNoMailbox)
	_, err = o.a.Open(o.ctx, parent.ID, 1)
	o.want(err, mail.ErrNoMailbox)
	o.want(o.a.DeleteMailbox(o.ctx, parent.ID), mail.ErrNoMailbox)
	o.want(o.a.DeleteMailbox(o.ctx, o.inbox.ID), mail.ErrMailboxInUse)
	if c := o.changes(parent.ID, since); !c.Gone || c.Until <= since {
		o.Errorf("changes of a deleted mailbox are %+v", c)
	}
	_, err = o.a.Changes(o.ctx, 999, 0)
	o.want(err, mail.ErrNoMailbox)
	for _, err := range o.a.Rows(o.ctx, parent.ID, Every()) {
		o.want(err, mail.ErrNoMailbox)
	}
	o.create("p")
	if m := o.mailbox("p"); m.ID == parent.ID || m.UIDValidity <= parent.UIDValidity || m.Total != 0 {
		o.Errorf("made again it is %+v; was %+v", m, parent)
	}
	o.ok(o.a.RenameMailbox(o.ctx, child.ID, "c"))
	// A mailbox of a role may go, and mail for it then comes into INBOX.
	o.ok(o.a.DeleteMailbox(o.ctx, o.mailbox("Junk").ID))
	o.deliver(Message("x"), mail.Target{Account: 1, Role: mail.RoleJunk})
	o.wantUIDs(o.inbox.ID, 1)
}

func testSubscribe[A Account](o *office[A]) {
	want := func(extra ...string) {
		o.Helper()
		for _, m := range mail.FirstMailboxes() {
			extra = append(extra, m.Name)
		}
		slices.Sort(extra)
		got, err := o.a.Subscriptions(o.ctx)
		o.ok(err)
		if !slices.Equal(got, extra) {
			o.Errorf("Subscriptions() = %q; want %q", got, extra)
		}
	}
	o.ok(o.a.Subscribe(o.ctx, "not/there", true))
	o.ok(o.a.Subscribe(o.ctx, "not/there", true))
	want("not/there")
	m := o.create("not/there")
	if !m.Subscribed {
		o.Errorf("%+v is not subscribed", m)
	}
	o.ok(o.a.RenameMailbox(o.ctx, m.ID, "elsewhere"))
	want("not/there")
	o.ok(o.a.DeleteMailbox(o.ctx, m.ID))
	want("not/there")
	o.ok(o.a.Subscribe(o.ctx, "not/there", false))
	o.ok(o.a.Subscribe(o.ctx, "never", false))
	want()
	o.want(o.a.Subscribe(o.ctx, "a//b", true), mail.ErrMailboxName)
}
