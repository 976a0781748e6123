package dmarc

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/sanduk-mail/sanduk/services/resolver"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
)

var _ DNS = (*resolver.Client)(nil)

func internet(t testing.TB) *resolvertest.Internet {
	return resolvertest.New(t, map[string]string{
		"example.com": `
_dmarc            TXT "v=DMARC1; p=reject; sp=quarantine; np=reject; rua=mailto:dmarc@example.com"
sub               A   192.0.2.1
_dmarc.own        TXT "v=DMARC1; p=none"
own               A   192.0.2.1
_dmarc.unit       TXT "v=DMARC1; p=reject; psd=n"
a.unit            A   192.0.2.1
_dmarc.two        TXT "v=DMARC1; p=none"
_dmarc.two        TXT "v=DMARC1; p=reject"
two               A   192.0.2.1
1.2.3.4.5.6.7.8.9 A   192.0.2.1
`,
		"strict.example":   `_dmarc TXT "v=DMARC1; p=reject; adkim=s; aspf=s"` + "\nsub A 192.0.2.1",
		"testing.example":  `_dmarc TXT "v=DMARC1; p=reject; t=y"`,
		"pct.example":      `_dmarc TXT "v=DMARC1; p=reject; pct=0"`,
		"half.example":     `_dmarc TXT "v=DMARC1; p=reject; pct=50"`,
		"badp.example":     `_dmarc TXT "v=DMARC1; p=refuse; rua=mailto:a@badp.example"`,
		"badp2.example":    `_dmarc TXT "v=DMARC1; p=refuse"`,
		"badsp.example":    `_dmarc TXT "v=DMARC1; p=reject; sp=refuse; rua=mailto:a@badsp.example"` + "\nsub A 192.0.2.1",
		"wrong.example":    `_dmarc TXT "V=DMARC1; p=reject"`,
		"bank":             `_dmarc TXT "v=DMARC1; p=reject; np=reject; psd=y"`,
		"one.bank":         `@ A 192.0.2.1` + "\n_dmarc TXT \"v=DMARC1; p=quarantine\"\nmail A 192.0.2.1",
		"two.bank":         `@ A 192.0.2.1` + "\nmail A 192.0.2.1",
		"plain.example":    `@ A 192.0.2.1`,
		"xn--bcher-kva.de": `_dmarc TXT "v=DMARC1; p=reject"`,
	})
}

func TestDiscover(t *testing.T) {
	t.Parallel()
	d := internet(t).Client()
	for _, test := range []struct {
		domain, at, org string
		policy          Policy
	}{
		{"example.com", "example.com", "example.com", Reject},
		{"Example.COM.", "example.com", "example.com", Reject},
		{"sub.example.com", "example.com", "example.com", Quarantine},
		{"missing.example.com", "example.com", "example.com", Reject}, // np
		{"own.example.com", "own.example.com", "example.com", Monitor},
		{"unit.example.com", "unit.example.com", "unit.example.com", Reject},
		{"a.unit.example.com", "unit.example.com", "unit.example.com", Reject},
		{"two.example.com", "example.com", "example.com", Quarantine}, // two records are none
		{"1.2.3.4.5.6.7.8.9.example.com", "example.com", "example.com", Quarantine},
		{"badp.example", "badp.example", "badp.example", Monitor},
		{"badp2.example", "", "badp2.example", NoPolicy},
		{"sub.badsp.example", "badsp.example", "badsp.example", Monitor},
		{"badsp.example", "badsp.example", "badsp.example", Reject},
		{"wrong.example", "", "wrong.example", NoPolicy},
		{"one.bank", "one.bank", "one.bank", Quarantine},
		{"mail.one.bank", "one.bank", "one.bank", Quarantine},
		{"mail.two.bank", "bank", "two.bank", Reject},
		{"three.bank", "bank", "three.bank", Reject},
		{"bank", "bank", "bank", Reject},
		{"plain.example", "", "plain.example", NoPolicy},
		{"bücher.de", "xn--bcher-kva.de", "xn--bcher-kva.de", Reject},
	} {
		f, err := Discover(t.Context(), d, test.domain)
		if err != nil || f.Domain != test.at || f.Organization != test.org || f.Policy != test.policy {
			t.Errorf("%s: got %+v, %v; want %s at %s, organization %s", test.domain, f, err, test.policy, test.at, test.org)
		}
	}
}

func TestWalkIsBounded(t *testing.T) {
	t.Parallel()
	asked := 0
	n := internet(t)
	client := n.Client()
	domain := strings.Repeat("a.", 100) + "example.com"
	steps, err := walk(t.Context(), countingDNS{client, &asked}, domain)
	if err != nil || asked != 8 || len(steps) != 1 {
		t.Errorf("got %d steps after %d questions, %v; want 1 after 8", len(steps), asked, err)
	}
}

type countingDNS struct {
	*resolver.Client
	asked *int
}

