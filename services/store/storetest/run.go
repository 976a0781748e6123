package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Run is the conformance suite. open gives an empty store and closes (and
// checks) it when the test ends.
func Run[A Account](t *testing.T, open func(t testing.TB) Store[A]) {
	for name, test := range map[string]func(*office[A]){
		"Accounts":       testAccounts[A],
		"FirstMailboxes": testFirstMailboxes[A],
		"Deliver":        testDeliver[A],
		"Append":         testAppend[A],
		"Flags":          testFlags[A],
		"UnchangedSince": testUnchangedSince[A],
		"Copy":           testCopy[A],
		"Expunge":        testExpunge[A],
		"Create":         testCreate[A],
		"Rename":         testRename[A],
		"RenameInbox":    testRenameInbox[A],
		"Delete":         testDelete[A],
		"Subscribe":      testSubscribe[A],
		"Annotate":       testAnnotate[A],
		"CanonicalSize":  testCanonicalSize[A],
		"Changes":        testChanges[A],
		"Watch":          testWatch[A],
		"ChangedSince":   testChangedSince[A],
		"Entries":        testEntries[A],
		"Positions":      testPositions[A],
		"Quota":          testQuota[A],
		"QuotaRace":      testQuotaRace[A],
		"SlowReaders":    testSlowReaders[A],
		"Threads":        testThreads[A],
		"Search":         testSearch[A],
		"Undo":           testUndo[A],
		"UndoList":       testUndoList[A],
		"UndoMailbox":    testUndoMailbox[A],
		"UndoInto":       testUndoInto[A],
		"UndoAccount":    testUndoAccount[A],
		"Expire":         testExpire[A],
		"ExpireMailbox":  testExpireMailbox[A],
		"LargeBody":      testLargeBody[A],
		"Concurrent":     testConcurrent[A],
		"Closed":         testClosed[A],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newOffice(t, open(t)))
		})
	}
}

// want checks that an error is the one expected.
func (o *office[A]) want(err, target error) {
	o.Helper()
	if !errors.Is(err, target) {
		o.Errorf("got error %v; want %v", err, target)
	}
}

func testAccounts[A Account](o *office[A]) {
	o.ok(o.store.CreateAccount(o.ctx, 1)) // again
	_, err := o.store.Account(o.ctx, 2)
	o.want(err, mail.ErrNoAccount)
	env := &mail.Envelope{Received: received()}
	err = o.store.Deliver(o.ctx, env, []mail.Target{{Account: 1}, {Account: 2}}, NewDraft(o, o.spool, Message("x")))
	o.want(err, mail.ErrNoAccount)
	o.wantUIDs(o.inbox.ID) // all or nothing
	o.ok(o.store.CreateAccount(o.ctx, 2))
	second, err := o.store.Account(o.ctx, 2)
	o.ok(err)
	o.ok(o.store.RemoveAccount(o.ctx, 2))
	_, err = o.store.Account(o.ctx, 2)
	o.want(err, mail.ErrNoAccount)
	_, err = second.Mailboxes(o.ctx)
	o.want(err, mail.ErrNoAccount)
	o.want(o.store.RemoveAccount(o.ctx, 2), mail.ErrNoAccount)
	o.want(o.store.CreateAccount(o.ctx, 2), mail.ErrNoAccount)
}

func testFirstMailboxes[A Account](o *office[A]) {
	list, err := o.a.Mailboxes(o.ctx)
	o.ok(err)
	var got, want []string
	for _, m := range list {
		got = append(got, m.Name)
		if !m.Subscribed || m.UIDNext != 1 || m.Total != 0 || m.UIDValidity == 0 || m.ID == 0 || m.HighestModSeq == 0 {
			o.Errorf("new mailbox is %+v", m)
		}
	}
	for _, m := range mail.FirstMailboxes() {
		want = append(want, m.Name)
		if got := o.mailbox(m.Name); got.Role != m.Role {
			o.Errorf("role of %s = %d; want %d", m.Name, got.Role, m.Role)
		}
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		o.Errorf("Mailboxes() = %q; want %q", got, want)
	}
	subscribed, err := o.a.Subscriptions(o.ctx)
	o.ok(err)
	if !slices.Equal(subscribed, want) {
		o.Errorf("Subscriptions() = %q; want %q", subscribed, want)
	}
	if m := o.mailbox("inBOX"); m.ID != o.inbox.ID {
		o.Errorf("Mailbox(inBOX) is %s; want %s", m.ID, o.inbox.ID)
	}
	_, err = o.a.Mailbox(o.ctx, "none")
	o.want(err, mail.ErrNoMailbox)
	_, err = o.a.MailboxByID(o.ctx, 999)
	o.want(err, mail.ErrNoMailbox)
}

