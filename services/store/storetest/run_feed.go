package storetest

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
)

func (o *office[A]) changedSince(since mail.ModSeq, most int) mail.AccountChanges {
	o.Helper()
	c, err := o.a.ChangedSince(o.ctx, since, most)
	o.ok(err)
	return c
}

func testChangedSince[A Account](o *office[A]) {
	at := o.changedSince(0, 0).Until
	check := func(what string, want mail.AccountChanges) {
		o.Helper()
		got := o.changedSince(at, 0)
		if want.Until = got.Until; !reflect.DeepEqual(got, want) || got.Until <= at {
			o.Errorf("%s:\ngot  %+v\nwant %+v", what, got, want)
		}
		at = got.Until
	}
	if c := o.changedSince(at, 0); c.Until != at || c.More || c.Mailboxes.Updated != nil {
		o.Errorf("nothing has happened, but: %+v", c)
	}
	o.fill(o.inbox.ID, 2)
	inbox := []mail.MailboxID{o.inbox.ID}
	check("two messages", mail.AccountChanges{
		Mailboxes: mail.Touched[mail.MailboxID]{Updated: inbox}, Counted: inbox,
		Emails: mail.Touched[mail.EmailID]{Created: []mail.EmailID{1, 2}}, Threads: mail.Touched[mail.ThreadID]{Created: []mail.ThreadID{1, 2}},
	})
	_, err := o.a.SetFlags(o.ctx, o.inbox.ID, mail.SetOf[mail.UID](2), mail.FlagsAdd, mail.NewFlags(`\Seen`), nil)
	o.ok(err)
	check("flags", mail.AccountChanges{
		Mailboxes: mail.Touched[mail.MailboxID]{Updated: inbox}, Counted: inbox,
		Emails: mail.Touched[mail.EmailID]{Updated: []mail.EmailID{2}}, Threads: mail.Touched[mail.ThreadID]{Updated: []mail.ThreadID{2}},
	})
	o.ok(o.a.Subscribe(o.ctx, "b", true))
	o.ok(o.a.Subscribe(o.ctx, "a", true))
	o.ok(o.a.Subscribe(o.ctx, "b", false))
	check("subscriptions", mail.AccountChanges{Subscriptions: []string{"a", "b"}})
	work := o.create("work")
	_, err = o.a.Copy(o.ctx, o.inbox.ID, mail.SetOf[mail.UID](1), work.ID)
	o.ok(err)
	_, err = o.a.Move(o.ctx, o.inbox.ID, mail.SetOf[mail.UID](2), work.ID)
	o.ok(err)
	check("copy and move", mail.AccountChanges{
		Mailboxes: mail.Touched[mail.MailboxID]{Created: []mail.MailboxID{work.ID}, Updated: inbox}, Counted: inbox,
		Emails: mail.Touched[mail.EmailID]{Updated: []mail.EmailID{1, 2}}, Threads: mail.Touched[mail.ThreadID]{Updated: []mail.ThreadID{1, 2}},
	})
	o.ok(o.a.RenameMailbox(o.ctx, work.ID, "play"))
	check("rename", mail.AccountChanges{Mailboxes: mail.Touched[mail.MailboxID]{Updated: []mail.MailboxID{work.ID}}})
	o.ok(o.a.DeleteMailbox(o.ctx, work.ID)) // with the one and the copy of the other
	check("delete", mail.AccountChanges{
		Mailboxes: mail.Touched[mail.MailboxID]{Destroyed: []mail.MailboxID{work.ID}},
		Emails:    mail.Touched[mail.EmailID]{Updated: []mail.EmailID{1}, Destroyed: []mail.EmailID{2}},
		Threads:   mail.Touched[mail.ThreadID]{Updated: []mail.ThreadID{1}, Destroyed: []mail.ThreadID{2}},
	})
	uids := o.fill(o.inbox.ID, 1)
	_, err = o.a.Expunge(o.ctx, o.inbox.ID, mail.SetOf(uids...), false)
	o.ok(err)
	brief := o.create("brief")
	o.ok(o.a.DeleteMailbox(o.ctx, brief.ID))
	c := o.changedSince(at, 0)
	if c.Emails.Created != nil || c.Mailboxes.Created != nil || c.Emails.Destroyed != nil || c.Mailboxes.Destroyed != nil {
		o.Errorf("what came and went is told of: %+v", c)
	}
	_, err = o.a.ChangedSince(o.ctx, c.Until+1, 0)
	o.want(err, mail.ErrResync)
	o.pages(c.Until)
}

