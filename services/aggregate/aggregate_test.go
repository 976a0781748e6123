package aggregate

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/dmarc"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
	"github.com/sanduk-mail/sanduk/services/tlsrpt"
)

// fakePost notes what it gets.
type fakePost struct {
	sent []string // recipient and subject
	err  error
}

func (p *fakePost) Post(_ context.Context, envelope *mail.Envelope, text []byte) error {
	if p.err != nil {
		return p.err
	}
	kind := "dmarc"
	if strings.Contains(string(text), "report-type=\"tlsrpt\"") {
		kind = "tls"
	}
	if !envelope.From.IsZero() || envelope.Peer != (mail.Peer{}) || len(envelope.To) != 1 || envelope.To[0].Notify != mail.NotifyNever {
		kind += " with a wrong envelope"
	}
	p.sent = append(p.sent, kind+" to "+envelope.To[0].String())
	return nil
}

type desk struct {
	*Aggregate
	post  *fakePost
	world *resolvertest.Internet
	dir   string
	now   time.Time
	from  string
	no    string // a domain to which the office sends no DMARC reports
}

func day() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{post: &fakePost{}, dir: t.TempDir(), now: day(), from: "office.test"}
	d.world = resolvertest.New(t, map[string]string{"far.test.": `
_dmarc TXT "v=DMARC1; p=reject; rua=mailto:dmarc@far.test,mailto:dmarc@agrees.test,mailto:dmarc@victim.test"
_smtp._tls TXT "v=TLSRPTv1; rua=mailto:tls@far.test"
`, "agrees.test.": `far.test._report._dmarc TXT "v=DMARC1"`, "victim.test.": "", "quiet.test.": ""})
	if err := os.Mkdir(filepath.Join(d.dir, "mail"), 0o700); err != nil {
		t.Fatal(err)
	}
	d.open(t)
	return d
}