func testDeliver[A Account](o *office[A]) {
	o.ok(o.store.CreateAccount(o.ctx, 2))
	b, err := o.store.Account(o.ctx, 2)
	o.ok(err)
	text := Message("hello", "Subject: greetings", "From: a@example.test")
	prefix := "Delivered-To: alice@example.test\r\n"
	o.deliver(text,
		mail.Target{Account: 1, Prefix: []byte(prefix)},
		mail.Target{Account: 2, Role: mail.RoleJunk, Flags: mail.NewFlags(`\Flagged`, "$Junk")},
		mail.Target{Account: 1, Role: mail.RoleAll}, // there is none: INBOX
	)
	o.wantUIDs(o.inbox.ID, 1, 2)
	if got := o.read(o.inbox.ID, 1); got != prefix+text {
		o.Errorf("message 1 is %q; want %q", got, prefix+text)
	}
	if got := o.read(o.inbox.ID, 2); got != text {
		o.Errorf("message 2 is %q; want %q", got, text)
	}
	rows := o.rows(o.inbox.ID)
	first, second := rows[0], rows[1]
	if !first.Internal.Equal(received()) || first.Internal.Format("-0700") != "+0200" {
		o.Errorf("Internal = %v; want %v", first.Internal, received())
	}
	if first.Email == second.Email || first.Thread == 0 || first.ID != second.ID || first.ID.IsZero() || first.ModSeq != second.ModSeq {
		o.Errorf("rows are %+v and %+v", first, second)
	}
	junk, err := b.Mailbox(o.ctx, "Junk")
	o.ok(err)
	for r, err := range b.Rows(o.ctx, junk.ID, Every()) {
		o.ok(err)
		if want := mail.NewFlags(`\Flagged`, "$Junk"); !r.Flags.Equal(want) {
			o.Errorf("Flags = %v; want %v", r.Flags, want)
		}
	}
	if junk.Total != 1 || junk.Unseen != 1 || junk.Size != int64(len(text)) || junk.UIDNext != 2 {
		o.Errorf("Junk is %+v", junk)
	}
	_, err = o.a.Open(o.ctx, o.inbox.ID, 3)
	o.want(err, mail.ErrNoMessage)
	_, err = o.a.Open(o.ctx, 999, 1)
	o.want(err, mail.ErrNoMailbox)
	m, err := o.a.Open(o.ctx, o.inbox.ID, 1)
	o.ok(err)
	defer m.Close()
	d, err := m.Digest()
	o.ok(err)
	if d.Size != int64(len(prefix+text)) || d.Envelope.Subject != "greetings" {
		o.Errorf("digest has size %d and subject %q", d.Size, d.Envelope.Subject)
	}
}

func testAppend[A Account](o *office[A]) {
	texts := []string{Message("one", "Subject: 1"), Message(strings.Repeat("two ", 1000), "Subject: 2"), Message("three")}
	var list []draft.Append
	for i, text := range texts {
		list = append(list, draft.Append{Draft: NewDraft(o, o.spool, text), Flags: mail.NewFlags(`\Seen`, fmt.Sprintf("k%d", i))})
	}
	done, err := o.a.Append(o.ctx, o.inbox.ID, list)
	o.ok(err)
	if !slices.Equal(done.UIDs, []mail.UID{1, 2, 3}) || done.UIDValidity != o.inbox.UIDValidity {
		o.Errorf("Append = %+v", done)
	}
	for i, text := range texts {
		if got := o.read(o.inbox.ID, done.UIDs[i]); got != text {
			o.Errorf("message %d is %q; want %q", i, got, text)
		}
	}
	rows := o.rows(o.inbox.ID)
	if rows[0].ModSeq != rows[2].ModSeq || rows[0].Internal.IsZero() || rows[0].Saved.IsZero() || rows[0].ID == rows[1].ID {
		o.Errorf("rows are %+v", rows)
	}
	if m := o.mailbox("INBOX"); m.Unseen != 0 || m.Total != 3 || m.HighestModSeq != rows[0].ModSeq {
		o.Errorf("INBOX is %+v", m)
	}
	_, err = o.a.Append(o.ctx, 999, list)
	o.want(err, mail.ErrNoMailbox)
	var many []string
	for i := range mail.MaxKeywords + 1 {
		many = append(many, fmt.Sprintf("key%d", i))
	}
	list[2].Flags = mail.NewFlags(many...)
	_, err = o.a.Append(o.ctx, o.inbox.ID, list)
	o.want(err, mail.ErrTooMany)
	o.wantUIDs(o.inbox.ID, 1, 2, 3)
}

