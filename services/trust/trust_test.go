package trust

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/emersion/go-msgauth/authres"
	"github.com/miekg/dns"

	"github.com/sanduk-mail/sanduk/services/dkim"
	"github.com/sanduk-mail/sanduk/services/dmarc"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/resolver"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
)

var _ DNS = (*resolver.Client)(nil)

const (
	ownServer   = "192.0.2.1"
	otherServer = "198.51.100.9"
)

func zones() map[string]string {
	return map[string]string{
		"bank.example": `
@      TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc TXT "v=DMARC1; p=reject; rua=mailto:dmarc@bank.example"
mx     A   192.0.2.1
mx     TXT "v=spf1 a -all"
`,
		"careful.example":         "@ TXT \"v=spf1 ip4:192.0.2.1 -all\"\n_dmarc TXT \"v=DMARC1; p=quarantine\"",
		"plain.example":           "@ TXT \"v=spf1 ip4:192.0.2.1 -all\"",
		"soft.example":            "@ TXT \"v=spf1 ~all\"",
		"broken.example":          "@ TXT \"v=spf1 ip4:nonsense -all\"",
		"loop.example":            "@ TXT \"v=spf1 include:loop.example -all\"",
		"silent.example":          "@ A 192.0.2.1",
		"list.example":            "@ TXT \"v=spf1 ip4:198.51.100.9 -all\"\nmx A 198.51.100.9",
		"2.0.192.in-addr.arpa":    "1 PTR mx.bank.example.\n2 PTR mx.bank.example.",
		"100.51.198.in-addr.arpa": "9 PTR mx.list.example.",
		"bl.example":              "1.2.0.192 A 127.0.0.4\n1.2.0.192 TXT \"Spam source, see \\\"https://bl.example\\\"\"\n2.0.0.127 A 127.0.0.2\n9.100.51.198 A 127.255.255.254",
		"all.example":             "* A 127.0.0.2",
		"dead.example":            "",
	}
}

// fixture is an Internet with keys of some domains.
type fixture struct {
	net  *resolvertest.Internet
	keys map[string]*dkim.Keys
}

func newFixture(t testing.TB, domains ...string) *fixture {
	f := &fixture{resolvertest.New(t, zones()), map[string]*dkim.Keys{}}
	data, err := os.ReadFile("../dkim/testdata/keys.v1") // to make new ones takes longer than all else
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range domains {
		k, err := dkim.DecodeKeys(data)
		if err != nil {
			t.Fatal(err)
		}
		k = &dkim.Keys{Domain: d, Current: []dkim.Pair{k.Current, *k.Next, k.Retired[0]}[i]}
		for _, r := range k.Records() {
			f.net.Add(t, d, fmt.Sprintf("%s. TXT %s\n", r.Name, r.ZoneText()))
		}
		f.keys[d] = k
	}
	return f
}

