package tlsrpt

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sanduk-mail/sanduk/services/daybook"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
)

func testDay() time.Time { return time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC) }

// collected is a day of two domains.
func collected() *Collector {
	c := NewCollector()
	s := Session{At: testDay().Add(5 * time.Hour), Domain: "Far.test", Kind: "sts", Policy: []string{"version: STSv1", "mode: testing"}, MX: []string{"*.far.test"}, Server: "mx.far.test", Addr: netip.MustParseAddr("203.0.113.9")}
	c.Note(s)
	c.Note(s)
	s.Result, s.Reason = "certificate-expired", "expired on Monday"
	c.Note(s)
	s.At, s.Reason = s.At.Add(time.Hour), "another reason"
	c.Note(s)
	s.Result, s.Addr = "sts-policy-fetch-error", netip.Addr{}
	c.Note(s)
	c.Note(Session{At: s.At, Domain: "near.test", Kind: "no-policy-found"})
	return c
}

// TestReport writes a report and reads it as its receiver does.
func TestReport(t *testing.T) {
	t.Parallel()
	c := collected()
	if list := c.Due(testDay().Add(23 * time.Hour)); list != nil {
		t.Errorf("the day is not over, and %d reports are due", len(list))
	}
	list := c.Due(testDay().Add(25 * time.Hour))
	if len(list) != 2 || list[0].Domain != "far.test" {
		t.Fatalf("due: %+v", list)
	}
	by := Reporter{"Office", "postmaster@office.test", "office.test"}
	text, err := list[0].Message(by, "tls@far.test", testDay().Add(30*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(line, "\r\n") || len(line) > 200 {
			t.Errorf("a line is %q", line)
		}
	}
	m, err := mail.ReadMessage(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	kind, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/report" || parameters["report-type"] != "tlsrpt" || m.Header.Get("TLS-Report-Domain") != "far.test" || m.Header.Get("TLS-Report-Submitter") != "office.test" {
		t.Errorf("the header is %v, %v", m.Header, err)
	}
	parts := multipart.NewReader(m.Body, parameters["boundary"])
	if _, err := parts.NextPart(); err != nil {
		t.Fatal(err)
	}
	p, err := parts.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("office.test!far.test!%d!%d.json.gz", testDay().Unix(), testDay().Unix()+86399); p.FileName() != want || p.Header.Get("Content-Type") != "application/tlsrpt+gzip" {
		t.Errorf("the file is %s, %v; want %s", p.FileName(), p.Header, want)
	}
	z, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, p))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.NewDecoder(z).Decode(&got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"organization-name": "Office", "contact-info": "postmaster@office.test", "report-id": "20261121.far.test@office.test",
		"date-range": map[string]any{"start-datetime": "2026-11-21T00:00:00Z", "end-datetime": "2026-11-21T23:59:59Z"},
		"policies": []any{map[string]any{
			"policy": map[string]any{
				"policy-type": "sts", "policy-string": []any{"version: STSv1", "mode: testing"}, "policy-domain": "far.test", "mx-host": []any{"*.far.test"},
			},
			"summary": map[string]any{"total-successful-session-count": 2.0, "total-failure-session-count": 3.0},
			"failure-details": []any{
				map[string]any{"result-type": "certificate-expired", "receiving-mx-hostname": "mx.far.test", "receiving-ip": "203.0.113.9", "failed-session-count": 2.0, "failure-reason-code": "expired on Monday"},
				map[string]any{"result-type": "sts-policy-fetch-error", "receiving-mx-hostname": "mx.far.test", "failed-session-count": 1.0, "failure-reason-code": "another reason"},
			},
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("report\n got %v\nwant %v", got, want)
	}
}

// TestKept: what was encoded is read back, and done is gone.
func TestKept(t *testing.T) {
	t.Parallel()
	c := collected()
	again, err := DecodeCollector(c.Encode())
	if err != nil {
		t.Fatal(err)
	}
	later := testDay().Add(25 * time.Hour)
	if got, want := again.Due(later), c.Due(later); !reflect.DeepEqual(got, want) {
		t.Errorf("read back\n got %+v\nwant %+v", got, want)
	}
	for _, r := range again.Due(later) {
		again.Done(r)
	}
	if list := again.Due(later); list != nil {
		t.Errorf("done, and still due: %+v", list)
	}
	for _, bad := range []string{"", "\x02[]", "\x01[null]", "\x01{"} {
		if _, err := DecodeCollector([]byte(bad)); !errors.Is(err, daybook.ErrVersion) {
			t.Errorf("%q is read: %v", bad, err)
		}
	}
}

// TestBounds: days, policies and failures are bounded, and sessions counted all the
// same where they can be.
func TestBounds(t *testing.T) {
	t.Parallel()
	c := NewCollector()
	for day := range daybook.MaxDays + 2 {
		c.Note(Session{At: testDay().AddDate(0, 0, day), Domain: "a.test", Kind: "sts"})
	}
	if n := len(c.Due(testDay().AddDate(1, 0, 0))); n != daybook.MaxDays {
		t.Errorf("%d days wait; want %d", n, daybook.MaxDays)
	}
	c = NewCollector()
	for i := range maxFailures + 10 {
		c.Note(Session{At: testDay(), Domain: "a.test", Kind: "sts", Result: "validation-failure", Server: fmt.Sprint(i), Reason: strings.Repeat("x", 1000)})
		c.Note(Session{At: testDay(), Domain: "b.test", Kind: "tlsa", Policy: []string{fmt.Sprint(i)}})
	}
	for i := range daybook.MaxDomains + 10 {
		c.Note(Session{At: testDay(), Domain: fmt.Sprintf("d%d.test", i), Kind: "sts"})
	}
	list := c.Due(testDay().AddDate(0, 0, 1))
	if p := list[0].Policies[0]; len(list) != daybook.MaxDomains || len(p.Failures) != maxFailures || p.Bad != maxFailures+10 || len(p.Failures[0].Reason) != maxText || len(list[1].Policies) != maxPolicies {
		t.Errorf("%d domains, %d failures of %d, %d policies", len(list), len(p.Failures), p.Bad, len(list[1].Policies))
	}
}

func TestRecipients(t *testing.T) {
	t.Parallel()
	n := resolvertest.New(t, map[string]string{"far.test.": `
_smtp._tls TXT "v=TLSRPTv1; rua=mailto:a@far.test,https://far.test/report,mailto:b%2Bx@other.test,mailto:c@far.test"
_smtp._tls.two TXT "v=TLSRPTv1; rua=mailto:a@far.test"
_smtp._tls.two TXT "v=TLSRPTv1; rua=mailto:b@far.test"
_smtp._tls.other TXT "v=spf1 -all"
_smtp._tls.web TXT "v=TLSRPTv1;rua=https://far.test/"
_smtp._tls.odd TXT "v=TLSRPTv1;rua=https://far.test:25/,https://192.0.2.1/,https://a:b@far.test/,http://far.test/,https:///x"
_smtp._tls.port TXT "v=TLSRPTv1;rua=HTTPS://far.test:443/v1?a=b"
`})
	for domain, want := range map[string]string{
		"far.test": "{a@far.test } { https://far.test/report}", "two.far.test": "", "other.far.test": "", "web.far.test": "{ https://far.test/}", "none.far.test": "",
		"odd.far.test": "", "port.far.test": "{ https://far.test:443/v1?a=b}",
	} {
		got, err := Recipients(t.Context(), n.Client(), domain)
		var words []string
		for _, r := range got {
			words = append(words, "{"+r.Mail+" "+r.Post+"}")
		}
		if err != nil || strings.Join(words, " ") != want {
			t.Errorf("%s: %v, %v; want %q", domain, got, err, want)
		}
	}
	n.Fail("_smtp._tls.far.test", "TXT", resolvertest.Fault{Rcode: dns.RcodeServerFailure})
	if got, err := Recipients(t.Context(), n.Client(), "far.test"); err == nil {
		t.Errorf("DNS does not answer: %v, and no error", got)
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add("v=TLSRPTv1; rua=mailto:a@far.test,https://x/")
	f.Add("v=TLSRPTv1;rua=mailto:%0d%0a@x")
	f.Fuzz(func(t *testing.T, text string) {
		list, ok := ParseRecord(text)
		if len(list) > maxRecipients || !ok && list != nil {
			t.Errorf("%q, %v", list, ok)
		}
		for _, r := range list {
			if strings.ContainsAny(r.String(), "\r\n\x00") || (r.Mail == "") == (r.Post == "") {
				t.Errorf("a recipient is %q", r)
			}
		}
	})
}

func FuzzDecodeCollector(f *testing.F) {
	f.Add(collected().Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := DecodeCollector(data)
		if err != nil {
			return
		}
		for _, r := range c.Due(time.Now().AddDate(1, 0, 0)) {
			if _, err := r.Message(Reporter{"o", "p@o.test", "o.test"}, "x@y.test", testDay()); err != nil && !errors.Is(err, io.EOF) {
				t.Error(err)
			}
		}
	})
}