func testFlags[A Account](o *office[A]) {
	o.fill(o.inbox.ID, 4)
	set := func(set mail.UIDSet, op mail.FlagOp, names ...string) {
		o.Helper()
		modified, err := o.a.SetFlags(o.ctx, o.inbox.ID, set, op, mail.NewFlags(names...), nil)
		o.ok(err)
		if modified != nil {
			o.Errorf("SetFlags gave %v back without a condition", modified)
		}
	}
	flags := func(want ...string) {
		o.Helper()
		for i, r := range o.rows(o.inbox.ID) {
			if got := strings.Join(r.Flags.Names(), " "); got != want[i] {
				o.Errorf("flags of %d = %q; want %q", r.UID, got, want[i])
			}
		}
	}
	set(mail.SetOf[mail.UID](1, 2), mail.FlagsAdd, `\Seen`, "Work")
	set(mail.SetOf[mail.UID](2, 3, 99), mail.FlagsAdd, `\Deleted`, "play", "WORK")
	flags(`\Seen Work`, `\Seen \Deleted play Work`, `\Deleted play WORK`, "")
	if m := o.mailbox("INBOX"); m.Unseen != 2 || m.Deleted != 2 {
		o.Errorf("INBOX is %+v; want 2 unseen, 2 deleted", m)
	}
	set(mail.SetOf[mail.UID](2), mail.FlagsRemove, `\Seen`, "work", "none")
	flags(`\Seen Work`, `\Deleted play`, `\Deleted play WORK`, "")
	set(Every(), mail.FlagsReplace, `\Answered`)
	flags(`\Answered`, `\Answered`, `\Answered`, `\Answered`)
	before := o.mailbox("INBOX")
	if before.Unseen != 4 || before.Deleted != 0 {
		o.Errorf("INBOX is %+v; want 4 unseen, 0 deleted", before)
	}
	set(Every(), mail.FlagsAdd, `\Answered`) // changes nothing
	set(nil, mail.FlagsAdd, `\Seen`)         // nor does this
	if after := o.mailbox("INBOX"); after != before {
		o.Errorf("INBOX is %+v after a change that changes nothing; want %+v", after, before)
	}
	_, err := o.a.SetFlags(o.ctx, 999, Every(), mail.FlagsAdd, mail.NewFlags(`\Seen`), nil)
	o.want(err, mail.ErrNoMailbox)
}

func testUnchangedSince[A Account](o *office[A]) {
	o.fill(o.inbox.ID, 3)
	since := o.rows(o.inbox.ID)[1].ModSeq
	modified, err := o.a.SetFlags(o.ctx, o.inbox.ID, Every(), mail.FlagsAdd, mail.NewFlags(`\Seen`), &since)
	o.ok(err)
	if got, want := modified.String(), "3"; got != want {
		o.Errorf("modified = %s; want %s", got, want)
	}
	rows := o.rows(o.inbox.ID)
	if !rows[0].Flags.Has(mail.Seen) || !rows[1].Flags.Has(mail.Seen) || rows[2].Flags.Has(mail.Seen) || rows[0].ModSeq != rows[1].ModSeq {
		o.Errorf("rows are %+v", rows)
	}
	zero := mail.ModSeq(0)
	modified, err = o.a.SetFlags(o.ctx, o.inbox.ID, Every(), mail.FlagsAdd, mail.NewFlags(`\Seen`), &zero)
	o.ok(err)
	if got, want := modified.String(), "1:3"; got != want {
		o.Errorf("modified = %s; want %s", got, want)
	}
}