func (f *fixture) open(t testing.TB, text string) *dkim.Message {
	t.Helper()
	m, err := dkim.Open(strings.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (f *fixture) sign(t testing.TB, domain, text string) string {
	t.Helper()
	fields, err := dkim.Sign(t.Context(), f.open(t, text), f.keys[domain].Signing(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return string(fields) + text
}

// forward passes a message on through a domain that checks, seals and perhaps
// changes it.
func (f *fixture) forward(t testing.TB, domain string, r *Judgement, text string, change func(string) string) string {
	t.Helper()
	changed := change(text)
	fields, err := dkim.SealMessage(t.Context(), f.open(t, changed), r.Chain, f.keys[domain].Signing()[0], r.Results("mx."+domain), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return string(fields) + changed
}

func envelope(peer, helo, from string) *mail.Envelope {
	e := &mail.Envelope{Received: time.Now(), Peer: mail.Peer{Addr: netip.MustParseAddr(peer), Helo: helo}}
	if from != "" {
		local, domain, _ := strings.Cut(from, "@")
		e.From = mail.Address{Local: local, Domain: domain}
	}
	return e
}

func (f *fixture) judge(t testing.TB, o Options, e *mail.Envelope, text string) *Judgement {
	t.Helper()
	return New(f.net.Client(), o).Message(t.Context(), e, strings.NewReader(text), int64(len(text)))
}

// find is the first verdict of a method, with a property of that name.
func find(r *Judgement, m Method, property string) Verdict {
	for _, v := range r.Verdicts {
		for _, p := range append(v.Properties, Property{}) {
			if v.Method == m && (property == "" || p.Name == property) {
				return v
			}
		}
	}
	return Verdict{}
}

func letter(from string) string {
	return "From: " + from + "\r\nTo: a@office.example\r\nSubject: hello\r\n\r\ntext\r\n"
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.net.Fail("down.example", "*", resolvertest.Fault{Rcode: dns.RcodeServerFailure})
	for _, test := range []struct {
		name, peer, helo, from string
		method                 Method
		property               string
		want                   Result
		reason                 string
	}{
		{"own server", ownServer, "mx.bank.example", "a@bank.example", SPF, "mailfrom", Pass, "may send for bank.example"},
		{"other server", otherServer, "mx.bank.example", "a@bank.example", SPF, "mailfrom", Fail, "may not send for bank.example"},
		{"soft", ownServer, "x.example", "a@soft.example", SPF, "mailfrom", SoftFail, "probably may not"},
		{"no record", ownServer, "x.example", "a@silent.example", SPF, "mailfrom", None, "does not say"},
		{"no domain", ownServer, "x.example", "a@missing.example", SPF, "mailfrom", None, "does not say"},
		{"broken", ownServer, "x.example", "a@broken.example", SPF, "mailfrom", PermError, "wrongly"},
		{"a circle", ownServer, "x.example", "a@loop.example", SPF, "mailfrom", PermError, "wrongly"},
		{"down", ownServer, "x.example", "a@down.example", SPF, "mailfrom", TempError, "just now"},
		{"literal", ownServer, "x.example", "a@[192.0.2.1]", SPF, "mailfrom", None, "no domain"},
		{"HELO", ownServer, "MX.bank.example", "a@plain.example", SPF, "helo", Pass, "may send for mx.bank.example"},
		{"HELO of another", otherServer, "mx.bank.example", "a@plain.example", SPF, "helo", Fail, ""},
		{"HELO literal", ownServer, "[192.0.2.1]", "a@plain.example", SPF, "helo", "", ""},
		{"HELO without dots", ownServer, "localhost", "a@plain.example", SPF, "helo", "", ""},
		{"null sender", ownServer, "mx.bank.example", "", SPF, "helo", Pass, ""},
		{"null sender, no name", ownServer, "pc", "", SPF, "", None, "no sender"},
		{"name", ownServer, "x", "a@plain.example", IPRev, "iprev", Pass, "mx.bank.example"},
		{"name of another", "192.0.2.2", "x", "a@plain.example", IPRev, "iprev", Fail, "does not lead back"},
		{"no name", "192.0.2.3", "x", "a@plain.example", IPRev, "iprev", PermError, "has no name"},
		{"IPv6", "2001:db8::1", "x", "a@plain.example", SPF, "mailfrom", Fail, ""},
		{"mapped", "::ffff:192.0.2.1", "x", "a@plain.example", SPF, "mailfrom", Pass, ""},
	} {
		r := f.judge(t, Options{}, envelope(test.peer, test.helo, test.from), letter("a@silent.example"))
		v := find(r, test.method, test.property)
		if v.Result != test.want || !strings.Contains(v.Reason, test.reason) || v.Result == TempError && v.Cause == nil {
			t.Errorf("%s: got %+v, want %s with %q", test.name, v, test.want, test.reason)
		}
		for _, v := range r.Verdicts {
			if v.Result == "" || v.Reason == "" {
				t.Errorf("%s: a verdict says nothing: %+v", test.name, v)
			}
		}
	}
}

func TestDispositions(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "bank.example", "list.example", "evil.example")
	f.net.Fail("_dmarc.slow.example", "TXT", resolvertest.Fault{Rcode: dns.RcodeServerFailure})
	bank := letter("Bank <a@bank.example>")
	for _, test := range []struct {
		name       string
		peer, from string
		text       string
		options    Options
		want       Action
		reason     string
	}{
		{"own server", ownServer, "a@bank.example", bank, Options{}, Accept, ""},
		{"signed, passed on", otherServer, "x@list.example", f.sign(t, "bank.example", bank), Options{}, Accept, ""},
		{"forged", otherServer, "a@bank.example", bank, Options{}, Refuse, "Nothing proves that it comes from bank.example"},
		{"forged, signed by the forger", otherServer, "a@evil.example", f.sign(t, "evil.example", bank), Options{}, Refuse, ""},
		{"forged, an office that does not refuse", otherServer, "a@bank.example", bank, Options{Lenient: true}, Junk, ""},
		{"quarantine", otherServer, "a@careful.example", letter("a@careful.example"), Options{}, Junk, "put aside"},
		{"no policy, SPF fails", otherServer, "a@plain.example", letter("a@plain.example"), Options{}, Junk, "may not send"},
		{"no policy at all", otherServer, "a@silent.example", letter("a@silent.example"), Options{}, Accept, ""},
		{"changed by a list", otherServer, "x@list.example", f.sign(t, "list.example", "List-Id: <l.list.example>\r\n"+bank), Options{}, Junk, "mailing list"},
		{"says that it is a list", otherServer, "x@list.example", "List-Id: <l.list.example>\r\n" + bank, Options{}, Refuse, ""},
		{"two authors", ownServer, "a@bank.example", "From: a@evil.example\r\n" + bank, Options{}, Junk, "more than once"},
		{"authors of two domains", ownServer, "a@bank.example", letter("a@bank.example, b@evil.example"), Options{}, Junk, "several domains"},
		{"no author", ownServer, "a@bank.example", "Subject: x\r\n\r\nx\r\n", Options{}, Junk, "names no author"},
		{"an author that is nothing", ownServer, "a@bank.example", letter("nobody"), Options{}, Junk, "can't be read"},
		{"a name that looks like an author", otherServer, "a@evil.example", letter(`"a@silent.example" <a@bank.example>`), Options{}, Refuse, ""},
		{"DNS is down", otherServer, "a@slow.example", letter("a@slow.example"), Options{}, Accept, ""},
		{"a huge header", ownServer, "a@bank.example", strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 1100) + bank, Options{}, Junk, "too long"},
	} {
		r := f.judge(t, test.options, envelope(test.peer, "mx.list.example", test.from), test.text)
		d := r.Disposition
		if d.Action != test.want || !strings.Contains(d.Reason, test.reason) {
			t.Errorf("%s: got %+v (DMARC %+v), want %d with %q", test.name, d, r.DMARC, test.want, test.reason)
		}
		if d.Action == Refuse && (d.Refusal.Status != mail.Status5_7_26NotAuthentic || d.Refusal.Temporary() || len(d.Refusal.Text) > 400) {
			t.Errorf("%s: refused with %v", test.name, d.Refusal)
		}
	}
}

// TestUncertain: what would be refused is not refused while its proof can't be
// looked up.
func TestUncertain(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "bank.example")
	selector := f.keys["bank.example"].Signing()[0].Selector
	f.net.Fail(selector+"._domainkey.bank.example", "TXT", resolvertest.Fault{Rcode: dns.RcodeServerFailure})
	text := f.sign(t, "bank.example", letter("a@bank.example"))
	text = text[:strings.Index(text, "DKIM-Signature: v=1; a=ed25519")] + letter("a@bank.example")
	r := f.judge(t, Options{}, envelope(otherServer, "x", "a@silent.example"), text)
	if r.Disposition.Action != TryLater || !r.Disposition.Refusal.Temporary() {
		t.Errorf("got %+v, want a temporary refusal", r.Disposition)
	}
}

func TestSealers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "bank.example", "list.example", "evil.example")
	trusted := Options{Sealers: []string{"list.example"}}
	footer := func(s string) string { return s + "-- \r\nfooter\r\n" }
	none := func(s string) string { return s }
	signed := f.sign(t, "bank.example", letter("a@bank.example"))
	genuine := f.judge(t, trusted, envelope(ownServer, "mx.bank.example", "a@bank.example"), signed)
	forged := f.judge(t, Options{Lenient: true}, envelope(otherServer, "x", "a@bank.example"), letter("a@bank.example"))
	e := envelope(otherServer, "mx.list.example", "x@list.example")

	viaList := f.forward(t, "list.example", genuine, signed, footer)
	r := f.judge(t, trusted, e, viaList)
	if d := r.Disposition; d.Action != Accept || d.Override != "trusted_forwarder" || !strings.Contains(d.Reason, "list.example") {
		t.Errorf("sealed by a trusted list: got %+v, %s", d, find(r, ARC, "").Reason)
	}
	if o, ok := r.Observation(e); !ok || o.Override != "trusted_forwarder" || o.Disposition != dmarc.Monitor || o.SPF.Result != "pass" {
		t.Errorf("observation: got %+v, %t", o, ok)
	}
	for name, test := range map[string]struct {
		text    string
		options Options
	}{
		"nobody is trusted":           {viaList, Options{}},
		"another is trusted":          {viaList, Options{Sealers: []string{"example"}[:0]}},
		"it was forged before":        {f.forward(t, "list.example", forged, letter("a@bank.example"), footer), trusted},
		"an untrusted seal":           {f.forward(t, "evil.example", genuine, signed, footer), trusted},
		"changed behind the seal":     {viaList + "more\r\n", trusted},
		"the seal speaks of another":  {strings.Replace(viaList, "From: a@bank.example", "From: b@bank.example", 1), trusted},
		"trusted behind an untrusted": {f.forward(t, "list.example", f.judge(t, Options{Lenient: true}, e, f.forward(t, "evil.example", genuine, signed, footer)), f.forward(t, "evil.example", genuine, signed, footer), none), trusted},
	} {
		if d := f.judge(t, test.options, e, test.text).Disposition; d.Action != Refuse {
			t.Errorf("%s: got %+v, want a refusal", name, d)
		}
	}
}

