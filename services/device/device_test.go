package device

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
)

func open(t *testing.T, path string, clock *time.Time, log *bytes.Buffer) *Book {
	t.Helper()
	files, err := durable.NewOS(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	return Open(files, func() time.Time { return *clock }, slog.New(slog.NewTextHandler(log, nil)))
}

// TestBook: one device for each program and network, the newest first, bounded, and
// there after a start.
func TestBook(t *testing.T) {
	t.Parallel()
	path, log := t.TempDir(), new(bytes.Buffer)
	clock := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	b := open(t, path, &clock, log)
	saw := func(service mail.Service, client, peer string, program mail.ProgramNumber) {
		clock = clock.Add(time.Minute)
		b.Saw(Login{Account: 2, Service: service, Client: client, Peer: netip.MustParseAddr(peer), Program: program})
	}
	saw("imap", "Thunderbird", "192.168.1.7", 0)
	saw("imap", "Thunder\x00bird\r\n", "::ffff:192.168.1.8", 0)
	saw("submission", "phone", "fd00::1:2:3:4", 3)
	saw("imap", "Thunderbird", "10.0.0.1", 0)
	saw("imap", strings.Repeat("x", 1000), "10.0.0.1", 0)
	b.Saw(Login{Account: 2, Service: "imap"})                            // no address
	b.Saw(Login{Service: "imap", Peer: netip.MustParseAddr("10.0.0.1")}) // nobody
	check := func() {
		t.Helper()
		list := b.Devices(2)
		if len(list) != 4 || list[3].Client != "Thunderbird" || list[3].Network.String() != "192.168.1.0/24" || list[3].Last.Sub(list[3].First) != time.Minute || len(list[0].Client) != maxClient {
			t.Errorf("devices %+v", list)
		}
		if u, ok := b.LastUse(2, 3); !ok || u.Peer.String() != "fd00::1:2:3:4" || u.Service != "submission" || u.At.Minute() != 3 {
			t.Errorf("last use %+v, %v", u, ok)
		}
		if _, ok := b.LastUse(2, 1); ok || len(b.Devices(3)) != 0 {
			t.Error("something is there that was not seen")
		}
	}
	check()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = open(t, path, &clock, log)
	check()
	for i := range 3 * Most {
		saw("imap", fmt.Sprint("p", i), "10.0.0.1", mail.ProgramNumber(100+i))
	}
	if list := b.Devices(2); len(list) != Most || list[0].Client != fmt.Sprint("p", 3*Most-1) {
		t.Errorf("%d devices, the first %+v; want %d", len(list), list[0], Most)
	}
	if n := len(b.accounts[2].Programs); n != mostPrograms {
		t.Errorf("%d uses are kept; want %d", n, mostPrograms)
	}
	b.Forget(2)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if b = open(t, path, &clock, log); len(b.Devices(2)) != 0 {
		t.Error("a forgotten account has devices")
	}
	if err := b.Close(); err != nil || log.Len() > 0 {
		t.Errorf("closed: %v; log %s", err, log)
	}
}

// TestSaving: what is new is kept at the next tick, a time at a later one.
func TestSaving(t *testing.T) {
	t.Parallel()
	path, log := t.TempDir(), new(bytes.Buffer)
	clock := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	b := open(t, path, &clock, log)
	size := func() string {
		text, _ := os.ReadFile(path + "/" + File)
		return string(text)
	}
	seen := Login{Account: 1, Service: Pages, Peer: netip.MustParseAddr("10.0.0.1")}
	b.Saw(seen)
	if err := b.save(false); err != nil || !strings.Contains(size(), "10.0.0.0/24") {
		t.Fatalf("a new device: %v, %s", err, size())
	}
	before := size()
	clock = clock.Add(time.Hour)
	b.Saw(seen)
	if err := b.save(false); err != nil || size() != before {
		t.Errorf("a time is written at once: %v", err)
	}
	if err := b.save(true); err != nil || size() == before {
		t.Errorf("a time is not written: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestDamage: a damaged file counts as none, and the log says so.
func TestDamage(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{", `{"version":2}`, `[]`} {
		path, log := t.TempDir(), new(bytes.Buffer)
		if err := os.WriteFile(path+"/"+File, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		clock := time.Now()
		b := open(t, path, &clock, log)
		b.Saw(Login{Account: 1, Service: Pages, Peer: netip.MustParseAddr("10.0.0.1")})
		if err := b.Close(); err != nil || len(b.Devices(1)) != 1 || !strings.Contains(log.String(), "begin anew") {
			t.Errorf("%q: %v, %s", text, err, log)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"version":1,"accounts":{"1":{"devices":[{"service":"imap","network":"10.0.0.0/24"}],"programs":{"1":{}}},"2":null}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := decode(text)
		for id, a := range all {
			if err == nil && (id == 0 || a == nil || len(a.Devices) > Most || len(a.Programs) > mostPrograms) {
				t.Errorf("account %d is %+v", id, a)
			}
		}
	})
}