// pages asks for the whole history a little at a time.
func (o *office[A]) pages(until mail.ModSeq) {
	o.Helper()
	pages, since := 0, mail.ModSeq(0)
	for {
		c := o.changedSince(since, 1)
		if n := len(c.Emails.Created) + len(c.Emails.Updated) + len(c.Emails.Destroyed); n > 2 {
			o.Errorf("a page of one change tells of %d emails", n)
		}
		pages++
		if since = c.Until; !c.More {
			break
		}
	}
	if since != until || mail.ModSeq(pages) < until {
		o.Errorf("%d pages went to %d; want one for each change up to %d", pages, since, until)
	}
}

func testEntries[A Account](o *office[A]) {
	_, err := o.a.Entries(o.ctx, 1)
	o.want(err, mail.ErrNoMessage)
	o.fill(o.inbox.ID, 2, `\Flagged`)
	archive := o.mailbox("Archive")
	for range 2 {
		_, err = o.a.Copy(o.ctx, o.inbox.ID, mail.SetOf[mail.UID](2), archive.ID)
		o.ok(err)
	}
	_, err = o.a.Expunge(o.ctx, archive.ID, mail.SetOf[mail.UID](1), false)
	o.ok(err)
	list, err := o.a.Entries(o.ctx, 2)
	o.ok(err)
	if len(list) != 2 || list[0].Mailbox != o.inbox.ID || list[0].Row.UID != 2 || list[1].Mailbox != archive.ID || list[1].Row.UID != 2 || !list[1].Row.Flags.Has(mail.Flagged) {
		o.Errorf("Entries = %+v", list)
	}
	_, err = o.a.Expunge(o.ctx, o.inbox.ID, Every(), false)
	o.ok(err)
	if list, err = o.a.Entries(o.ctx, 2); err != nil || len(list) != 1 || list[0].Mailbox != archive.ID {
		o.Errorf("Entries = %+v, %v", list, err)
	}
	_, err = o.a.Entries(o.ctx, 1)
	o.want(err, mail.ErrNoMessage)
	o.create("z")
	_, err = o.a.Move(o.ctx, archive.ID, Every(), o.mailbox("z").ID)
	o.ok(err)
	o.ok(o.a.DeleteMailbox(o.ctx, o.mailbox("z").ID))
	_, err = o.a.Entries(o.ctx, 2)
	o.want(err, mail.ErrNoMessage)
	_, err = o.a.Entries(o.ctx, 1<<40)
	o.want(err, mail.ErrNoMessage)
}

func testPositions[A Account](o *office[A]) {
	w := o.store.Watch()
	defer w.Close()
	check := func(since mail.Position, want ...mail.AccountID) mail.Position {
		o.Helper()
		c, err := o.store.ChangedAccounts(o.ctx, since)
		o.ok(err)
		if !slices.Equal(c.Accounts, want) {
			o.Errorf("ChangedAccounts(%d) = %v; want %v", since, c.Accounts, want)
		}
		return c.Until
	}
	made := check(0, 1)
	check(made)
	o.ok(o.store.CreateAccount(o.ctx, 2))
	two := check(made, 2)
	o.deliver(Message("x"), mail.Target{Account: 1}, mail.Target{Account: 2})
	both := check(two, 1, 2)
	select {
	case <-w.C:
	default:
		o.Error("asleep after a delivery")
	}
	o.ok(o.store.RemoveAccount(o.ctx, 2))
	last := check(both, 2)
	check(0, 1, 2)
	_, err := o.store.ChangedAccounts(o.ctx, last+1)
	o.want(err, mail.ErrResync)
}

// mirror is an account as somebody knows it who has only the feed to go by.
type mirror struct {
	since  mail.ModSeq
	boxes  map[mail.MailboxID]string // names
	emails map[mail.EmailID][]mail.Entry
	names  map[string]bool
}

// follow applies one page; false when there was none.
func (o *office[A]) follow(m *mirror, most int) (bool, error) {
	c, err := o.a.ChangedSince(o.ctx, m.since, most)
	if err != nil || c.Until == m.since {
		return false, err
	}
	for _, id := range c.Mailboxes.Destroyed {
		delete(m.boxes, id)
	}
	for _, id := range slices.Concat(c.Mailboxes.Created, c.Mailboxes.Updated) {
		box, err := o.a.MailboxByID(o.ctx, id)
		if err == nil {
			m.boxes[id] = box.Name
		} // else it has gone since, and a later page says so
	}
	for _, id := range slices.Concat(c.Emails.Created, c.Emails.Updated, c.Emails.Destroyed) {
		if m.emails[id], err = o.a.Entries(o.ctx, id); err != nil {
			delete(m.emails, id)
		}
	}
	subscribed, err := o.a.Subscriptions(o.ctx)
	if err != nil {
		return false, err
	}
	for _, name := range c.Subscriptions {
		if m.names[name] = slices.Contains(subscribed, name); !m.names[name] {
			delete(m.names, name)
		}
	}
	m.since = c.Until
	return true, nil
}

