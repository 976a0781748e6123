package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// expunged lists what a query gives, in pages of two.
func (o *office[A]) expunged(q mail.ExpungedQuery) []mail.Expunged {
	o.Helper()
	var all []mail.Expunged
	q.Limit = 2
	for {
		page, err := o.a.Expunged(o.ctx, q)
		o.ok(err)
		all = append(all, page.Messages...)
		if !page.More {
			return all
		}
		q.After = page.Next
	}
}

// wantExpunged checks a list by mailbox name and UID.
func (o *office[A]) wantExpunged(q mail.ExpungedQuery, want ...string) {
	o.Helper()
	var got []string
	for _, e := range o.expunged(q) {
		got = append(got, fmt.Sprintf("%s/%d", e.Name, e.UID))
	}
	if !slices.Equal(got, want) {
		o.Errorf("Expunged(%+v) = %q; want %q", q, got, want)
	}
}

// restored restores and checks the outcomes: the UID now, and what it came to.
func (o *office[A]) restored(into mail.MailboxID, places []mail.Place, want ...mail.Restored) {
	o.Helper()
	got, err := o.a.Restore(o.ctx, places, into)
	o.ok(err)
	for i := range want {
		want[i].Source = places[i]
	}
	if !slices.Equal(got, want) {
		o.Errorf("Restore(%v, %s) =\n%+v; want\n%+v", places, into, got, want)
	}
}

func (o *office[A]) flag(id mail.MailboxID, uid mail.UID, flags ...string) {
	o.Helper()
	_, err := o.a.SetFlags(o.ctx, id, mail.SetOf(uid), mail.FlagsReplace, mail.NewFlags(flags...), nil)
	o.ok(err)
}

func (o *office[A]) expunge(id mail.MailboxID, uids ...mail.UID) {
	o.Helper()
	got, err := o.a.Expunge(o.ctx, id, mail.SetOf(uids...), false)
	o.ok(err)
	if got.Len() != len(uids) {
		o.Fatalf("Expunge(%v) = %s", uids, got)
	}
}

func testUndo[A Account](o *office[A]) {
	in := o.inbox.ID
	at := func(uid mail.UID) mail.Place { return mail.Place{Mailbox: in, UID: uid} }
	o.fill(in, 3, `\Flagged`, "label")
	before := o.rows(in)
	text := o.read(in, 2)
	o.flag(in, 2, `\Flagged`, `\Deleted`, "label")
	o.expunge(in, 2, 3)
	since := o.changes(in, 0).Until
	watch := o.a.Watch()
	defer watch.Close()
	o.restored(0, []mail.Place{at(2)}, mail.Restored{Target: at(4), Outcome: mail.OutcomeBack})
	select {
	case <-watch.C:
	default:
		o.Errorf("nobody was woken")
	}
	o.wantUIDs(in, 1, 4)
	got, want := o.rows(in)[1], before[1]
	if got.Email != want.Email || got.Thread != want.Thread || got.ID != want.ID || got.Size != want.Size ||
		!got.Internal.Equal(want.Internal) || !got.Flags.Equal(want.Flags) || got.Saved.Before(want.Saved) {
		o.Errorf("it came back as %+v; want %+v", got, want)
	}
	if read := o.read(in, 4); read != text {
		o.Errorf("it reads %q; want %q", read, text)
	}
	if c := o.changes(in, since); len(c.Rows) != 1 || c.Rows[0].UID != 4 || c.UIDNext != 5 || len(c.Vanished) != 0 {
		o.Errorf("Changes = %+v", c)
	}
	// Once more: it is there, by whichever name it is asked for.
	o.restored(0, []mail.Place{at(2), at(3), at(4), at(2)},
		mail.Restored{Target: at(4), Outcome: mail.OutcomeThere}, mail.Restored{Target: at(5), Outcome: mail.OutcomeBack},
		mail.Restored{Target: at(4), Outcome: mail.OutcomeThere}, mail.Restored{Target: at(4), Outcome: mail.OutcomeThere})
	o.wantUIDs(in, 1, 4, 5)
	o.wantExpunged(mail.ExpungedQuery{})
	o.wantExpunged(mail.ExpungedQuery{Back: true}, "INBOX/2", "INBOX/3")
	// And away, and back again.
	o.expunge(in, 4)
	o.wantExpunged(mail.ExpungedQuery{}, "INBOX/4", "INBOX/2")
	o.restored(0, []mail.Place{at(2), at(4)}, mail.Restored{Target: at(6), Outcome: mail.OutcomeBack}, mail.Restored{Target: at(6), Outcome: mail.OutcomeThere})
	for _, bad := range []struct {
		place mail.Place
		into  mail.MailboxID
		want  error
	}{
		{mail.Place{Mailbox: 999, UID: 1}, 0, mail.ErrNoMailbox},
		{mail.Place{Mailbox: in, UID: 70}, 0, mail.ErrNoMessage},
		{mail.Place{Mailbox: in}, 0, mail.ErrNoMessage},
		{at(2), 999, mail.ErrNoMailbox},
	} {
		_, err := o.a.Restore(o.ctx, []mail.Place{bad.place}, bad.into)
		o.want(err, bad.want)
	}
	o.wantUIDs(in, 1, 5, 6)
}

