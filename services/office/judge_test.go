package office

import (
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-smtp"
	"github.com/miekg/dns"

	"github.com/sanduk-mail/sanduk/services/aggregate"
	"github.com/sanduk-mail/sanduk/services/mailtest"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
	"github.com/sanduk-mail/sanduk/services/smtpd"
)

// TestJudged sends mail from addresses outside the office: what may not be is
// refused, what looks bad is put with the junk, and everything that is taken says
// what was found out. The same mail from the office's own network is not judged.
func TestJudged(t *testing.T) {
	t.Parallel()
	const good, forger, listed, office = "192.0.2.10", "192.0.2.20", "192.0.2.30", "127.0.0.9"
	internet := resolvertest.New(t, map[string]string{
		"bank.example":         "@ TXT \"v=spf1 ip4:192.0.2.10 -all\"\n_dmarc TXT \"v=DMARC1; p=reject; rua=mailto:dmarc@bank.example\"",
		"careful.example":      "@ TXT \"v=spf1 ip4:192.0.2.10 -all\"\n_dmarc TXT \"v=DMARC1; p=quarantine\"",
		"plain.example":        "@ A 192.0.2.99",
		"list.example":         "30.2.0.192 A 127.0.0.2\n30.2.0.192 TXT \"Known for spam\"\n34.2.0.192 A 127.0.0.2",
		"away.example":         "35.2.0.192 A 127.0.0.2",
		"junk.example":         "31.2.0.192 A 127.0.0.4\n33.2.0.192 A 127.0.0.4",
		"2.0.192.in-addr.arpa": "10 PTR mail.bank.example.",
		"mail.bank.example":    "@ A 192.0.2.10",
		"down.example":         "",
		"unanswered.example":   "@ TXT \"v=spf1 include:down.example -all\"",
	})
	internet.Fail("_dmarc.down.example", "TXT", resolvertest.Fault{Rcode: dns.RcodeServerFailure})
	internet.Fail("down.example", "TXT", resolvertest.Fault{Rcode: dns.RcodeServerFailure})
	internet.Fail("35.2.0.192.away.example", "*", resolvertest.Fault{Rcode: dns.RcodeServerFailure})
	o := startOffice(t, t.TempDir(), func(options *Options) {
		options.DNS = internet.Client()
	})
	o.setUpNow(t, 0)
	l := serveStrangers(t, o)
	o.api(t, "admin").do("PUT", "/api/blocklists", map[string]any{"lists": []map[string]string{{"zone": "List.example", "action": "refuse"}, {"zone": "junk.example", "action": "junk"}, {"zone": "away.example", "action": "refuse"}}, "allow": []string{"192.0.2.34"}}, nil)
	t.Run("cases", func(t *testing.T) {
		for name, test := range map[string]struct {
			from, domain string
			refused      string   // the reply; "" if it is taken
			mailbox      string   // where it is then
			fields       []string // what its Authentication-Results say
		}{
			"genuine":         {good, "bank.example", "", "INBOX", []string{"mail.example.test;", "iprev=pass", "spf=pass", "dmarc=pass"}},
			"forged":          {forger, "bank.example", "The message says it comes from bank.example, nothing proves it", "", nil},
			"doubtful":        {forger, "careful.example", "", "Junk", []string{"spf=fail", "dmarc=fail"}},
			"no policy":       {forger, "plain.example", "", "INBOX", []string{"spf=none", "dmarc=none", "dkim=none"}},
			"names are away":  {forger, "down.example", "", "INBOX", []string{"spf=temperror", "dmarc=temperror"}},
			"half of it away": {forger, "unanswered.example", "", "INBOX", []string{"spf=temperror"}},
			"on a list":       {listed, "plain.example", "192.0.2.30 is on the block list list.example: Known for spam", "", nil},
			"on a junk list":  {"192.0.2.31", "plain.example", "", "Junk", []string{"x-dnsbl=fail", "192.0.2.31 is on the block list junk.example", "dns.zone=junk.example"}},
			"allowed":         {"192.0.2.34", "plain.example", "", "INBOX", []string{"spf=none"}},
			"a list is away":  {"192.0.2.35", "plain.example", "", "INBOX", []string{"spf=none"}},
			"from the office": {office, "bank.example", "", "INBOX", nil},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				err := o.bring(t, l, test.from, test.domain, name)
				if test.refused != "" {
					if e, ok := err.(*smtp.SMTPError); !ok || e.Code/100 != 5 || !strings.Contains(e.Message, test.refused) {
						t.Fatalf("got %v; want a permanent refusal that says %q", err, test.refused)
					}
					return
				}
				if err != nil {
					t.Fatalf("got %v; want it taken", err)
				}
				text := o.find(t, test.mailbox, name)
				results, _, _ := strings.Cut(text, "\r\nReceived:")
				_, results, judged := strings.Cut(results, "Authentication-Results: ")
				if judged != (test.fields != nil) {
					t.Fatalf("Authentication-Results is there: %v; want %v\n%s", judged, test.fields != nil, text)
				}
				for _, want := range test.fields {
					if !strings.Contains(results, want) {
						t.Errorf("Authentication-Results say %q; want %q in it", results, want)
					}
				}
			})
		}
	})
	// Whoever's name was used is told tomorrow, of the good and the forged.
	if err := o.aggregate.Keep(); err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join(o.data, aggregate.File))
	if err != nil || len(kept) == 0 {
		t.Fatalf("nothing is kept for reports: %v", err)
	}
	var counts struct{ DMARC []byte }
	if err := json.Unmarshal(kept[1:], &counts); err != nil || !strings.Contains(string(counts.DMARC), "dmarc@bank.example") ||
		!strings.Contains(string(counts.DMARC), good) || !strings.Contains(string(counts.DMARC), forger) || strings.Contains(string(counts.DMARC), office) {
		t.Errorf("counted is %s, %v; want what came from %s and %s for bank.example", counts.DMARC, err, good, forger)
	}
}

// bring hands a message for alice in at port 25.
func (o *testOffice) bring(t *testing.T, l *mailtest.Listener, from, domain, subject string) error {
	t.Helper()
	conn, err := l.DialFrom(netip.MustParseAddr(from))
	if err != nil {
		t.Fatal(err)
	}
	c := smtp.NewClient(conn)
	defer c.Close()
	text := "From: someone@" + domain + "\r\nSubject: " + subject + "\r\n\r\nhello\r\n"
	return c.SendMail("someone@"+domain, []string{"alice@" + testDomain}, strings.NewReader(text))
}

// find gives the one message of alice's mailbox with this subject.
func (o *testOffice) find(t *testing.T, mailbox, subject string) string {
	t.Helper()
	c := o.imap(t, "alice", &imapclient.Options{})
	defer c.Close()
	for _, text := range o.fetchFrom(t, c, mailbox) {
		if strings.Contains(text, "\r\nSubject: "+subject+"\r\n") {
			return text
		}
	}
	t.Fatalf("%q is not in %s", subject, mailbox)
	return ""
}

// serveStrangers has the office's port 25 reached from any address, until the test ends.
func serveStrangers(t *testing.T, o *testOffice) *mailtest.Listener {
	t.Helper()
	s, err := o.newServers()
	if err != nil {
		t.Fatal(err)
	}
	l := mailtest.Listen(25)
	served := make(chan error, 1)
	go func() { served <- s.smtp.Serve(l, smtpd.Mode{}) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = s.smtp.Shutdown(ctx)
		<-served
	})
	return l
}
