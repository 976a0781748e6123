package zone

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/dkim"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
	"github.com/sanduk-mail/sanduk/services/tlscert"
)

// testOffice has a domain with keys in all uses, and another that is collected.
func testOffice(t *testing.T) Office {
	t.Helper()
	data, err := os.ReadFile("../dkim/testdata/keys.v1")
	if err != nil {
		t.Fatal(err)
	}
	k, err := dkim.DecodeKeys(data)
	if err != nil {
		t.Fatal(err)
	}
	k.Domain = "office.test"
	for i := range k.Retired {
		k.Retired[i].Retired = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	}
	files, err := durable.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	if err := durable.MkdirAllSync(files, "private", 0o700); err != nil {
		t.Fatal(err)
	}
	certs, err := tlscert.Open(tlscert.Options{FS: files, Identity: tlscert.Identity{Names: []string{"mail.office.test"}}})
	if err != nil {
		t.Fatal(err)
	}
	return Office{
		Now:      time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
		Hostname: "mail.office.test", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("203.0.113.7")},
		Domains:   []Domain{{Name: "office.test", Keys: k.Records()}, {Name: "second.test", Collected: true}},
		Authority: certs.CA(),
	}
}

// world has the zones of the office, with nothing in them, and a few more.
func world(t *testing.T) *resolvertest.Internet {
	return resolvertest.New(t, map[string]string{"office.test.": "", "second.test.": "", "in-addr.arpa.": ""})
}

// putInto puts a zone file into DNS, each record into its zone.
func putInto(t *testing.T, n *resolvertest.Internet, file string) {
	t.Helper()
	parser := dns.NewZoneParser(strings.NewReader(file), "", "")
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		zone := "office.test"
		if strings.HasSuffix(rr.Header().Name, "second.test.") {
			zone = "second.test"
		}
		n.Add(t, zone, rr.String()+"\n")
	}
	if err := parser.Err(); err != nil {
		t.Fatalf("the zone file can't be read: %v\n%s", err, file)
	}
}

func find(t *testing.T, list []Record, kind, name string) *Record {
	t.Helper()
	for i := range list {
		if list[i].Type == kind && list[i].Name == name {
			return &list[i]
		}
	}
	t.Fatalf("there is no %s record of %s", kind, name)
	return nil
}

// TestPublished: who publishes the file as it is written has everything right.
func TestPublished(t *testing.T) {
	t.Parallel()
	o, n := testOffice(t), world(t)
	records := Records(o)
	for _, r := range Look(t.Context(), n.Client(), o, records) {
		if r.State != Missing && r.Need != Later {
			t.Errorf("in empty DNS: %s %s is %q", r.Type, r.Name, r.State)
		}
		if r.State == Missing && r.ToDo == "" {
			t.Errorf("%s %s is missing, and nothing is said of what to do", r.Type, r.Name)
		}
	}
	var file bytes.Buffer
	if err := WriteFile(&file, records, nil); err != nil {
		t.Fatal(err)
	}
	putInto(t, n, file.String())
	n.Add(t, "in-addr.arpa", "7.113.0.203.in-addr.arpa. 300 PTR mail.office.test.\n")
	list := Look(t.Context(), n.Client(), o, records)
	for _, r := range list {
		if r.State != OK {
			t.Errorf("%s %s is %s: %s %q", r.Type, r.Name, r.State, r.ToDo, r.Found)
		}
	}
	if len(list) != len(records)+1 || !Well(list) {
		t.Errorf("%d records, %d proposed, well is %v; want one more, for the address", len(list), len(records), Well(list))
	}
	if p := find(t, list, "PTR", "7.113.0.203.in-addr.arpa"); p.State != OK {
		t.Errorf("the address's name: %+v", p)
	}
}

