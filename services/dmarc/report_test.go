package dmarc

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"net/mail"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/daybook"
)

func verdict(domain string, reports ...string) *Verdict {
	return &Verdict{Word: Fail, Found: Found{Domain: domain, Record: &Record{Policy: Reject, Reports: reports}}, Policy: Reject, SPFAligned: false}
}

func collected(t testing.TB) (*Collector, time.Time) {
	day := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	c := NewCollector()
	o := Observation{
		At: day, Source: address(0), HeaderFrom: "example.com", EnvelopeFrom: "bounce.example.com", Verdict: verdict("example.com", "a@example.com"),
		Disposition: Quarantine, Override: "mailing_list", Comment: "sealed by <list> & co",
		DKIM: []Signature{{"example.com", "s1", "fail"}, {"list.example", "s2", "pass"}}, SPF: SPFResult{"bounce.example.com", "mfrom", "softfail"},
	}
	c.Add(o)
	c.Add(o)
	o.Source = address(1)
	c.Add(o)
	o.Verdict = verdict("silent.example")
	c.Add(o)
	if reports := c.Due(day); len(reports) != 0 {
		t.Fatalf("a day that is not over is due: %+v", reports)
	}
	return c, day.AddDate(0, 0, 1)
}

// TestTotal: who makes rows up in the names of many domains fills the memory no
// further than one who uses one; what is done makes room.
func TestTotal(t *testing.T) {
	t.Parallel()
	c, day := NewCollector(), time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	add := func(domain string, n int) {
		for i := range n {
			c.Add(Observation{At: day, Source: address(0), HeaderFrom: domain, Verdict: verdict(domain, "a@"+domain), DKIM: []Signature{{domain, fmt.Sprint(i), "fail"}}})
		}
	}
	for i := range maxTotal/maxRows + 3 {
		add(fmt.Sprintf("d%02d.example", i), maxRows)
	}
	total := func() (rows, left int) {
		for _, r := range c.Due(day.AddDate(0, 0, 1)) {
			rows, left = rows+len(r.Rows), left+r.LeftOut
		}
		return rows, left
	}
	if rows, left := total(); rows != maxTotal || left != 3*maxRows {
		t.Errorf("%d rows and %d left out; want %d and %d", rows, left, maxTotal, 3*maxRows)
	}
	again, err := DecodeCollector(c.Encode())
	if err != nil {
		t.Fatal(err)
	}
	c = again
	c.Done(c.Due(day.AddDate(0, 0, 1))[0])
	add("more.example", maxRows+1)
	if rows, _ := total(); rows != maxTotal {
		t.Errorf("%d rows after one report went and another came; want %d", rows, maxTotal)
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	c, next := collected(t)
	again, err := DecodeCollector(c.Encode())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Collector{c, again} {
		reports := c.Due(next)
		if len(reports) != 1 || len(reports[0].Rows) != 2 || reports[0].Rows[0].Count != 2 || reports[0].Published.Domain != "example.com" {
			t.Fatalf("got %+v", reports)
		}
		by := Reporter{"Office", "postmaster@office.example", "office.example"}
		text, err := reports[0].Message(by, "a@example.com", next)
		if err != nil {
			t.Fatal(err)
		}
		m, err := mail.ReadMessage(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if want := "Report Domain: example.com Submitter: office.example\tReport-ID: <20261122.example.com@office.example>"; m.Header.Get("Subject") != want && !strings.Contains(m.Header.Get("Subject"), "Report-ID: <20261122.example.com@office.example>") {
			t.Errorf("Subject: got %q, want %q", m.Header.Get("Subject"), want)
		}
		for line := range strings.SplitSeq(string(text), "\r\n") {
			if len(line) > 78 || strings.Contains(line, "\n") {
				t.Errorf("line %q", line)
			}
		}
		_, packed, _ := strings.Cut(string(text), ".xml.gz\"\r\n\r\n")
		packed, _, _ = strings.Cut(packed, "--")
		data, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(packed, "\r\n", ""))
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadReport(data)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got.Report.Rows, reports[0].Rows) || got.ID != "20261122.example.com@office.example" || got.Begin != time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC) {
			t.Errorf("read back:\n%+v\nwant\n%+v", got.Report.Rows, reports[0].Rows)
		}
		c.Done(reports[0])
		if reports := c.Due(next); len(reports) != 0 {
			t.Errorf("after Done: %+v", reports)
		}
	}
}