// open is a new start.
func (d *desk) open(t *testing.T) {
	t.Helper()
	files, err := durable.NewOS(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	d.Aggregate = Open(Options{
		Files: files, Post: d.post, DNS: d.world.Client(), Sender: func() (string, bool) { return d.from, d.from != "" },
		Wanted: func(domain string) (dmarc, tls bool) { return domain != d.no, true },
		Now:    func() time.Time { return d.now }, Log: slog.New(slog.DiscardHandler),
	})
}

// see counts a forged message of a domain, and a session with its server.
func (d *desk) see(domain string, reports ...string) {
	record := &dmarc.Record{Policy: dmarc.Reject, Reports: reports}
	d.Judged(dmarc.Observation{
		At: d.now, Source: netip.MustParseAddr("203.0.113.9"), HeaderFrom: domain, Disposition: dmarc.Reject,
		Verdict: &dmarc.Verdict{Word: dmarc.Fail, Found: dmarc.Found{Domain: domain, Organization: domain, Record: record}, Policy: dmarc.Reject},
	})
	d.Sent(tlsrpt.Session{At: d.now, Domain: domain, Kind: "sts", Result: "certificate-expired"})
}

func all() []string { return []string{"dmarc@far.test", "dmarc@agrees.test", "dmarc@victim.test"} }

// TestSend: yesterday's reports go to those who want them, once, and to nobody who has
// not agreed to get them.
func TestSend(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.see("far.test", all()...)
	d.see("quiet.test")
	d.Send(t.Context())
	if len(d.post.sent) > 0 {
		t.Errorf("the day is not over: %q", d.post.sent)
	}
	if err := d.Keep(); err != nil {
		t.Fatal(err)
	}
	d.open(t) // what was kept is there behind a start
	d.now = d.now.Add(24 * time.Hour)
	d.Send(t.Context())
	if got, want := strings.Join(d.post.sent, ", "), "dmarc to dmarc@far.test, dmarc to dmarc@agrees.test, tls to tls@far.test"; got != want {
		t.Errorf("sent %s; want %s", got, want)
	}
	d.Send(t.Context())
	if len(d.post.sent) != 3 {
		t.Errorf("sent again: %q", d.post.sent)
	}
}

// TestUnwanted: what the office sends nobody is not counted, and what was counted before
// goes nowhere; the other kind of report is sent.
func TestUnwanted(t *testing.T) {
	t.Parallel()
	for _, before := range []bool{true, false} {
		d := newDesk(t)
		if before {
			d.see("far.test", all()...)
		}
		d.no = "far.test"
		if !before {
			d.see("far.test", all()...)
		}
		d.now = d.now.Add(24 * time.Hour)
		d.Send(t.Context())
		d.no = ""
		d.Send(t.Context())
		if got := strings.Join(d.post.sent, ", "); got != "tls to tls@far.test" {
			t.Errorf("counted before: %v; sent %s", before, got)
		}
	}
}

// TestWaits: what can't be asked or posted now is sent later; a report is not lost
// while its domain's DNS is away for a day.
func TestWaits(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.see("far.test", "dmarc@far.test")
	d.now = d.now.Add(24 * time.Hour)
	d.post.err = errors.New("the disk is full")
	d.Send(t.Context())
	d.post.err = nil
	d.world.Fail("_smtp._tls.far.test", "TXT", resolvertest.Fault{Rcode: dns.RcodeServerFailure})
	d.open2(t)
	d.Send(t.Context())
	if got := strings.Join(d.post.sent, ", "); got != "dmarc to dmarc@far.test" {
		t.Errorf("sent %s; want the one whose DNS answers", got)
	}
	d.world.Fail("_smtp._tls.far.test", "TXT", resolvertest.Fault{Times: 1})
	d.open2(t)
	d.Send(t.Context())
	if got := strings.Join(d.post.sent, ", "); got != "dmarc to dmarc@far.test, tls to tls@far.test" {
		t.Errorf("sent %s; want both", got)
	}
}

// open2 keeps, and starts anew with nothing remembered of DNS.
func (d *desk) open2(t *testing.T) {
	t.Helper()
	if err := d.Keep(); err != nil {
		t.Fatal(err)
	}
	d.open(t)
}

// TestDamaged: a file that can't be read costs the counts and nothing else.
func TestDamaged(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\x02{}", "\x01{", "\x01{\"dmarc\":\"AQ==\"}", "\x01{}"} {
		d := newDesk(t)
		if err := os.WriteFile(filepath.Join(d.dir, File), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		d.open(t)
		d.see("far.test", "dmarc@far.test")
		if err := d.Keep(); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestRun: counts are kept now and then and at the end; reports go out once in the
// night, and none while the office has no way out.
func TestRun(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{"": "", "office.test": "dmarc to dmarc@far.test, tls to tls@far.test"} {
		d := newDesk(t)
		synctest.Test(t, func(t *testing.T) {
			d.open(t) // a DNS client of the bubble's
			d.o.Now, d.now, d.from = time.Now, time.Now(), from
			d.see("far.test", "dmarc@far.test")
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { d.Run(ctx); close(done) }()
			time.Sleep(keepEvery + time.Minute)
			synctest.Wait()
			if _, err := os.Stat(filepath.Join(d.dir, File)); err != nil {
				t.Errorf("nothing was kept: %v", err)
			}
			time.Sleep(50 * time.Hour)
			synctest.Wait()
			if got := strings.Join(d.post.sent, ", "); got != want {
				t.Errorf("from %q: sent %q; want %q", from, got, want)
			}
			d.now = time.Now()
			d.see("quiet.test")
			cancel()
			<-done
			if d.changed.Load() {
				t.Error("the end did not keep what there was")
			}
		})
	}
}

// TestDue: not at midnight sharp, when all the world does.
func TestDue(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	midnight := day().Truncate(24 * time.Hour)
	if first, last := d.due(midnight), d.due(midnight.Add(spread)); first || !last {
		t.Errorf("due at midnight %v, at %v %v; want no and yes", first, spread, last)
	}
	d.from = ""
	if d.due(midnight.Add(spread)) {
		t.Error("due without a way out")
	}
}