func lists(list ...mail.BlockList) func() mail.BlockLists {
	return func() mail.BlockLists {
		return mail.BlockLists{Lists: list, Allow: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}
	}
}

func TestConnection(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.net.Fail("1.2.0.192.slow.example", "A", resolvertest.Fault{Rcode: dns.RcodeServerFailure})
	j := New(f.net.Client(), Options{Lists: lists(mail.BlockList{Zone: "bl.example", Refuse: true}, mail.BlockList{Zone: "slow.example", Refuse: true}, mail.BlockList{Zone: "all.example"})})
	verdicts, err := j.Connection(t.Context(), netip.MustParseAddr(ownServer))
	refusal, ok := errors.AsType[*mail.Refusal](err)
	if !ok || refusal.Status.Class() != 5 || !strings.Contains(refusal.Text, `bl.example: Spam source, see "https://bl.example"`) {
		t.Errorf("listed: got %v", err)
	}
	for i, want := range []Result{Fail, TempError, Fail} {
		if verdicts[i].Result != want {
			t.Errorf("verdict %d: got %+v, want %s", i, verdicts[i], want)
		}
	}
	if verdicts, err := j.Connection(t.Context(), netip.MustParseAddr(otherServer)); err != nil || verdicts[0].Result != TempError {
		t.Errorf("a list that refuses to answer: got %+v, %v", verdicts, err)
	}
	if verdicts, err := j.Connection(t.Context(), netip.MustParseAddr("10.1.2.3")); err != nil || len(verdicts) != 0 {
		t.Errorf("a private address: got %+v, %v", verdicts, err)
	}
	if got, want := reversed(netip.MustParseAddr("2001:db8::1")), "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"; got != want {
		t.Errorf("reversed: got %s, want %s", got, want)
	}
	for zone, want := range map[string]string{"bl.example": "", "all.example": "lists everybody", "dead.example": "has probably ended"} {
		if got := j.CheckList(t.Context(), zone); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", zone, got, want)
		}
	}
}

