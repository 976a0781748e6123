package office

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestQuota hands mail in from outside for one person whose mailbox gets full and
// one whose does not: the full one is refused alone, and takes mail again when
// there is room.
func TestQuota(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 2)
	people, err := o.directory.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	full, other := people[1], people[2]
	if err := o.directory.SetQuota(t.Context(), full.ID, mail.Quota{Messages: 1}); err != nil {
		t.Fatal(err)
	}
	send := func(want ...string) {
		t.Helper()
		conn, err := net.Dial("tcp", o.addrs["smtp"])
		if err != nil {
			t.Fatal(err)
		}
		c := smtp.NewClient(conn)
		defer c.Close()
		if err := c.Mail("stranger@elsewhere.test", &smtp.MailOptions{Size: 100}); err != nil {
			t.Fatal(err)
		}
		for i, a := range []mail.Account{full, other} {
			err := c.Rcpt(a.Address.String(), nil)
			if e, ok := errors.AsType[*smtp.SMTPError](err); ok {
				if got := strings.TrimSpace(err.Error()); e.Code != 452 || e.EnhancedCode != (smtp.EnhancedCode{4, 2, 2}) || want[i] != "452" {
					t.Errorf("RCPT %s: %s; want %s", a.Address, got, want[i])
				}
			} else if err != nil || want[i] != "250" {
				t.Errorf("RCPT %s: %v; want %s", a.Address, err, want[i])
			}
		}
		w, err := c.Data()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("Subject: x\r\n\r\ny\r\n")); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Errorf("DATA: %v", err)
		}
	}
	usage := func(a mail.Account, want int64) {
		t.Helper()
		if got, err := o.store.Usage(t.Context(), a.ID); err != nil || got.Messages != want {
			t.Errorf("%s has %+v, %v; want %d messages", a.Address, got, err, want)
		}
	}
	send("250", "250")
	send("452", "250")
	usage(full, 1)
	usage(other, 2)
	h, err := o.store.Account(t.Context(), full.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Expunge(t.Context(), 1, mail.SetOf[mail.UID](1), false); err != nil {
		t.Fatal(err)
	}
	send("250", "250")
	usage(full, 1)
	usage(other, 3)
}