func (c countingDNS) TXT(ctx context.Context, name string) (resolver.Answer[string], error) {
	*c.asked++
	return c.Client.TXT(ctx, name)
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	n := internet(t)
	n.Fail("_dmarc.down.example.com", "TXT", resolvertest.Fault{Rcode: dns.RcodeServerFailure})
	d := n.Client()
	for name, test := range map[string]struct {
		evidence Evidence
		word     Word
		policy   Policy
	}{
		"SPF":                         {Evidence{From: "example.com", SPF: "example.com"}, Pass, Monitor},
		"SPF of a subdomain":          {Evidence{From: "example.com", SPF: "bounce.example.com"}, Pass, Monitor},
		"SPF of the parent":           {Evidence{From: "sub.example.com", SPF: "example.com"}, Pass, Monitor},
		"a sister's":                  {Evidence{From: "sub.example.com", DKIM: []string{"other.example.com"}}, Pass, Monitor},
		"DKIM":                        {Evidence{From: "example.com", DKIM: []string{"esp.example", "Example.com"}}, Pass, Monitor},
		"nothing":                     {Evidence{From: "example.com"}, Fail, Reject},
		"another's":                   {Evidence{From: "example.com", SPF: "evil.example", DKIM: []string{"evil.example", "notexample.com", "com"}}, Fail, Reject},
		"a subdomain, nothing":        {Evidence{From: "sub.example.com"}, Fail, Quarantine},
		"a unit of its own":           {Evidence{From: "example.com", SPF: "unit.example.com"}, Fail, Reject},
		"strict":                      {Evidence{From: "strict.example", SPF: "sub.strict.example", DKIM: []string{"sub.strict.example"}}, Fail, Reject},
		"strict, the same":            {Evidence{From: "strict.example", DKIM: []string{"strict.example"}}, Pass, Monitor},
		"testing":                     {Evidence{From: "testing.example"}, Fail, Quarantine},
		"pct=0":                       {Evidence{From: "pct.example"}, Fail, Quarantine},
		"pct=50":                      {Evidence{From: "half.example"}, Fail, Reject},
		"two registrants of a suffix": {Evidence{From: "one.bank", SPF: "two.bank"}, Fail, Quarantine},
		"the suffix itself":           {Evidence{From: "one.bank", SPF: "bank"}, Fail, Quarantine},
		"no policy":                   {Evidence{From: "plain.example"}, None, Monitor},
		"DNS is down":                 {Evidence{From: "down.example.com"}, TempError, Monitor},
		"SPF is not known":            {Evidence{From: "example.com", Uncertain: true}, TempError, Reject},
		"SPF is not known, DKIM is":   {Evidence{From: "example.com", Uncertain: true, DKIM: []string{"example.com"}}, Pass, Monitor},
		"no domain":                   {Evidence{From: "[192.0.2.1]"}, None, Monitor},
		"empty":                       {Evidence{From: ""}, None, Monitor},
	} {
		v := Evaluate(t.Context(), d, test.evidence)
		if v.Word != test.word || v.Policy != test.policy || v.Reason == "" {
			t.Errorf("%s: got %s, %s (%s); want %s, %s", name, v.Word, v.Policy, v.Reason, test.word, test.policy)
		}
	}
}

func TestParseRecord(t *testing.T) {
	t.Parallel()
	r, err := ParseRecord("v=DMARC1 ; p = Reject; sp=none; fo=1:d; rua=mailto:a@example.com!10m, https://x.example, mailto:b%40c@example.org,mailto:%22c%20d%22@example.com; adkim=S;;x=y")
	if err != nil || r.Policy != Reject || r.Subdomains != Monitor || !r.StrictDKIM || r.StrictSPF || r.Failures != "1:d" {
		t.Errorf("got %+v, %v", r, err)
	}
	if want := []string{"a@example.com"}; len(r.Reports) == 0 || r.Reports[0] != want[0] {
		t.Errorf("reports: got %q", r.Reports)
	}
	for _, text := range []string{"", "p=reject", "v=DMARC2; p=reject", "v=spf1 -all", "v=DMARC1" + strings.Repeat(" ", 5000), "x; v=DMARC1"} {
		if _, err := ParseRecord(text); !errors.Is(err, ErrRecord) {
			t.Errorf("%.20q: got %v, want ErrRecord", text, err)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add("v=DMARC1; p=reject; rua=mailto:a@example.com!10m,mailto:b@example.com; t=y; psd=n; np=none")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRecord(text)
		if err != nil {
			return
		}
		for _, a := range r.Reports {
			if strings.ContainsAny(a, "\r\n") || !strings.Contains(a, "@") {
				t.Errorf("%q: a report would go to %q", text, a)
			}
		}
		if r, ok := r.valid(r.badSub); ok && r.Policy == NoPolicy {
			t.Errorf("%q: no policy", text)
		}
	})
}

func TestReportRecipients(t *testing.T) {
	t.Parallel()
	n := internet(t)
	n.Add(t, "agrees.example", `example.com._report._dmarc TXT "v=DMARC1"`)
	n.Add(t, "any.example", `*._report._dmarc TXT "v=DMARC1;"`)
	n.Add(t, "refuses.example", "@ A 192.0.2.1")
	r := &Report{Published: Published{Domain: "example.com", Reports: []string{"a@example.com", "b@sub.example.com", "c@agrees.example", "d@any.example", "e@refuses.example", "f@unit.example.com"}}}
	got, err := r.Recipients(t.Context(), n.Client())
	if want := []string{"a@example.com", "b@sub.example.com", "c@agrees.example", "d@any.example"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	n.Fail("example.com._report._dmarc.slow.example", "TXT", resolvertest.Fault{Rcode: dns.RcodeServerFailure})
	r.Published.Reports = append(r.Published.Reports, "g@slow.example")
	if got, err := r.Recipients(t.Context(), n.Client()); err == nil {
		t.Errorf("DNS is down: got %q and no error", got)
	}
}

func address(i int) netip.Addr {
	return netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1))
}