// TestSlowDNS: a name server that never answers costs a bounded time.
func TestSlowDNS(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, "bank.example")
		text := f.sign(t, "bank.example", letter("a@bank.example"))
		for _, name := range []string{"bank.example", "_dmarc.bank.example", "1.2.0.192.in-addr.arpa", "mx.bank.example"} {
			f.net.Fail(name, "*", resolvertest.Fault{Silent: true})
		}
		for _, k := range f.keys["bank.example"].Signing() {
			f.net.Fail(k.Selector+"._domainkey.bank.example", "*", resolvertest.Fault{Silent: true})
		}
		began := time.Now()
		r := f.judge(t, Options{}, envelope(ownServer, "mx.bank.example", "a@bank.example"), text)
		if took := time.Since(began); took > judgeTime {
			t.Errorf("took %s, want at most %s", took, judgeTime)
		}
		for _, v := range r.Verdicts {
			if v.Result != TempError && v.Method != ARC {
				t.Errorf("got %+v, want temperror", v)
			}
		}
		time.Sleep(time.Hour) // look-ups under way end by themselves
	})
}

func TestAuthenticationResults(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "bank.example")
	text := f.sign(t, "bank.example", letter("a@bank.example"))
	e := envelope(otherServer, "mx.list.example", `we"ird\@soft.example`)
	r := f.judge(t, Options{Lists: lists(mail.BlockList{Zone: "all.example"})}, e, text)
	field := r.AuthenticationResults("box.office.example")
	for line := range bytes.Lines(field) {
		if !bytes.HasSuffix(line, []byte("\r\n")) || bytes.ContainsAny(line[:len(line)-2], "\r\n") || len(line) > 200 {
			t.Errorf("line %q", line)
		}
	}
	value := strings.TrimSpace(strings.TrimPrefix(string(field), "Authentication-Results:"))
	host, verdicts, err := ParseResults(value)
	if err != nil || host != "box.office.example" || len(verdicts) != len(r.Verdicts) {
		t.Fatalf("read back: got %q, %+v, %v", host, verdicts, err)
	}
	for i, v := range r.Verdicts {
		if got := verdicts[i]; got.Method != v.Method || got.Result != v.Result || fmt.Sprint(got.Properties) != fmt.Sprint(v.Properties) {
			t.Errorf("read back: got %+v, want %+v", got, v)
		}
	}
	plain := envelope(otherServer, "mx.list.example", "a@soft.example")
	value = f.judge(t, Options{}, plain, text).Results("box.office.example")
	host, results, err := authres.Parse(strings.ReplaceAll(value, "\r\n", ""))
	if err != nil || host != "box.office.example" || len(results) == 0 {
		t.Errorf("go-msgauth reads %q, %v, %v", host, results, err)
	}
	if got := (&Judgement{}).Results("box.office.example"); got != "box.office.example; none" {
		t.Errorf("without verdicts: got %q", got)
	}
}

