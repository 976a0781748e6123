package office

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/queue"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
	"github.com/sanduk-mail/sanduk/services/trust"
)

// TestSpareServer: as a spare server of another domain the box takes its mail from
// anybody and brings it to the domain's own server, never to itself or a worse one.
func TestSpareServer(t *testing.T) {
	t.Parallel()
	world := resolvertest.New(t, map[string]string{
		"friend.test":  "@ MX 10 mx\n@ MX 20 mail.example.test.\n@ MX 30 worse\nmx A 127.0.0.11\nworse A 127.0.0.12\n",
		"example.test": "mail A 127.0.0.13\n",
	})
	var l, worse net.Listener
	var err error
	if l, err = net.Listen("tcp", "127.0.0.11:0"); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := uint16(l.Addr().(*net.TCPAddr).Port)
	if worse, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.12"), port))); err != nil {
		t.Fatal(err)
	}
	defer worse.Close()
	var far, wrong mx
	go wrong.serve(t, worse)
	o := startOffice(t, t.TempDir(), func(options *Options) {
		options.DNS, options.Outgoing = world.Client(), Outgoing{DNS: world.Client(), Port: port}
	})
	o.setUpNow(t, 0)
	o.api(t, "admin").do("PUT", "/api/spares/friend.test", map[string]any{"recipients": []string{"ann"}}, nil)
	send := func(to string) error {
		c, err := smtp.Dial(o.addrs["smtp"])
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.SendMail("sender@far.test", []string{to}, strings.NewReader("Subject: spare\r\n\r\nhello\r\n"))
	}
	for to, want := range map[string]string{"bob@friend.test": "knows of nobody", "x@elsewhere.test": "its own domains only"} {
		if err := send(to); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("to %s: %v; want %q", to, err, want)
		}
	}
	if err := send("ann@friend.test"); err != nil {
		t.Fatal(err)
	}
	items, _, err := o.queue.List(t.Context(), queue.Filter{}, queue.Page{})
	if err != nil || len(items) > 1 || len(items) == 1 && items[0].From != (mail.Address{Local: "sender", Domain: "far.test"}) {
		t.Errorf("the queue has %+v, %v", items, err)
	}
	go far.serve(t, l) // it comes back
	eventually(t, "the domain's own server has it", func() bool {
		far.mu.Lock()
		defer far.mu.Unlock()
		return len(far.got) == 1 && strings.Contains(far.got[0], "Subject: spare\r\n")
	})
	wrong.mu.Lock()
	defer wrong.mu.Unlock()
	if len(wrong.got) > 0 {
		t.Errorf("a worse server got %q", wrong.got)
	}
}

// TestBehindSpareServer: what the office's own spare server brings is judged by where
// that server had it from, and nothing of it is refused for that.
func TestBehindSpareServer(t *testing.T) {
	t.Parallel()
	const spare = "198.51.100.7"
	internet := resolvertest.New(t, map[string]string{
		"bank.example":         "@ TXT \"v=spf1 ip4:192.0.2.10 -all\"\n_dmarc TXT \"v=DMARC1; p=reject\"",
		"2.0.192.in-addr.arpa": "10 PTR mail.bank.example.",
		"mail.bank.example":    "@ A 192.0.2.10",
	})
	o := startOffice(t, t.TempDir(), func(options *Options) { options.DNS = internet.Client() })
	o.setUpNow(t, 0)
	if err := o.directory.SetSpareServers(t.Context(), []netip.Prefix{netip.MustParsePrefix(spare + "/32")}); err != nil {
		t.Fatal(err)
	}
	l := serveStrangers(t, o)
	bring := func(from, subject, received string) error {
		conn, err := l.DialFrom(netip.MustParseAddr(from))
		if err != nil {
			t.Fatal(err)
		}
		c := smtp.NewClient(conn)
		defer c.Close()
		text := received + "From: someone@bank.example\r\nSubject: " + subject + "\r\n\r\nhello\r\n"
		return c.SendMail("someone@bank.example", []string{"alice@" + testDomain}, strings.NewReader(text))
	}
	const genuine = "Received: from mail.bank.example (mail.bank.example [192.0.2.10])\r\n\tby mx2.example.test (Postfix) with ESMTPS id 1;\r\n\tSun, 22 Nov 2026 10:00:00 +0000\r\n"
	const forged = "Received: from mail.bank.example (unknown [192.0.2.66]) by mx2.example.test (Postfix) with ESMTPS id 1; Sun, 22 Nov 2026 10:00:00 +0000\r\n"
	for _, test := range []struct{ subject, received, mailbox, want string }{
		{"genuine", genuine, "INBOX", "policy.iprev=192.0.2.10\r\n"},
		{"inner hop", strings.Replace(forged, "192.0.2.66", spare, 1) + genuine, "INBOX", "spf=pass"},
		{"forged", forged + genuine, "Junk", "spf=fail"}, // refused, it would come back to whoever is named
		{"unknown", "", "Junk", "spf=none"},
	} {
		if err := bring(spare, test.subject, test.received); err != nil {
			t.Errorf("%s: %v", test.subject, err)
			continue
		}
		found := o.find(t, test.mailbox, test.subject)
		results, _, _ := strings.Cut(found, "\r\nReceived:")
		if list, judged, err := trust.Stored(strings.NewReader(found), "mail.example.test"); !judged || err != nil || len(list) < 4 || list[0].Reason == "" {
			t.Errorf("%s: kept verdicts %+v, %v, %v", test.subject, list, judged, err)
		}
		if !strings.Contains(results, test.want) {
			t.Errorf("%s: %q; want %q in it", test.subject, results, test.want)
		}
	}
	people, err := o.directory.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range people {
		if p.Address.Local != "alice" {
			continue
		}
		h, err := o.store.Account(t.Context(), p.ID)
		if err != nil {
			t.Fatal(err)
		}
		inbox, err := h.Mailbox(t.Context(), mail.Inbox)
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Judged   bool
			Verdicts []mail.Verdict
		}
		o.api(t, "admin").do("GET", "/api/accounts/"+p.Address.String()+"/verdicts/"+inbox.ID.String()+"/1", nil, &answer)
		if want := (mail.Verdict{Method: "iprev", Result: "pass", Reason: "It came from mail.bank.example (192.0.2.10)"}); !answer.Judged || len(answer.Verdicts) == 0 || answer.Verdicts[0] != want {
			t.Errorf("verdicts %+v; want %+v first", answer, want)
		}
	}
	if e, ok := errors.AsType[*smtp.SMTPError](bring("192.0.2.66", "straight", genuine)); !ok || e.Code != 550 {
		t.Errorf("from a stranger who writes such a field himself: %v; want it refused", e)
	}
}
