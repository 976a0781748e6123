package web

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/message"
)

const aboutUsReport = `<?xml version="1.0"?><feedback><report_metadata><org_name>Far Mail</org_name><email>r@far.test</email><report_id>7</report_id><date_range><begin>1795305600</begin><end>1795391999</end></date_range></report_metadata>
<policy_published><domain>example.test</domain><p>quarantine</p></policy_published>%s</feedback>`

const aboutUsRow = `<record><row><source_ip>%s</source_ip><count>%d</count><policy_evaluated><disposition>%s</disposition><dkim>%s</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>example.test</header_from></identifiers></record>`

// TestReportsAboutUs: a report is counted by server, the most mail first, bounded.
func TestReportsAboutUs(t *testing.T) {
	t.Parallel()
	b := setUpBox(t, func(o *Options) { o.BlockLists = &listBook{} })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one"), "Content-Type", "application/octet-stream"}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	b.want(b.do("POST", "/api/reports/read", ""), http.StatusUnauthorized, "")
	b.want(b.do("POST", "/api/reports/read", "", alice...), http.StatusForbidden, "")
	for _, bad := range []string{"", "<feedback>", "PK", "\x1f\x8b"} {
		b.want(b.do("POST", "/api/reports/read", bad, admin...), http.StatusBadRequest, "file")
	}
	b.want(b.do("POST", "/api/reports/read", strings.Repeat(" ", maxAboutUs+1), admin...), http.StatusRequestEntityTooLarge, "file")

	rows := fmt.Sprintf(aboutUsRow, "198.51.100.9", 2, "quarantine", "fail") + fmt.Sprintf(aboutUsRow, "192.0.2.20", 40, "none", "pass") +
		fmt.Sprintf(aboutUsRow, "198.51.100.9", 1, "none", "fail") + fmt.Sprintf(aboutUsRow, "", maxCounted*2, "none", "pass")
	got := b.do("POST", "/api/reports/read", fmt.Sprintf(aboutUsReport, rows), admin...).Body.String()
	want := `{"by":"Far Mail","id":"7","from":"2026-11-22T00:00:00Z","to":"2026-11-22T23:59:59Z","domain":"example.test","policy":"quarantine","sources":[{"address":"","proved":1000000000,"failed":0,"stopped":0},{"address":"192.0.2.20","proved":40,"failed":0,"stopped":0},{"address":"198.51.100.9","proved":0,"failed":3,"stopped":2}],"more":0,"proved":1000000040,"failed":3}`
	if !sameJSON(got, want) {
		t.Errorf("got %s\nwant %s", got, want)
	}

	var many strings.Builder
	for i := range maxSources + 5 {
		fmt.Fprintf(&many, aboutUsRow, fmt.Sprintf("192.0.2.%d", i), 1, "none", "pass")
	}
	if got := b.do("POST", "/api/reports/read", fmt.Sprintf(aboutUsReport, many.String()), admin...).Body.String(); !strings.Contains(got, `"more":5`) {
		t.Errorf("many servers: %s", got)
	}
}

// TestTLSReportsAboutUs: a TLS report is counted by kind of failure and server, packed or
// not, at the same address.
func TestTLSReportsAboutUs(t *testing.T) {
	t.Parallel()
	b := setUpBox(t, func(o *Options) { o.BlockLists = &listBook{} })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one"), "Content-Type", "application/octet-stream"}
	failure := func(result, server string, n int) string {
		return fmt.Sprintf(`{"result-type":%q,"receiving-mx-hostname":%q,"failed-session-count":%d}`, result, server, n)
	}
	policy := func(kind string, good, bad int, failures ...string) string {
		return fmt.Sprintf(`{"policy":{"policy-type":%q,"policy-domain":"example.test"},"summary":{"total-successful-session-count":%d,"total-failure-session-count":%d},"failure-details":[%s]}`, kind, good, bad, strings.Join(failures, ","))
	}
	report := func(policies ...string) string {
		return `{"organization-name":"Far Mail","date-range":{"start-datetime":"2026-11-22T00:00:00Z","end-datetime":"2026-11-22T23:59:59Z"},"contact-info":"r@far.test","report-id":"7","policies":[` + strings.Join(policies, ",") + `]}`
	}
	text := report(policy("sts", 5, 3, failure("certificate-expired", "mx.example.test", 2), failure("starttls-not-supported", "", 1)), policy("tlsa", 10, 4, failure("certificate-expired", "mx.example.test", 4)))
	want := `{"by":"Far Mail","id":"7","from":"2026-11-22T00:00:00Z","to":"2026-11-22T23:59:59Z","domain":"example.test","policy":"","sources":[],"more":0,"proved":0,"failed":0,
"tls":{"good":15,"failed":7,"failures":[{"result":"certificate-expired","server":"mx.example.test","count":6},{"result":"starttls-not-supported","server":"","count":1}],"more":0}}`
	for _, body := range []string{text, string(message.Gzip("", []byte(text)))} {
		if got := b.do("POST", "/api/reports/read", body, admin...).Body.String(); !sameJSON(got, want) {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
	var many []string
	for i := range maxSources + 5 {
		many = append(many, failure("certificate-expired", fmt.Sprint("mx", i), 1))
	}
	if got := b.do("POST", "/api/reports/read", report(policy("sts", 0, len(many), many...)), admin...).Body.String(); !strings.Contains(got, `"more":5`) {
		t.Errorf("many servers: %s", got)
	}
	b.want(b.do("POST", "/api/reports/read", `{"policies":[]}`, admin...), http.StatusBadRequest, "file")
}
