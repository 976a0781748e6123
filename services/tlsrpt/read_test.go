package tlsrpt

import (
	"bytes"
	"compress/gzip"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestReadOwn: what is written is read back, packed or not.
func TestReadOwn(t *testing.T) {
	t.Parallel()
	by := Reporter{"Office", "post@office.test", "office.test"}
	for _, report := range collected().Due(testDay().AddDate(0, 0, 2)) {
		text, err := report.JSON(by)
		if err != nil {
			t.Fatal(err)
		}
		packed, err := report.Packed(by)
		if err != nil {
			t.Fatal(err)
		}
		for _, data := range [][]byte{text, packed} {
			got, err := ReadReport(data)
			if err != nil || got.Organization != by.Organization || got.Contact != by.Email || got.ID != report.ID(by) || !got.Begin.Equal(report.Day) || !got.End.Equal(report.end()) || len(got.Policies) != len(report.Policies) {
				t.Fatalf("%s is read as %+v, %v", text, got, err)
			}
			for i, p := range got.Policies {
				if p.Domain != report.Domain || !reflect.DeepEqual(p.Policy, report.Policies[i]) {
					t.Errorf("policy %d is read as %+v, want %+v", i, p, report.Policies[i])
				}
			}
		}
	}
}

// TestReadOthers: the example of RFC 8460, Appendix B, and what others write besides.
func TestReadOthers(t *testing.T) {
	t.Parallel()
	const text = `{"organization-name":"Company-X","date-range":{"start-datetime":"2016-04-01T00:00:00Z","end-datetime":"2016-04-01T23:59:59Z"},
"contact-info":"sts-reporting@company-x.example","report-id":"5065427c-23d3-47ca-b6e0-946ea0e8c4be",
"policies":[{"policy":{"policy-type":"sts","policy-string":["version: STSv1","mode: testing"],"policy-domain":"company-y.example","mx-host":"*.mail.company-y.example"},
"summary":{"total-successful-session-count":5326,"total-failure-session-count":303},
"failure-details":[{"result-type":"certificate-expired","sending-mta-ip":"2001:db8:abcd:0012::1","receiving-mx-hostname":"mx1.mail.company-y.example","failed-session-count":100},
{"result-type":"starttls-not-supported","receiving-ip":"203.0.113.56","failed-session-count":-7,"additional-information":"x"}]}]}`
	got, err := ReadReport([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p := got.Policies[0]
	if got.Organization != "Company-X" || !got.Begin.Equal(time.Date(2016, 4, 1, 0, 0, 0, 0, time.UTC)) || p.Good != 5326 || p.Bad != 303 || p.MX[0] != "*.mail.company-y.example" ||
		len(p.Failures) != 2 || p.Failures[0].Server != "mx1.mail.company-y.example" || p.Failures[0].Count != 100 || p.Failures[1].Count != 0 || p.Failures[1].Addr.String() != "203.0.113.56" {
		t.Errorf("it is read as %+v", got)
	}
}

func packed(t testing.TB, text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestReadBounds: what is no report is refused, and a small packed file that unfolds into
// more than a report has before anything is made of it.
func TestReadBounds(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing": "", "a list": "[]", "XML": "<feedback/>", "no policies": "{}", "a half": `{"policies":[{}`, "a number": "7",
		"deep":    `{"policies":` + strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1) + "}",
		"objects": `{"policies":[{}` + strings.Repeat(",{}", maxNodes) + "]}",
		"texts":   `{"policies":[{"policy":{"mx-host":[""` + strings.Repeat(`,""`, maxTokens) + "]}}]}",
		"large":   `{"organization-name":"` + strings.Repeat("x", maxUnpacked) + `","policies":[{}]}`,
	} {
		for _, data := range [][]byte{[]byte(text), packed(t, text)} {
			if got, err := ReadReport(data); !errors.Is(err, ErrReport) {
				t.Errorf("%s is read as %+v, %v", name, got, err)
			}
		}
	}
	long := strings.Repeat("x", maxText-1)
	got, err := ReadReport([]byte(`{"organization-name":"` + long + `ë","policies":[{}]}`))
	if err != nil || got.Organization != long {
		t.Errorf("a long name is read as %+v, %v", got, err)
	}
}

func FuzzReadReport(f *testing.F) {
	for _, report := range collected().Due(testDay().AddDate(0, 0, 2)) {
		text, err := report.JSON(Reporter{"o", "p@o.test", "o.test"})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(packed(f, string(text)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ReadReport(data)
		if err != nil {
			if !errors.Is(err, ErrReport) {
				t.Error(err)
			}
			return
		}
		for _, p := range r.Policies {
			for _, f := range p.Failures {
				if f.Count < 0 || f.Count > maxSessions || len(f.Result) > maxText || len(f.Server) > maxText {
					t.Errorf("%+v", f)
				}
			}
			if p.Good < 0 || p.Bad < 0 {
				t.Errorf("%+v", p)
			}
		}
	})
}