func testUndoList[A Account](o *office[A]) {
	in, archive := o.inbox.ID, o.mailbox("Archive").ID
	o.fill(in, 4)
	o.deliver(Message("x", "From: =?utf-8?q?J=C3=BCrgen?= <j@example.test>", "Subject: Angebot"), mail.Target{Account: 1})
	o.fill(archive, 1)
	o.expunge(in, 5)
	o.expunge(in, 1)
	o.expunge(archive, 1)
	_, err := o.a.Move(o.ctx, in, mail.SetOf[mail.UID](3), archive)
	o.ok(err)
	o.expunge(in, 2)
	o.wantExpunged(mail.ExpungedQuery{}, "INBOX/2", "Archive/1", "INBOX/1", "INBOX/5")
	o.wantExpunged(mail.ExpungedQuery{Moved: true}, "INBOX/2", "INBOX/3", "Archive/1", "INBOX/1", "INBOX/5")
	o.wantExpunged(mail.ExpungedQuery{Mailbox: archive}, "Archive/1")
	o.wantExpunged(mail.ExpungedQuery{Mailbox: 999})
	o.wantExpunged(mail.ExpungedQuery{Words: []string{"angeb", "jürg"}}, "INBOX/5")
	o.wantExpunged(mail.ExpungedQuery{Words: []string{"NUMBER 0"}}, "Archive/1", "INBOX/1")
	o.wantExpunged(mail.ExpungedQuery{Words: []string{"number", "nowhere"}})
	all := o.expunged(mail.ExpungedQuery{})
	now := all[0].At
	o.wantExpunged(mail.ExpungedQuery{Since: now.Add(time.Hour)})
	o.wantExpunged(mail.ExpungedQuery{Before: now.Add(-time.Hour)})
	o.wantExpunged(mail.ExpungedQuery{Since: now.Add(-time.Hour), Before: now.Add(time.Hour), Mailbox: archive}, "Archive/1")
	if e := all[3]; e.From != "Jürgen <j@example.test>" || e.Subject != "Angebot" || e.Until.Sub(e.At) != 30*24*time.Hour || e.Moved || e.Back || e.MailboxGone || e.Row.Size == 0 {
		o.Errorf("listed is %+v", e)
	}
	// What goes with its mailbox is listed too.
	box := o.create("box")
	o.fill(box.ID, 3)
	o.expunge(box.ID, 2)
	o.ok(o.a.DeleteMailbox(o.ctx, box.ID))
	o.wantExpunged(mail.ExpungedQuery{Mailbox: box.ID}, "box/1", "box/3", "box/2")
	for _, e := range o.expunged(mail.ExpungedQuery{Mailbox: box.ID}) {
		if !e.MailboxGone {
			o.Errorf("listed is %+v", e)
		}
	}
}

func testUndoMailbox[A Account](o *office[A]) {
	box, child, other := o.create("work"), o.create("work/deep/er"), o.create("workshop")
	deep := o.mailbox("work/deep")
	o.fill(box.ID, 3, `\Seen`)
	o.fill(child.ID, 1)
	o.expunge(box.ID, 2)
	rows := o.rows(box.ID)
	for _, m := range []mail.Mailbox{child, deep, box, other} {
		o.ok(o.a.DeleteMailbox(o.ctx, m.ID))
	}
	list, err := o.a.DeletedMailboxes(o.ctx)
	o.ok(err)
	if len(list) != 4 || list[0].Until.Sub(list[0].At) != 30*24*time.Hour {
		o.Errorf("DeletedMailboxes = %+v", list)
	}
	again := o.create("work") // the name is taken meanwhile
	o.fill(again.ID, 1)
	back, err := o.a.RestoreMailbox(o.ctx, box.ID)
	o.ok(err)
	var names []string
	for _, m := range back {
		names = append(names, m.Name)
	}
	if want := []string{"work (restored)", "work (restored)/deep", "work (restored)/deep/er"}; !slices.Equal(names, want) {
		o.Fatalf("RestoreMailbox = %q; want %q", names, want)
	}
	if m := back[0]; m.ID != box.ID || m.UIDValidity <= again.UIDValidity || m.UIDNext != 4 || m.Total != 2 {
		o.Errorf("restored is %+v; before %+v", m, box)
	}
	o.wantUIDs(box.ID, 1, 3)
	o.wantUIDs(child.ID, 1)
	for i, r := range o.rows(box.ID) {
		if w := rows[i]; r.Email != w.Email || !r.Flags.Equal(w.Flags) || !r.Saved.Equal(w.Saved) || !r.Internal.Equal(w.Internal) {
			o.Errorf("row %+v; want %+v", r, w)
		}
	}
	once, err := o.a.RestoreMailbox(o.ctx, box.ID) // it is there
	o.ok(err)
	if len(once) != 1 || once[0] != back[0] {
		o.Errorf("RestoreMailbox again = %+v", once)
	}
	o.restored(0, []mail.Place{{Mailbox: box.ID, UID: 2}}, mail.Restored{Target: mail.Place{Mailbox: box.ID, UID: 4}})
	if done := o.fill(box.ID, 1); done[0] != 5 {
		o.Errorf("the next UID is %d; want 5", done[0])
	}
	_, err = o.a.RestoreMailbox(o.ctx, 999)
	o.want(err, mail.ErrNoMailbox)
	// A role comes back unless another has it.
	sent := o.mailbox("Sent")
	o.ok(o.a.DeleteMailbox(o.ctx, sent.ID))
	back, err = o.a.RestoreMailbox(o.ctx, sent.ID)
	o.ok(err)
	if back[0].Role != mail.RoleSent || !back[0].Subscribed {
		o.Errorf("Sent came back as %+v", back[0])
	}
	o.ok(o.a.DeleteMailbox(o.ctx, sent.ID))
	_, err = o.a.CreateMailbox(o.ctx, "Gone", mail.RoleSent)
	o.ok(err)
	back, err = o.a.RestoreMailbox(o.ctx, sent.ID)
	o.ok(err)
	if back[0].Role != mail.RoleNone {
		o.Errorf("Sent came back as %+v", back[0])
	}
}

