package office

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
)

// TestReportsOfArrival: who asks for it hears that the message is in a mailbox, was
// passed on to a group, and was handed to a server that sends no reports.
func TestReportsOfArrival(t *testing.T) {
	t.Parallel()
	_, reach := newFar(t)
	o := startOffice(t, t.TempDir(), reach)
	o.setUpNow(t, 1)
	team := mail.Address{Local: "team", Domain: testDomain}
	if _, err := o.directory.SetListing(t.Context(), mail.Listing{Kind: mail.ListingGroup, Address: team, Members: []mail.Member{{Address: mail.Address{Local: "admin", Domain: testDomain}}}}); err != nil {
		t.Fatal(err)
	}
	c, err := smtp.DialTLS(o.addrs["submissions"], insecure())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Auth(sasl.NewPlainClient("", "alice@"+testDomain, testPassword)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"DSN", "REQUIRETLS", "DELIVERBY", "MT-PRIORITY", "FUTURERELEASE"} {
		if ok, _ := c.Extension(name); !ok {
			t.Errorf("%s is not offered", name)
		}
	}
	for _, name := range []string{"ETRN"} {
		if ok, _ := c.Extension(name); ok {
			t.Errorf("%s is offered", name)
		}
	}
	if err := c.Mail("alice@"+testDomain, &smtp.MailOptions{Return: smtp.DSNReturnHeaders, EnvelopeID: "envelope-7"}); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"admin@" + testDomain, team.String(), "somebody@far.test"} {
		if err := c.Rcpt(to, &smtp.RcptOptions{Notify: []smtp.DSNNotify{smtp.DSNNotifySuccess}}); err != nil {
			t.Fatal(err)
		}
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("Subject: tell me\r\n\r\nhello\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the queue is empty", func() bool { return o.queue.Stats().Items == 0 })
	all := strings.Join(o.fetch(t, "alice"), "\n")
	for _, want := range []string{"Action: delivered", "Action: expanded", "Action: relayed", "Original-Envelope-Id: envelope-7", "Subject: tell me"} {
		if !strings.Contains(all, want) {
			t.Errorf("alice's inbox has no %q: %s", want, all)
		}
	}
	if n := strings.Count(all, "Action: "); n != 3 {
		t.Errorf("%d actions are reported; want 3", n)
	}
}

// TestTurn: only a domain's own servers may have its mail sent, and hear how much there is.
func TestTurn(t *testing.T) {
	t.Parallel()
	world := resolvertest.New(t, map[string]string{"far.test.": "@ IN MX 10 mx\nmx IN A 192.0.2.9\n"})
	o := startOffice(t, t.TempDir(), func(options *Options) {
		options.DNS, options.Outgoing = world.Client(), Outgoing{DNS: world.Client(), Port: 9}
	})
	o.setUpNow(t, 0)
	if err := o.submit(t, "somebody@far.test", "Subject: out\r\n\r\nhello\r\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it waits", func() bool { return o.queue.Stats().Items == 1 })
	for _, test := range []struct {
		addr, domain string
		ok           bool
	}{{"192.0.2.9", "far.test", true}, {"192.0.2.9", "else.test", false}, {"192.0.2.1", "far.test", false}, {"127.0.0.1", "far.test", true}} {
		_, err := turner{o.Office}.Turn(t.Context(), &mail.Peer{Addr: netip.MustParseAddr(test.addr)}, test.domain, false)
		if (err == nil) != test.ok {
			t.Errorf("ETRN %s from %s: %v", test.domain, test.addr, err)
		}
	}
}
