package sharing

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

func said(list []mail.Grant) string {
	var words []string
	for _, g := range list {
		words = append(words, g.ID+":"+g.Rights.String())
	}
	return strings.Join(words, " ")
}

func named(list []mail.SharedMailbox) string {
	var words []string
	for _, s := range list {
		words = append(words, s.Mailbox+":"+said([]mail.Grant{s.Grant}))
	}
	return strings.Join(words, " ")
}

// TestGrants: who may administer sees and sets who may what; others see nothing.
func TestGrants(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 1, 2, 3)
	a, b, c := o.open(1), o.open(2), o.open(3)
	own := o.mailbox(1, "INBOX")
	id := others(1, own)
	read := mail.RightLookup | mail.RightRead
	o.ok(a.Grant(o.ctx, own, mail.Grant{ID: "b@x.test", Rights: read | mail.RightAdminister}))
	o.ok(a.Grant(o.ctx, own, mail.Grant{ID: "anyone", Rights: mail.RightLookup}))
	o.ok(a.Grant(o.ctx, own, mail.Grant{ID: "A@x.test", Rights: mail.AllRights}))
	o.want("less for the owner", a.Grant(o.ctx, own, mail.Grant{ID: "nick@x.test", Rights: read}), mail.ErrNoRight)
	o.ok(b.Grant(o.ctx, id, mail.Grant{ID: "c", Rights: read}))
	o.want("by who may not", c.Grant(o.ctx, id, mail.Grant{ID: "c", Rights: mail.AllRights}), mail.ErrNoRight)
	o.want("with nobody", a.Grant(o.ctx, own, mail.Grant{ID: "nobody@x.test", Rights: read}), mail.ErrNoSuchAddress)
	o.want("with one outside", a.Grant(o.ctx, own, mail.Grant{ID: "b@else.test", Rights: read}), mail.ErrNoSuchAddress)
	o.want("with a group", a.Grant(o.ctx, own, mail.Grant{ID: "group@x.test", Rights: read}), mail.ErrNoSuchAddress)
	o.want("of no mailbox", a.Grant(o.ctx, 99, mail.Grant{ID: "b", Rights: read}), mail.ErrNoMailbox)
	o.want("of another's as if it were one's own", b.Grant(o.ctx, others(3, o.mailbox(3, "INBOX")), mail.Grant{ID: "b", Rights: read}), mail.ErrNoMailbox)
	want := "a@x.test:lrswipkxtea anyone:l b@x.test:lra c@x.test:lr"
	for name, who := range map[mail.MailboxID]*Account{own: a, id: b} {
		if got, err := who.Grants(o.ctx, name); err != nil || said(got) != want {
			t.Errorf("grants %s, %v; want %s", said(got), err, want)
		}
	}
	_, err := c.Grants(o.ctx, id)
	o.want("grants to who may not administer", err, mail.ErrNoRight)
	o.book.remove(3, true)
	if got, err := a.Grants(o.ctx, own); err != nil || strings.Contains(said(got), "c@") {
		t.Errorf("with one removed: %v, %v", got, err)
	}
	o.book.remove(3, false)
	o.ok(a.Grant(o.ctx, own, mail.Grant{ID: "b"}))
	if r, err := b.Rights(o.ctx, id); err != nil || r != mail.RightLookup {
		t.Errorf("left: %s, %v", r, err)
	}
	o.ok(a.Grant(o.ctx, own, mail.Grant{ID: mail.Anyone}))
	_, err = b.Rights(o.ctx, id)
	o.want("nothing left", err, mail.ErrNoMailbox)
	if r, err := a.Rights(o.ctx, own); err != nil || r != mail.AllRights {
		t.Errorf("the owner's: %s, %v", r, err)
	}
}

// TestKnown: an identifier is an address or another name of it, or a bare name.
func TestKnown(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 2)
	b := o.open(2)
	for identifier, want := range map[string]string{"a": "a@x.test", "A@X.test": "", "A@x.test": "a@x.test", "nick@x.test": "a@x.test", "ANYONE": "anyone", "anyone": "anyone", "anyone@x.test": "",
		"": "", "@": "", "group": "", "owner": "", "-b": "", "b@else.test": "", "\x00": "", strings.Repeat("b", 300): "", "b": "b@x.test"} {
		got, err := b.Known(o.ctx, identifier)
		if want == "" {
			o.want(identifier, err, mail.ErrNoSuchAddress)
		} else if err != nil || got != want {
			t.Errorf("%q is %q, %v; want %q", identifier, got, err, want)
		}
	}
}

