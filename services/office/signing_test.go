package office

import (
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