func TestForeign(t *testing.T) {
	t.Parallel()
	text := "Received: x\r\n" +
		"Authentication-Results: box.office.example; dmarc=pass\r\n" +
		"Authentication-Results : box.office.example; dkim=pass\r\n" +
		"authentication-results: (hi) \"BOX.office.example\"\r\n\t1; spf=pass\r\n" +
		"Authentication-Results: other.example; spf=fail\r\n" +
		"X: y\r\n" +
		"Authentication-Results: box.office.example.evil.example; none\r\n" +
		"Authentication-Results:\r\n" +
		"Authentication-Results: box.office.example/1; none\r\n" +
		"\r\nAuthentication-Results: box.office.example; none\r\n"
	ranges, err := Foreign(strings.NewReader(text), int64(len(text)), "box.office.example", "old.office.example")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(Without(strings.NewReader(text), int64(len(text)), ranges))
	want := "Received: x\r\nAuthentication-Results: other.example; spf=fail\r\nX: y\r\nAuthentication-Results: box.office.example.evil.example; none\r\n" +
		"Authentication-Results: box.office.example/1; none\r\n\r\nAuthentication-Results: box.office.example; none\r\n"
	if err != nil || string(got) != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if err := iotest.TestReader(Without(strings.NewReader(text), int64(len(text)), ranges), []byte(want)); err != nil {
		t.Error(err)
	}
	all := Without(strings.NewReader("ab"), 2, []Range{{0, 1}, {1, 2}})
	if err := iotest.TestReader(all, nil); err != nil || all.Size() != 0 {
		t.Errorf("all is cut: %v", err)
	}
}