// TestGoldenCollector reads what version 1 stored, for ever.
func TestGoldenCollector(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/collector.v1")
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeCollector(data)
	if err != nil {
		t.Fatal(err)
	}
	want, next := collected(t)
	if !reflect.DeepEqual(got.Due(next), want.Due(next)) || !bytes.Equal(got.Encode(), data) {
		t.Errorf("got %+v, want %+v", got.Due(next), want.Due(next))
	}
	if _, err := DecodeCollector([]byte("\x02[]")); !errors.Is(err, daybook.ErrVersion) {
		t.Errorf("a later version: got %v, want daybook.ErrVersion", err)
	}
}

func TestCollectorBounds(t *testing.T) {
	t.Parallel()
	c := NewCollector()
	day := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for i := range maxRows + 10 {
		c.Add(Observation{At: day, Source: address(i), Verdict: verdict("example.com", "a@example.com")})
	}
	for i := range 10 {
		c.Add(Observation{At: day.AddDate(0, 0, i), Source: address(i), Verdict: verdict("other.example", "a@example.com")})
	}
	days := map[time.Time]bool{}
	for _, r := range c.Due(day.AddDate(0, 0, 30)) {
		days[r.Day] = true
		if r.Published.Domain == "example.com" {
			t.Error("the oldest day was kept")
		}
	}
	if len(days) != daybook.MaxDays {
		t.Errorf("got %d days, want %d", len(days), daybook.MaxDays)
	}
	c = NewCollector()
	for i := range maxRows + 10 {
		c.Add(Observation{At: day, Source: address(i), Verdict: verdict("example.com", "a@example.com")})
	}
	r := c.Due(day.AddDate(0, 0, 1))[0]
	if len(r.Rows) != maxRows || r.LeftOut != 10 {
		t.Errorf("got %d rows and %d left out, want %d and 10", len(r.Rows), r.LeftOut, maxRows)
	}
	text, err := r.XML(Reporter{})
	if err != nil || !strings.Contains(string(text), "<error>10 more messages") {
		t.Errorf("the report does not say what it leaves out: %v", err)
	}
}

func TestReadHostileReports(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"nothing":   "",
		"not XML":   "hello",
		"too large": strings.Repeat(" ", maxPacked+1),
		"deep":      strings.Repeat("<a>", 1000) + strings.Repeat("</a>", 1000),
		"entities":  `<!DOCTYPE x [<!ENTITY a "aaaa">]><feedback><version>&a;</version></feedback>`,
		"gzip":      "\x1f\x8b",
		"zip":       "PK\x03\x04",
	} {
		if _, err := ReadReport([]byte(data)); !errors.Is(err, ErrReport) {
			t.Errorf("%s: got %v, want ErrReport", name, err)
		}
	}
}

func FuzzReadReport(f *testing.F) {
	c, next := collected(f)
	text, err := c.Due(next)[0].XML(Reporter{"Office", "a@b.example", "b.example"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ReadReport(data)
		if err != nil {
			return
		}
		for _, row := range r.Report.Rows {
			if row.Count < 0 {
				t.Errorf("a negative count: %+v", row)
			}
		}
	})
}

// TestReadReportFull: a small packed file that unfolds into more rows or elements than a
// report has is refused before they are made.
func TestReadReportFull(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"rows":     strings.Repeat("<record/>", maxReadRows+1),
		"elements": "<record><auth_results>" + strings.Repeat("<dkim/>", maxElements) + "</auth_results></record>",
	} {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		if _, err := z.Write([]byte("<feedback>" + text + "</feedback>")); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadReport(packed.Bytes()); !errors.Is(err, ErrReport) || !strings.Contains(err.Error(), "more than") {
			t.Errorf("too many %s in %d bytes: %v", name, packed.Len(), err)
		}
	}
}
