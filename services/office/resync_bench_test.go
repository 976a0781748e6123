package office

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// BenchmarkResync measures how a client comes back to a mailbox of 100,000 messages
// of which 25 have been changed and 25 removed: SELECT alone, SELECT with QRESYNC,
// and what a client without it asks to learn the same.
func BenchmarkResync(b *testing.B) {
	const n = 100_000
	o := startOffice(b, b.TempDir())
	o.setUpNow(b, 0)
	o.fillOrder(b, n)
	account := o.recipient(b, "alice").account
	before, err := account.Mailbox(b.Context(), mail.Inbox)
	if err != nil {
		b.Fatal(err)
	}
	var changed, removed mail.UIDSet
	for i := range 25 {
		changed = changed.Add(mail.UID(i*4000 + 7))
		removed = removed.Add(mail.UID(i*4000 + 2007))
	}
	if _, err := account.SetFlags(b.Context(), before.ID, changed, mail.FlagsAdd, mail.NewFlags(`\Flagged`), nil); err != nil {
		b.Fatal(err)
	}
	if _, err := account.Expunge(b.Context(), before.ID, removed, false); err != nil {
		b.Fatal(err)
	}
	resync := fmt.Sprintf("SELECT INBOX (QRESYNC (%d %d 1:%d))", before.UIDValidity, before.HighestModSeq, before.UIDNext-1)
	commands := []struct{ name, command string }{
		{"select", "SELECT INBOX"}, {"qresync", resync}, {"without", "UID FETCH 1:* (FLAGS)"},
	}
	took := make([][]time.Duration, len(commands))
	for range 15 {
		c := dialOrder(b, o.addrs["imap"])
		c.ask(b, fmt.Sprintf("LOGIN alice@%s %q", testDomain, testPassword))
		c.ask(b, "ENABLE QRESYNC")
		for i, one := range commands {
			took[i] = append(took[i], c.ask(b, one.command))
		}
		c.ask(b, "LOGOUT")
	}
	for i, one := range commands {
		slices.Sort(took[i])
		b.ReportMetric(took[i][len(took[i])/2].Seconds()*1000, "ms-"+one.name)
	}
}
