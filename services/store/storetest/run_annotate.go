package storetest

import (
	"fmt"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

func testAnnotate[A Account](o *office[A]) {
	m := o.create("box")
	note := func(id mail.MailboxID, name, value string) {
		o.Helper()
		o.ok(o.a.Annotate(o.ctx, id, []mail.Annotation{{Name: name, Value: value}}))
	}
	want := func(name string, want string) {
		o.Helper()
		if got, _ := o.mailbox(name).Annotations.Get("/private/comment"); got != want {
			o.Errorf("on %s stands %q; want %q", name, got, want)
		}
	}
	at := o.changedSince(0, 0).Until
	note(m.ID, "/private/comment", "one\x00\r\n")
	if c := o.changedSince(at, 0); len(c.Mailboxes.Updated) != 1 || c.Mailboxes.Updated[0] != m.ID {
		o.Errorf("changes are %+v; want of mailbox %s", c, m.ID)
	}
	at = o.changedSince(0, 0).Until
	note(m.ID, "/private/comment", "one\x00\r\n")
	o.ok(o.a.Annotate(o.ctx, m.ID, []mail.Annotation{{Name: "/private/none", Gone: true}}))
	if c := o.changedSince(at, 0); c.Until != at {
		o.Errorf("what changes nothing is a change: %+v", c)
	}
	want("box", "one\x00\r\n")
	o.ok(o.a.RenameMailbox(o.ctx, m.ID, "top/box"))
	want("top/box", "one\x00\r\n")
	o.ok(o.a.DeleteMailbox(o.ctx, m.ID))
	o.want(o.a.Annotate(o.ctx, m.ID, []mail.Annotation{{Name: "x"}}), mail.ErrNoMailbox)
	o.create("top/box")
	want("top/box", "")
	_, err := o.a.RestoreMailbox(o.ctx, m.ID)
	o.ok(err)
	want("top/box (restored)", "one\x00\r\n")
	note(o.inbox.ID, "/private/comment", "mine")
	o.ok(o.a.RenameMailbox(o.ctx, o.inbox.ID, "old"))
	want("INBOX", "mine")
	want("old", "")
	testAnnotateBounds(o)
}

// testAnnotateBounds: all or none, and so much in an account.
func testAnnotateBounds[A Account](o *office[A]) {
	o.want(o.a.Annotate(o.ctx, o.inbox.ID, []mail.Annotation{
		{Name: "/private/comment", Value: "other"}, {Name: "/private/x", Value: strings.Repeat("x", mail.MaxAnnotation+1)},
	}), mail.ErrTooMany)
	if got, _ := o.mailbox("INBOX").Annotations.Get("/private/comment"); got != "mine" {
		o.Errorf("a refused change has written %q", got)
	}
	var full []mail.Annotation
	for i := range 3 {
		full = append(full, mail.Annotation{Name: fmt.Sprint(i), Value: strings.Repeat("x", mail.MaxAnnotation)})
	}
	var err error
	for i := 0; err == nil && i <= mail.MaxAccountAnnotations/(3*mail.MaxAnnotation); i++ {
		err = o.a.Annotate(o.ctx, o.create(fmt.Sprintf("full %d", i)).ID, full)
	}
	o.want(err, mail.ErrTooMany)
	o.ok(o.a.Annotate(o.ctx, o.mailbox("full 0").ID, []mail.Annotation{{Name: "0", Gone: true}}))
}