// testSlowReaders has people work on an account while others follow it, each at
// a pace of its own; one does not look until all is over. Nobody is waited for,
// and in the end each knows what the account holds.
func testSlowReaders[A Account](o *office[A]) {
	const writers, each = 6, 25
	mirrors := make([]*mirror, 4)
	for i := range mirrors {
		mirrors[i] = &mirror{boxes: map[mail.MailboxID]string{}, emails: map[mail.EmailID][]mail.Entry{}, names: map[string]bool{}}
	}
	var writing, reading sync.WaitGroup
	over := make(chan struct{})
	for i, m := range mirrors[1:] {
		w := o.a.Watch()
		reading.Go(func() {
			defer w.Close()
			for done := false; !done; {
				select {
				case <-w.C:
				case <-over:
					done = true
				}
				if _, err := o.follow(m, 1+i*20); err != nil {
					o.Errorf("follow: %v", err)
					return
				}
			}
		})
	}
	text := NewDraft(o, o.spool, Message("slow"))
	for n := range writers {
		writing.Go(func() {
			for i := range each {
				if err := o.work(n, i, &mail.Envelope{ID: mail.NewID(received()), Received: received()}, text); err != nil {
					o.Errorf("writer %d: %v", n, err)
				}
			}
		})
	}
	writing.Wait() // a reader that was waited for would make this hang
	close(over)
	reading.Wait()
	for i, m := range mirrors {
		for going := true; going; {
			var err error
			if going, err = o.follow(m, 0); err != nil {
				o.Fatalf("follow: %v", err)
			}
		}
		o.compareMirror(fmt.Sprintf("reader %d", i), m)
	}
}

// work does one thing of a writer's.
func (o *office[A]) work(n, i int, env *mail.Envelope, text *draft.Draft) error {
	if err := o.store.Deliver(o.ctx, env, []mail.Target{{Account: 1}}, text); err != nil {
		return err
	}
	last := mail.SetOf(mail.UID(1 + i*4 + n))
	name := fmt.Sprintf("box %d", n)
	var err error
	switch i % 6 {
	case 0:
		_, err = o.a.CreateMailbox(o.ctx, name, mail.RoleNone)
	case 1:
		_, err = o.a.SetFlags(o.ctx, o.inbox.ID, last, mail.FlagsAdd, mail.NewFlags(`\Seen`, name[:3]), nil)
	case 2, 3:
		var to mail.Mailbox
		if to, err = o.a.Mailbox(o.ctx, name); err == nil {
			if i%6 == 2 {
				_, err = o.a.Copy(o.ctx, o.inbox.ID, last, to.ID)
			} else {
				_, err = o.a.Move(o.ctx, o.inbox.ID, last, to.ID)
			}
		}
	case 4:
		if _, err = o.a.Expunge(o.ctx, o.inbox.ID, last, false); err == nil {
			err = o.a.Subscribe(o.ctx, name, n%2 == 0)
		}
	case 5:
		var gone mail.Mailbox
		if gone, err = o.a.Mailbox(o.ctx, name); err == nil {
			err = o.a.DeleteMailbox(o.ctx, gone.ID)
		}
	}
	return err
}

// compareMirror compares what somebody knows with what there is.
func (o *office[A]) compareMirror(what string, m *mirror) {
	o.Helper()
	list, err := o.a.Mailboxes(o.ctx)
	o.ok(err)
	boxes, emails := map[mail.MailboxID]string{}, map[mail.EmailID][]mail.Entry{}
	for _, box := range list {
		boxes[box.ID] = box.Name
	}
	slices.SortFunc(list, func(a, b mail.Mailbox) int { return cmp.Compare(a.ID, b.ID) })
	for _, box := range list {
		for _, r := range o.rows(box.ID) {
			emails[r.Email] = append(emails[r.Email], mail.Entry{Mailbox: box.ID, Row: r})
		}
	}
	names, err := o.a.Subscriptions(o.ctx)
	o.ok(err)
	if !reflect.DeepEqual(m.boxes, boxes) {
		o.Errorf("%s knows the mailboxes %v; there are %v", what, m.boxes, boxes)
	}
	if got := slices.Sorted(maps.Keys(m.names)); !slices.Equal(got, names) {
		o.Errorf("%s knows the subscriptions %v; there are %v", what, got, names)
	}
	if !reflect.DeepEqual(m.emails, emails) {
		o.Errorf("%s knows %d emails, which are not the %d that there are", what, len(m.emails), len(emails))
	}
}