// TestDiffers: what is there and will not do is told, with what to do.
func TestDiffers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, kind string
		text       string // "" is nothing
		want       State
		say        string
	}{
		{"office.test", "MX", "@ MX 10 mx.elsewhere.test.", Differs, "another server"},
		{"office.test", "MX", "@ MX 5 mx.elsewhere.test.\n@ MX 10 mail", OK, ""},
		{"second.test", "MX", "@ MX 10 mx.provider.test.", OK, "collects"},
		{"office.test", "TXT", `@ TXT "v=spf1 ip4:203.0.113.0/24 -all"`, OK, ""},
		{"office.test", "TXT", `@ TXT "v=spf1 ip4:198.51.100.1 ~all"`, Differs, "a:mail.office.test"},
		{"office.test", "TXT", "@ TXT \"v=spf1 a ~all\"\n@ TXT \"v=spf1 mx ~all\"", Differs, "one such record"},
		{"office.test", "TXT", "@ TXT \"v=spf10 x\"\n@ TXT \"something else\"", Missing, "Publish"},
		{"_dmarc.office.test", "TXT", `_dmarc TXT "v=DMARC1; p=none"`, OK, "quarantine"},
		{"_dmarc.office.test", "TXT", `_dmarc TXT "v=DMARC1; p=reject; rua=mailto:x@elsewhere.test"`, OK, ""},
		{"_dmarc.office.test", "TXT", "_dmarc TXT \"v=DMARC1; p=none\"\n_dmarc TXT \"v=DMARC1; p=reject\"", Differs, "one such record"},
		{"_smtp._tls.office.test", "TXT", `_smtp._tls TXT "v=TLSRPTv1; rua=https://reports.test/"`, OK, ""},
		{"_mta-sts.office.test", "TXT", `_mta-sts TXT "v=STSv1; id=1"`, Differs, "Not yet"},
		{"_25._tcp.mail.office.test", "TLSA", "_25._tcp.mail TLSA 3 1 1 0000000000000000000000000000000000000000000000000000000000000000", Differs, "no mail"},
		{"autoconfig.office.test", "CNAME", "autoconfig A 203.0.113.7", OK, ""},
		{"autoconfig.office.test", "CNAME", "autoconfig A 203.0.113.8", Differs, "another server"},
		{"_imaps._tcp.office.test", "SRV", "_imaps._tcp SRV 5 5 993 mail", OK, ""},
		{"_imaps._tcp.office.test", "SRV", "_imaps._tcp SRV 0 0 0 .", Differs, "another server"},
		{"mail.office.test", "A", "mail A 203.0.113.8", Differs, "this address too"},
	} {
		o, n := testOffice(t), world(t)
		zone := "office.test"
		if strings.HasSuffix(test.name, "second.test") {
			zone = "second.test"
		}
		if test.kind != "A" {
			n.Add(t, "office.test", "mail A 203.0.113.7\n")
		}
		n.Add(t, zone, test.text+"\n")
		r := find(t, Look(t.Context(), n.Client(), o, Records(o)), test.kind, test.name)
		if r.State != test.want || !strings.Contains(r.ToDo, test.say) || test.say == "" && r.ToDo != "" {
			t.Errorf("%q: %s, %q; want %s, %q", test.text, r.State, r.ToDo, test.want, test.say)
		}
	}
}

// TestUnknown: DNS that does not answer is not taken for DNS that has nothing.
func TestUnknown(t *testing.T) {
	t.Parallel()
	o, n := testOffice(t), world(t)
	for _, kind := range []string{"MX", "TXT"} {
		n.Fail("office.test", kind, resolvertest.Fault{Rcode: dns.RcodeServerFailure})
	}
	list := Look(t.Context(), n.Client(), o, Records(o))
	for _, kind := range []string{"MX", "TXT"} {
		if r := find(t, list, kind, "office.test"); r.State != Unknown {
			t.Errorf("%s: %s; want unknown", kind, r.State)
		}
	}
}

// TestKeyDiffers: a key that a panel has cut off, and one to be published first.
func TestKeyDiffers(t *testing.T) {
	t.Parallel()
	o, n := testOffice(t), world(t)
	uses := map[dkim.Use]int{}
	for _, k := range o.Domains[0].Keys {
		uses[k.Use]++
	}
	if uses[dkim.UseCurrent] != 2 || uses[dkim.UseNext] != 2 || uses[dkim.UseRetired] == 0 {
		t.Fatalf("the keys are for %v; want all uses", uses)
	}
	rsa := o.Domains[0].Keys[0]
	n.Add(t, "office.test", fmt.Sprintf("%s. 300 TXT \"%s\"\n", rsa.Name, rsa.Text[:200]))
	list := Look(t.Context(), n.Client(), o, Records(o))
	if r := find(t, list, "TXT", rsa.Name); r.State != Differs || !strings.Contains(r.ToDo, "whole") {
		t.Errorf("a key that is cut off: %+v", r)
	}
	for _, k := range o.Domains[0].Keys {
		r := find(t, list, "TXT", k.Name)
		switch {
		case k.Use == dkim.UseNext && !strings.Contains(r.About, "next key"),
			k.Use == dkim.UseRetired && (r.Need != Old || !strings.Contains(r.About, "1 December 2026")):
			t.Errorf("a key that is %s: %q, %s", k.Use, r.About, r.Need)
		}
	}
}

// TestOldKey: a record that nothing needs any more is said to be removable while it is
// there, and not missed when it is gone.
func TestOldKey(t *testing.T) {
	t.Parallel()
	o, n := testOffice(t), world(t)
	o.Now = time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC)
	keys := o.Domains[0].Keys
	there, gone := keys[len(keys)-2], keys[len(keys)-1]
	n.Add(t, "office.test", fmt.Sprintf("%s. 300 TXT %s\n", there.Name, there.ZoneText()))
	list := Look(t.Context(), n.Client(), o, Records(o))
	if r := find(t, list, "TXT", there.Name); r.State != OK || !strings.Contains(r.ToDo, "Remove it") {
		t.Errorf("one that is there: %+v", r)
	}
	if r := find(t, list, "TXT", gone.Name); r.State != OK || r.ToDo != "" {
		t.Errorf("one that is gone: %+v", r)
	}
}

