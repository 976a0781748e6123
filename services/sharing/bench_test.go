package sharing

import (
	"testing"

	"github.com/sanduk-mail/sanduk/services/imapd"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// BenchmarkOwn reads an own mailbox of 10,000 messages as the store gives it, and
// through sharing, with nothing shared and with something.
func BenchmarkOwn(b *testing.B) {
	o := newOffice(b, 1, 2)
	o.fill(2, "INBOX", mail.Flags{}, 10_000)
	inbox := o.mailbox(2, "INBOX")
	store, err := o.store.Account(o.ctx, 2)
	o.ok(err)
	read := func(b *testing.B, a imapd.Account) {
		for b.Loop() {
			n := 0
			for range a.Rows(o.ctx, inbox, every()) {
				n++
			}
			if n != 10_000 {
				b.Fatal(n)
			}
		}
	}
	b.Run("rows/store", func(b *testing.B) { read(b, ranked{store}) })
	b.Run("rows/sharing", func(b *testing.B) { read(b, o.open(2)) })
	find := func(b *testing.B, a imapd.Account) {
		for b.Loop() {
			if _, err := a.MailboxByID(o.ctx, inbox); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("find/store", func(b *testing.B) { find(b, ranked{store}) })
	b.Run("find/sharing", func(b *testing.B) { find(b, o.open(2)) })
	o.give(1, "INBOX", 2, "lr")
	b.Run("rows/shared with", func(b *testing.B) { read(b, o.open(2)) })
	b.Run("find/shared with", func(b *testing.B) { find(b, o.open(2)) })
}
