package storetest

import (
	"github.com/sanduk-mail/sanduk/services/mail"
)

// testExpire lets messages go for good that were expunged before some moment,
// and keeps those that went later.
func testExpire[A Account](o *office[A]) {
	o.fill(o.inbox.ID, 6)
	_, since, err := o.a.UIDs(o.ctx, o.inbox.ID)
	o.ok(err)
	expunge := func(uids ...mail.UID) {
		o.Helper()
		_, err := o.a.Expunge(o.ctx, o.inbox.ID, mail.SetOf(uids...), false)
		o.ok(err)
	}
	expunge(2, 5)
	_, until, err := o.a.UIDs(o.ctx, o.inbox.ID)
	o.ok(err)
	expunge(3)
	o.ok(o.store.Expire(o.ctx, 1, until))
	o.wantUIDs(o.inbox.ID, 1, 4, 6)
	page, err := o.a.Expunged(o.ctx, mail.ExpungedQuery{})
	o.ok(err)
	if len(page.Messages) != 1 || page.Messages[0].UID != 3 {
		o.Errorf("what can be put back is %+v; want message 3", page.Messages)
	}
	_, err = o.a.Restore(o.ctx, []mail.Place{{Mailbox: o.inbox.ID, UID: 2}}, 0)
	o.want(err, mail.ErrGone)
	back, err := o.a.Restore(o.ctx, []mail.Place{{Mailbox: o.inbox.ID, UID: 3}}, 0)
	o.ok(err)
	if len(back) != 1 || back[0].Outcome != mail.OutcomeBack {
		o.Errorf("Restore = %+v; want message 3 back", back)
	}
	// When 2 and 5 went is forgotten, not that they are gone.
	for since, want := range map[mail.ModSeq]string{since: "2:3,5", until - 1: "2:3,5", until: "3"} {
		c, err := o.a.Changes(o.ctx, o.inbox.ID, since)
		o.ok(err)
		if got := c.Vanished.String(); got != want {
			o.Errorf("vanished since %d: %s; want %s", since, got, want)
		}
	}
	o.ok(o.store.Expire(o.ctx, 1, until)) // nothing more
	o.want(o.store.Expire(o.ctx, 99, 1), mail.ErrNoAccount)
}

// testExpireMailbox lets a deleted mailbox go for good, and then an account.
func testExpireMailbox[A Account](o *office[A]) {
	m, err := o.a.CreateMailbox(o.ctx, "old", mail.RoleNone)
	o.ok(err)
	o.fill(m.ID, 3)
	o.fill(o.inbox.ID, 1)
	_, before, err := o.a.UIDs(o.ctx, m.ID)
	o.ok(err)
	o.ok(o.a.DeleteMailbox(o.ctx, m.ID))
	o.ok(o.store.Expire(o.ctx, 1, before))
	if c, err := o.a.Changes(o.ctx, m.ID, 0); err != nil || !c.Gone {
		o.Errorf("Changes of a deleted mailbox = %+v, %v; want that it is gone", c, err)
	}
	o.ok(o.store.Expire(o.ctx, 1, 1<<40)) // up to now
	_, err = o.a.Changes(o.ctx, m.ID, 0)
	o.want(err, mail.ErrNoMailbox)
	_, err = o.a.RestoreMailbox(o.ctx, m.ID)
	o.want(err, mail.ErrNoMailbox)
	// A message that went with it keeps back no other.
	o.fill(o.inbox.ID, 1)
	o.expunge(o.inbox.ID, 2)
	back := mail.Place{Mailbox: o.inbox.ID, UID: 2}
	o.restored(0, []mail.Place{{Mailbox: m.ID, UID: 1}, back, {Mailbox: m.ID, UID: 2}},
		mail.Restored{Outcome: mail.OutcomeGone}, mail.Restored{Target: mail.Place{Mailbox: o.inbox.ID, UID: 3}, Outcome: mail.OutcomeBack}, mail.Restored{Outcome: mail.OutcomeGone})
	_, err = o.a.Restore(o.ctx, []mail.Place{{Mailbox: m.ID, UID: 1}}, 0)
	o.want(err, mail.ErrGone)
	o.expunge(o.inbox.ID, 3)
	again, err := o.a.CreateMailbox(o.ctx, "old", mail.RoleNone)
	o.ok(err)
	if again.ID == m.ID || again.UIDValidity == m.UIDValidity {
		o.Errorf("a new mailbox of the name has ID %s and UIDVALIDITY %d, as the old one had", again.ID, again.UIDValidity)
	}
	o.wantUIDs(o.inbox.ID, 1)

	o.fill(o.inbox.ID, 1)
	_, day, err := o.a.UIDs(o.ctx, o.inbox.ID)
	o.ok(err)
	_, err = o.a.Expunge(o.ctx, o.inbox.ID, mail.SetOf[mail.UID](1), false)
	o.ok(err)
	_, next, err := o.a.UIDs(o.ctx, o.inbox.ID)
	o.ok(err)
	o.ok(o.store.RemoveAccount(o.ctx, 1))
	// What was due in the days before the removal does not put off the rest.
	o.ok(o.store.Expire(o.ctx, 1, day))
	o.ok(o.store.Expire(o.ctx, 1, next))
	o.ok(o.store.Expire(o.ctx, 1, next+1))
	o.want(o.store.RestoreAccount(o.ctx, 1), mail.ErrGone)
	o.want(o.store.CreateAccount(o.ctx, 1), mail.ErrNoAccount)
}