// TestNamed: the pages set and see shares by names; those of a deleted mailbox sleep
// until it is back, and end when it is gone for good.
func TestNamed(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 1, 2)
	a := o.open(1)
	m, err := a.CreateMailbox(o.ctx, "Plans", mail.RoleNone)
	o.ok(err)
	read := mail.RightLookup | mail.RightRead
	o.ok(o.shares.Set(o.ctx, 1, "Plans", mail.Grant{ID: "b", Rights: read}))
	o.ok(o.shares.Set(o.ctx, 1, "inbox", mail.Grant{ID: "anyone", Rights: mail.RightInsert}))
	o.want("no mailbox", o.shares.Set(o.ctx, 1, "None", mail.Grant{ID: "b", Rights: read}), mail.ErrNoMailbox)
	o.want("nobody", o.shares.Set(o.ctx, 1, "Plans", mail.Grant{ID: "zz", Rights: read}), mail.ErrNoSuchAddress)
	check := func(given, received string) {
		t.Helper()
		g, err := o.shares.Given(o.ctx, 1)
		o.ok(err)
		r, err := o.shares.Received(o.ctx, 2)
		o.ok(err)
		if named(g) != given || named(r) != received {
			t.Errorf("given %v, received %v; want %s, %s", named(g), named(r), given, received)
		}
	}
	const open = "INBOX:anyone:i"
	check(open+" Plans:b@x.test:lr", "Plans:b@x.test:lr")
	o.ok(a.RenameMailbox(o.ctx, m.ID, "Ideas"))
	check(open+" Ideas:b@x.test:lr", "Ideas:b@x.test:lr")
	o.ok(a.DeleteMailbox(o.ctx, m.ID))
	check(open, "")
	o.ok(o.shares.Expire(o.ctx))
	owner, err := o.store.Account(o.ctx, 1)
	o.ok(err)
	_, err = owner.RestoreMailbox(o.ctx, m.ID)
	o.ok(err)
	check(open+" Ideas:b@x.test:lr", "Ideas:b@x.test:lr")
	o.ok(a.DeleteMailbox(o.ctx, m.ID))
	o.shares.opt.Deleted = func(context.Context, mail.AccountID) ([]mail.DeletedMailbox, error) { return nil, nil }
	o.ok(o.shares.Expire(o.ctx))
	_, err = owner.RestoreMailbox(o.ctx, m.ID)
	o.ok(err)
	check(open, "")
	o.ok(o.shares.Set(o.ctx, 1, "INBOX", mail.Grant{ID: "anyone"}))
	check("", "")
}

// TestAdjust: rights come and go one by one, from many sides at once, and none is lost.
func TestAdjust(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 1, 2)
	a, b := o.open(1), o.open(2)
	own := o.mailbox(1, "INBOX")
	o.ok(a.Adjust(o.ctx, own, "b", mail.RightLookup|mail.RightAdminister, 0))
	id := others(1, own)
	var changing sync.WaitGroup
	for letter := mail.RightRead; letter < mail.RightAdminister; letter <<= 1 {
		who, name := a, own
		if letter&(mail.RightRead|mail.RightWrite|mail.RightPost|mail.RightExpunge) != 0 {
			who, name = b, id
		}
		changing.Go(func() {
			for range 20 {
				if err := errors.Join(who.Adjust(o.ctx, name, "b@x.test", letter, 0), who.Adjust(o.ctx, name, "b@x.test", 0, letter), who.Adjust(o.ctx, name, "b@x.test", letter, 0)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	changing.Wait()
	if r, err := b.Rights(o.ctx, id); err != nil || r != mail.AllRights {
		t.Errorf("rights %s, %v; want all", r, err)
	}
	o.want("of the owner", a.Adjust(o.ctx, own, "a@x.test", 0, mail.RightRead), mail.ErrNoRight)
	o.ok(a.Adjust(o.ctx, own, "a@x.test", mail.RightRead, 0))
	o.ok(b.Adjust(o.ctx, id, "b", 0, mail.RightAdminister))
	o.want("by who may no longer", b.Adjust(o.ctx, id, "b", mail.RightAdminister, 0), mail.ErrNoRight)
	o.want("with nobody", a.Adjust(o.ctx, own, "nobody@x.test", mail.RightRead, 0), mail.ErrNoSuchAddress)
}