// TestSmartHost: what only the provider knows is not claimed.
func TestSmartHost(t *testing.T) {
	t.Parallel()
	o, n := testOffice(t), world(t)
	o.SmartHost = "smtp.provider.test"
	r := find(t, Look(t.Context(), n.Client(), o, Records(o)), "TXT", "office.test")
	if r.Value != "v=spf1 mx a:smtp.provider.test ~all" || r.State != Missing || !strings.Contains(r.ToDo, "Ask your provider") {
		t.Errorf("SPF by a smart host: %+v", r)
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	o := testOffice(t)
	tests := Policy(o)
	id := PolicyID(o)
	o.Authority = nil
	if want := "version: STSv1\r\nmode: enforce\r\nmx: mail.office.test\r\nmax_age: 604800\r\n"; Policy(o) != want || !strings.Contains(tests, "mode: testing\r\n") {
		t.Errorf("policies %q and %q; want %q for a certificate that the world believes", Policy(o), tests, want)
	}
	if PolicyID(o) == id || len(id) > 32 {
		t.Errorf("the policy changed, its id is %s and was %s", PolicyID(o), id)
	}
	for _, r := range Records(o) {
		if r.Need == Later || r.Type == "TLSA" {
			t.Errorf("with such a certificate %s %s is %s", r.Type, r.Name, r.Need)
		}
	}
}

// TestTwoCertificates: with one from elsewhere both keys are proposed, either is enough
// for those who heed them, and the DNS says which the box may show.
func TestTwoCertificates(t *testing.T) {
	t.Parallel()
	o := testOffice(t)
	o.Own, o.Authority, o.KeySum = o.Authority, nil, bytes.Repeat([]byte{7}, 32)
	var values []string
	for _, r := range Records(o) {
		if r.Type == "TLSA" {
			values = append(values, r.Value)
		}
	}
	if len(values) != 2 || values[0] != "3 1 1 "+strings.Repeat("07", 32) || !strings.HasPrefix(values[1], "2 1 1 ") {
		t.Fatalf("TLSA records %q", values)
	}
	for text, want := range map[string]struct {
		states         [2]State
		elsewhere, own bool
	}{
		"":                                 {[2]State{Missing, Missing}, false, false},
		values[0]:                          {[2]State{OK, Missing}, true, false},
		values[1]:                          {[2]State{Missing, OK}, false, true},
		values[0] + "|" + values[1]:        {[2]State{OK, OK}, true, true},
		"3 1 1 " + strings.Repeat("0", 64): {[2]State{Differs, Differs}, false, false},
	} {
		n := world(t)
		for value := range strings.SplitSeq(text, "|") {
			if value != "" {
				n.Add(t, "office.test", "_25._tcp.mail.office.test. 300 IN TLSA "+value+"\n")
			}
		}
		var got []State
		for _, r := range Look(t.Context(), n.Client(), o, Records(o)) {
			if r.Type == "TLSA" {
				got = append(got, r.State)
			}
		}
		if !slices.Equal(got, want.states[:]) {
			t.Errorf("with %q the records are %v, want %v", text, got, want.states)
		}
		answer, _ := n.Client().TLSA(t.Context(), "_25._tcp.mail.office.test") // none is none
		if elsewhere, own := Heeded(o, answer.Records); elsewhere != want.elsewhere || own != want.own {
			t.Errorf("with %q: elsewhere %v, own %v", text, elsewhere, own)
		}
	}
}

func TestReverse(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"203.0.113.7": "7.113.0.203.in-addr.arpa",
		"2001:db8::1": "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
	} {
		if got := reverse(netip.MustParseAddr(addr)); got != want {
			t.Errorf("reverse(%s) = %s; want %s", addr, got, want)
		}
	}
}

// TestClean: what somebody has put into DNS does nothing to a terminal.
func TestClean(t *testing.T) {
	t.Parallel()
	if got := clean("a\x1b[2Jb\r\n\xffc"); got != "a?[2Jb???c" {
		t.Errorf("clean = %q", got)
	}
	if got := clean(strings.Repeat("x", 5000)); len(got) != maxShown {
		t.Errorf("%d bytes are shown", len(got))
	}
}

// TestNotes: where the provider signs there is no key to publish, and why stands in the
// list and in the zone file; whoever sends directly reads that nobody signs.
func TestNotes(t *testing.T) {
	t.Parallel()
	o := testOffice(t)
	if notes := Notes(o); notes != nil {
		t.Errorf("the box signs, and the notes are %q", notes)
	}
	o.Domains[0].Left = true
	for host, want := range map[string]string{"": "nobody signs it", "smtp.provider.test": "left to the provider, smtp.provider.test"} {
		o.SmartHost = host
		records, notes := Records(o), Notes(o)
		for _, r := range records {
			if strings.Contains(r.Name, "_domainkey") {
				t.Errorf("proposed: %s", r.Name)
			}
		}
		if len(notes) != 1 || !strings.Contains(notes[0], want) {
			t.Fatalf("the notes are %q; want %q", notes, want)
		}
		var file bytes.Buffer
		if err := WriteFile(&file, records, notes); err != nil || !strings.Contains(file.String(), "\n; "+notes[0]+"\n") {
			t.Errorf("the zone file is %s, %v; want %q in it", file.String(), err, notes[0])
		}
	}
}