func TestParseResults(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"example.org 1; none": "example.org []",
		`example.com; auth=pass (cram-md5) smtp.auth=sender@example.net; spf=pass smtp.mailfrom=example.net`:                         "example.com [auth=pass [{smtp auth sender@example.net}] spf=pass [{smtp mailfrom example.net}]]",
		`foo.example.net (foobar) 1 (baz); dkim (Because I like it) / 1 (One yay) = (wait for it) fail policy (A dot can go here) .`: "error",
		`a.example; dkim=pass header.b=AuUo/Ef+= header.d=x;`:                                                                        "a.example [dkim=pass [{header b AuUo/Ef+=} {header d x}]]",
		`a.example; dkim=fail reason="it \"broke\"" header.d=x; dmarc=pass`:                                                          "a.example [dkim=fail [{header d x}] dmarc=pass []]",
		`a.example; dkim`:                    "error",
		`a.example; dkim=pass "`:             "a.example [dkim=pass []]",
		strings.Repeat("(", 1000) + "a; b=c": "error",
		"":                                   "error",
	} {
		host, verdicts, err := ParseResults(text)
		got := "error"
		if err == nil {
			var list []string
			for _, v := range verdicts {
				list = append(list, fmt.Sprintf("%s=%s %v", v.Method, v.Result, v.Properties))
			}
			got = fmt.Sprintf("%s %v", host, list)
		}
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", text, got, want)
		}
	}
}

func FuzzParseResults(f *testing.F) {
	f.Add(`foo.example.net (foobar) 1 (baz); dkim (Because I like it) / 1 (One yay) = (wait for it) fail policy.x="a\"b"; spf=pass`)
	f.Fuzz(func(t *testing.T, text string) {
		_, verdicts, err := ParseResults(text)
		if err != nil {
			return
		}
		// What was read can be written, and read again as the same.
		r := &Judgement{Verdicts: verdicts}
		for _, v := range verdicts {
			for _, p := range append(v.Properties, Property{string(v.Method), string(v.Result), ""}) {
				if strings.ContainsFunc(p.Type+p.Name+p.Value, func(r rune) bool { return r < '!' || r > '~' || strings.ContainsRune(`;=()"/\.`, r) }) || p.Type == "" || p.Name == "" || len(p.Value) > maxWord {
					return // only strange names: nobody writes those back
				}
			}
			if v.Method == DNSBL || v.Method == "none" {
				return
			}
		}
		_, again, err := ParseResults(r.Results("host.example"))
		if err != nil || len(again) != len(verdicts) {
			t.Fatalf("%q: written as %q, read as %+v, %v", text, r.Results("host.example"), again, err)
		}
	})
}

func FuzzSPF(f *testing.F) {
	f.Add("v=spf1 a mx:bank.example include:%{d2}.example exists:%{ir}.x ptr ip4:192.0.2.0/24 ip6:2001:db8::/32 redirect=_x -all")
	f.Fuzz(func(t *testing.T, text string) {
		n := resolvertest.New(t, map[string]string{"a.example": ""})
		n.Fail("a.example", "TXT", resolvertest.Fault{Change: func(m *dns.Msg) {
			m.Answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: "a.example.", Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 1}, Txt: pieces(text)}}
		}})
		v := New(n.Client(), Options{}).checkSPF(t.Context(), envelope(ownServer, "h.example", "a@a.example"), "a.example", "a@a.example")
		if v.Result == "" || strings.Contains(fmt.Sprint(v.Cause), "panic") {
			t.Errorf("%q: got %+v", text, v)
		}
	})
}

// pieces is a text as strings of a TXT record, escaped as zone files are.
func pieces(text string) []string {
	var list []string
	for len(text) > 0 && len(list) < 20 {
		n := min(200, len(text))
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "\\%03d", text[i])
		}
		list, text = append(list, b.String()), text[n:]
	}
	return list
}

func FuzzMessage(f *testing.F) {
	fx := newFixture(f, "bank.example")
	f.Add([]byte(fx.sign(f, "bank.example", letter("a@bank.example"))), "mx.bank.example", "bank.example")
	f.Fuzz(func(t *testing.T, text []byte, helo, domain string) {
		e := envelope(ownServer, helo, "")
		e.From = mail.Address{Local: "a", Domain: domain}
		r := New(fx.net.Client(), Options{Sealers: []string{"bank.example"}}).Message(t.Context(), e, bytes.NewReader(text), int64(len(text)))
		field := r.AuthenticationResults("box.office.example")
		if bytes.Count(field, []byte("\n")) != bytes.Count(field, []byte("\r\n")) || bytes.Contains(field, []byte("\r\n\r\n")) {
			t.Errorf("a field that leaves its line: %q", field)
		}
		r.Observation(e)
		_, _ = Foreign(bytes.NewReader(text), int64(len(text)), "box.office.example")
	})
}