func testUndoInto[A Account](o *office[A]) {
	box := o.create("a/b")
	o.fill(box.ID, 3)
	emails := o.rows(box.ID)
	o.expunge(box.ID, 1)
	o.ok(o.a.DeleteMailbox(o.ctx, box.ID))
	at := func(uid mail.UID) mail.Place { return mail.Place{Mailbox: box.ID, UID: uid} }
	in := o.inbox.ID
	o.restored(in, []mail.Place{at(2)}, mail.Restored{Target: mail.Place{Mailbox: in, UID: 1}})
	// Its mailbox is gone: it is made again under its name, once.
	got, err := o.a.Restore(o.ctx, []mail.Place{at(1), at(3)}, 0)
	o.ok(err)
	made := o.mailbox("a/b")
	if made.ID == box.ID || len(got) != 2 || got[0].Target != (mail.Place{Mailbox: made.ID, UID: 1}) || got[1].Target != (mail.Place{Mailbox: made.ID, UID: 2}) {
		o.Errorf("Restore = %+v; a/b is %+v", got, made)
	}
	o.restored(0, []mail.Place{at(2), at(3)}, mail.Restored{Target: mail.Place{Mailbox: made.ID, UID: 3}},
		mail.Restored{Target: mail.Place{Mailbox: made.ID, UID: 2}, Outcome: mail.OutcomeThere})
	for i, r := range o.rows(made.ID) {
		if want := []int{0, 2, 1}[i]; r.Email != emails[want].Email {
			o.Errorf("message %d is email %s; want %s", r.UID, r.Email, emails[want].Email)
		}
	}
	// Several mailboxes at once, and an email that stands elsewhere too.
	o.fill(in, 2)
	_, err = o.a.Copy(o.ctx, in, mail.SetOf[mail.UID](2), made.ID)
	o.ok(err)
	o.expunge(in, 2)
	o.expunge(made.ID, 2)
	o.restored(0, []mail.Place{{Mailbox: in, UID: 2}, {Mailbox: made.ID, UID: 2}},
		mail.Restored{Target: mail.Place{Mailbox: in, UID: 4}}, mail.Restored{Target: mail.Place{Mailbox: made.ID, UID: 5}})
	if got := o.read(in, 4); !strings.Contains(got, "body 0") {
		o.Errorf("it reads %q", got)
	}
}

func testUndoAccount[A Account](o *office[A]) {
	o.fill(o.inbox.ID, 2)
	rows := o.rows(o.inbox.ID)
	o.ok(o.store.RestoreAccount(o.ctx, 1)) // it is there
	o.want(o.store.RestoreAccount(o.ctx, 9), mail.ErrNoAccount)
	o.ok(o.store.RemoveAccount(o.ctx, 1))
	list, err := o.store.RemovedAccounts(o.ctx)
	o.ok(err)
	if len(list) != 1 || list[0].ID != 1 || list[0].Until.Sub(list[0].At) != 30*24*time.Hour {
		o.Errorf("RemovedAccounts = %+v", list)
	}
	_, err = o.a.Expunged(o.ctx, mail.ExpungedQuery{})
	o.want(err, mail.ErrNoAccount)
	o.ok(o.store.RestoreAccount(o.ctx, 1))
	o.a, err = o.store.Account(o.ctx, 1)
	o.ok(err)
	o.wantUIDs(o.inbox.ID, 1, 2)
	if got := o.rows(o.inbox.ID); got[1].Email != rows[1].Email || got[1].ModSeq != rows[1].ModSeq {
		o.Errorf("rows are %+v; want %+v", got, rows)
	}
	o.fill(o.inbox.ID, 1)
	o.wantUIDs(o.inbox.ID, 1, 2, 3)
	list, err = o.store.RemovedAccounts(o.ctx)
	o.ok(err)
	if len(list) != 0 {
		o.Errorf("RemovedAccounts = %+v; want none", list)
	}
	o.ok(o.store.RemoveAccount(o.ctx, 1))
	o.ok(o.store.RestoreAccount(o.ctx, 1))
}