func testCopy[A Account](o *office[A]) {
	o.fill(o.inbox.ID, 4, `\Seen`, "k")
	archive := o.mailbox("Archive")
	done, err := o.a.Copy(o.ctx, o.inbox.ID, mail.SetOf[mail.UID](2, 3, 99), archive.ID)
	o.ok(err)
	if !slices.Equal(done.Source, []mail.UID{2, 3}) || !slices.Equal(done.Target, []mail.UID{1, 2}) || done.UIDValidity != archive.UIDValidity {
		o.Errorf("Copy = %+v", done)
	}
	source, target := o.rows(o.inbox.ID), o.rows(archive.ID)
	if s, t := source[1], target[0]; s.Email != t.Email || s.Thread != t.Thread || !s.Flags.Equal(t.Flags) || !s.Internal.Equal(t.Internal) || t.ModSeq <= s.ModSeq || s.ID != t.ID {
		o.Errorf("copy of %+v is %+v", s, t)
	}
	if got, want := o.read(archive.ID, 1), o.read(o.inbox.ID, 2); got != want {
		o.Errorf("copy reads %q; want %q", got, want)
	}
	moved, err := o.a.Move(o.ctx, o.inbox.ID, mail.SetOf[mail.UID](1, 2), archive.ID)
	o.ok(err)
	if !slices.Equal(moved.Target, []mail.UID{3, 4}) {
		o.Errorf("Move = %+v", moved)
	}
	o.wantUIDs(o.inbox.ID, 3, 4)
	o.wantUIDs(archive.ID, 1, 2, 3, 4)
	again, err := o.a.Move(o.ctx, o.inbox.ID, mail.SetOf[mail.UID](4), o.inbox.ID) // into itself: a new UID
	o.ok(err)
	if !slices.Equal(again.Target, []mail.UID{5}) {
		o.Errorf("Move into itself = %+v", again)
	}
	o.wantUIDs(o.inbox.ID, 3, 5)
	none, err := o.a.Copy(o.ctx, o.inbox.ID, mail.SetOf[mail.UID](77), archive.ID)
	o.ok(err)
	if len(none.Source) != 0 || none.UIDValidity != archive.UIDValidity {
		o.Errorf("Copy of nothing = %+v", none)
	}
	_, err = o.a.Copy(o.ctx, o.inbox.ID, Every(), 999)
	o.want(err, mail.ErrNoMailbox)
	_, err = o.a.Move(o.ctx, 999, Every(), archive.ID)
	o.want(err, mail.ErrNoMailbox)
}

func testExpunge[A Account](o *office[A]) {
	o.fill(o.inbox.ID, 6)
	_, err := o.a.SetFlags(o.ctx, o.inbox.ID, mail.SetOf[mail.UID](2, 3, 5), mail.FlagsAdd, mail.NewFlags(`\Deleted`), nil)
	o.ok(err)
	for _, step := range []struct {
		set         mail.UIDSet
		onlyDeleted bool
		want        string
		left        []mail.UID
	}{
		{nil, false, "", []mail.UID{1, 2, 3, 4, 5, 6}}, // no set can't empty a mailbox
		{mail.UIDSet{}, true, "", []mail.UID{1, 2, 3, 4, 5, 6}},
		{mail.SetOf[mail.UID](1, 2), true, "2", []mail.UID{1, 3, 4, 5, 6}},
		{mail.SetOf[mail.UID](1, 2), false, "1", []mail.UID{3, 4, 5, 6}},
		{nil, true, "3,5", []mail.UID{4, 6}},
		{nil, true, "", []mail.UID{4, 6}},
	} {
		got, err := o.a.Expunge(o.ctx, o.inbox.ID, step.set, step.onlyDeleted)
		o.ok(err)
		if got.String() != step.want {
			o.Errorf("Expunge(%v, %t) = %s; want %s", step.set, step.onlyDeleted, got, step.want)
		}
		o.wantUIDs(o.inbox.ID, step.left...)
	}
	_, err = o.a.Open(o.ctx, o.inbox.ID, 1)
	o.want(err, mail.ErrNoMessage)
	if uids := o.fill(o.inbox.ID, 1); uids[0] != 7 {
		o.Errorf("a new message has UID %d; want 7", uids[0])
	}
	if m := o.mailbox("INBOX"); m.Total != 3 || m.Deleted != 0 {
		o.Errorf("INBOX is %+v", m)
	}
}
