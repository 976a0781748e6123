package sharing

import (
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// FuzzNames: whatever a mailbox is called or a grantee is named by, what is found, made
// or meant is one's own, or what was opened.
func FuzzNames(f *testing.F) {
	const at = "Other Users/a@x.test/"
	for _, name := range []string{"INBOX", at + "INBOX", at + "inbox/x", at + "Sent", "Other Users", "Other Users/", at, at + "INBOX//", "Other Users/b@x.test/INBOX", "anyone", "nick", "a@x.test", at + "\u00fc/\x00"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		o := newOffice(t, 1, 2)
		id := o.give(1, "INBOX", 2, "lrk")
		a, b := o.open(1), o.open(2)
		before, err := a.Mailboxes(o.ctx)
		o.ok(err)
		if m, err := b.Mailbox(o.ctx, name); err == nil && b.Foreign(m.ID) && m.ID != id {
			t.Errorf("%q is %+v", name, m)
		}
		made, err := b.CreateMailbox(o.ctx, name, mail.RoleNone)
		if err == nil && (b.Foreign(made.ID) != strings.HasPrefix(made.Name, at+"INBOX/") || reserved(made.Name) && !b.Foreign(made.ID)) {
			t.Errorf("%q has made %+v", name, made)
		}
		if after, err := a.Mailboxes(o.ctx); err != nil || len(after) > len(before) && !b.Foreign(made.ID) {
			t.Errorf("%q has made one for another: %v, %v", name, after, err)
		}
		if known, err := b.Known(o.ctx, name); err == nil {
			if again, err := b.Known(o.ctx, known); err != nil || again != known {
				t.Errorf("%q is known as %q, and that as %q, %v", name, known, again, err)
			}
		}
	})
}
