package office

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"github.com/sanduk-mail/sanduk/services/dkim"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
)

// publishKeys puts into DNS what a domain of the office signs with.
func publishKeys(t *testing.T, o *testOffice, world *resolvertest.Internet, name string) {
	t.Helper()
	keys, err := o.signer.Keys(t.Context(), domain.Name(name))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range keys.Records() {
		world.Remove(r.Name)
		world.Add(t, name, fmt.Sprintf("%s. 300 TXT %s\n", r.Name, r.ZoneText()))
	}
}

// signedBy holds that a message another server got is signed by the domain, as it
// came out of the wire.
func signedBy(t *testing.T, o *testOffice, world *resolvertest.Internet, text, name string) {
	t.Helper()
	publishKeys(t, o, world, name)
	m, err := dkim.Open(strings.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	results, err := dkim.Verify(t.Context(), world.Client(), m, 10)
	if err != nil || len(results) != 2 {
		t.Fatalf("%d signatures, %v; want 2 on\n%s", len(results), err, text)
	}
	for _, r := range results {
		if r.Word != dkim.Pass || r.Domain != name {
			t.Errorf("%s of %s: %s %s", r.Algorithm, r.Domain, r.Word, r.Reason)
		}
	}
	if !strings.HasPrefix(text, "DKIM-Signature: ") {
		t.Errorf("something stands above the signature: %.100q", text)
	}
}

// TestForwardIsSealed: what is passed on for others says what was found when it came,
// and is not signed as if the office had written it.
func TestForwardIsSealed(t *testing.T) {
	t.Parallel()
	world := resolvertest.New(t, map[string]string{"far.test.": "@ IN MX 10 mx\nmx IN A 127.0.0.9\n", testDomain + ".": ""})
	l, err := net.Listen("tcp", "127.0.0.9:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var far mx
	go far.serve(t, l)
	o := startOffice(t, t.TempDir(), func(options *Options) {
		options.DNS, options.Outgoing = world.Client(), Outgoing{DNS: world.Client(), Port: uint16(l.Addr().(*net.TCPAddr).Port)}
	})
	o.setUpNow(t, 0)
	err = o.directory.ChangeRules(t.Context(), 2, func(r *mail.Rules) {
		r.Forward = []mail.Member{{Address: mail.Address{Local: "alice", Domain: "far.test"}}}
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := smtp.Dial(o.addrs["smtp"])
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	message := "From: x@elsewhere.test\r\nTo: alice@" + testDomain + "\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\nSubject: on\r\n\r\nhello\r\n"
	if err := c.SendMail("x@elsewhere.test", []string{"alice@" + testDomain}, strings.NewReader(message)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the message is passed on", func() bool {
		far.mu.Lock()
		defer far.mu.Unlock()
		return len(far.got) == 1
	})
	publishKeys(t, o, world, testDomain)
	text := far.got[0]
	m, err := dkim.Open(strings.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	chain, err := dkim.VerifyChain(t.Context(), world.Client(), m)
	if err != nil || chain.Word != dkim.Pass || len(chain.Seals) != 1 || chain.Seals[0].Domain != testDomain {
		t.Errorf("the seal: %+v, %v; want one of %s that holds, on\n%s", chain, err, testDomain, text)
	}
	if len(m.Values("DKIM-Signature")) != 0 {
		t.Errorf("somebody else's message is signed:\n%s", text)
	}
}

// TestSigningLeft: mail of a domain whose provider signs leaves as it was written; DNS
// is to have no keys of it, and the administrator reads why. Taken back, it is signed.
func TestSigningLeft(t *testing.T) {
	t.Parallel()
	far, reach := newFar(t)
	o := startOffice(t, t.TempDir(), reach)
	o.setUpNow(t, 0)
	p := published{o.Office}
	keys := func() (n int) {
		t.Helper()
		list, err := p.Proposed(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			if strings.Contains(r.Name, "._domainkey.") {
				n++
			}
		}
		return n
	}
	send := func(subject string) (sent string) {
		t.Helper()
		if err := o.submit(t, "somebody@far.test", "Subject: "+subject+"\r\n\r\nhello\r\n"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the message is there", func() bool {
			far.mu.Lock()
			defer far.mu.Unlock()
			for _, text := range far.got {
				if strings.Contains(text, "Subject: "+subject+"\r\n") {
					sent = text
				}
			}
			return sent != ""
		})
		return sent
	}
	if err := p.SetSigning(t.Context(), mail.Signing{Domain: "elsewhere.test", Provider: true}); !errors.Is(err, mail.ErrNoDomain) {
		t.Errorf("a foreign domain: %v; want ErrNoDomain", err)
	}
	if err := p.SetSigning(t.Context(), mail.Signing{Domain: testDomain, Provider: true}); err != nil {
		t.Fatal(err)
	}
	if sent := send("unsigned"); strings.Contains(sent, "DKIM-Signature") {
		t.Errorf("the provider signs, and the box does:\n%s", sent)
	}
	if notes := (doctor{o.Office}).Health(t.Context()).Notes; keys() != 0 || len(notes) != 1 || !strings.Contains(notes[0], testDomain) {
		t.Errorf("%d keys are proposed, and health says %q; want none, and why", keys(), notes)
	}
	var rule *mail.RuleError
	if err := p.PrepareKeys(t.Context(), testDomain); !errors.As(err, &rule) {
		t.Errorf("new keys of it: %v; want a RuleError", err)
	}
	if err := p.SetSigning(t.Context(), mail.Signing{Domain: testDomain}); err != nil {
		t.Fatal(err)
	}
	signedBy(t, o, far.world, send("signed"), testDomain)
	if notes := p.Notes(); keys() != 2 || notes != nil {
		t.Errorf("%d keys are proposed, with %q; want 2", keys(), notes)
	}
}
