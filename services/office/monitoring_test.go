package office

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/logbook"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/syslog"
)

// testWatcher is a machine with a log of some lines, and a fever.
type testWatcher struct{ lines []json.RawMessage }

func (w *testWatcher) Log(_ context.Context, after logbook.Position, _ int64) (syslog.Page, error) {
	n := int(after.Offset)
	to := min(n+2, len(w.lines))
	return syslog.Page{Lines: w.lines[n:to], Next: logbook.Position{Offset: int64(to)}}, nil
}

func (w *testWatcher) LogBack(_ context.Context, before logbook.Position) (syslog.Page, error) {
	return syslog.Page{Next: before}, nil
}

func (w *testWatcher) Vitals(context.Context) (Vitals, error) {
	return Vitals{
		Uptime: time.Hour, MemoryTotal: 512 << 20, MemoryAvailable: 300 << 20, DiskTotal: 8 << 30, DiskFree: 5 << 30, Clock: "hardware clock",
		Sensors:  []Sensor{{Name: "cpu", Celsius: 96, Critical: 100}, {Name: "disk", Celsius: 40}},
		Services: []Service{{Name: "maild.service", Ready: true, Starts: 1, Memory: 1 << 20}, {Name: "netd.service", Degraded: true, Starts: 9}},
		Status:   json.RawMessage(`{"version":"test"}`),
	}, nil
}

func (w *testWatcher) Disks(context.Context) ([]Disk, error) {
	return []Disk{{Device: "sda", Model: "Old", Serial: "7", Bytes: 16 << 30, Own: true}, {Device: "sdb", Model: "Stick", Bytes: 4 << 30}}, nil
}

// TestSupportBundle: the bundle has what its list says, and of an office with people,
// passwords and mail nothing that is theirs.
func TestSupportBundle(t *testing.T) {
	t.Parallel()
	w := &testWatcher{lines: []json.RawMessage{
		json.RawMessage(`{"msg":"message accepted","from":"alice@example.test","to":"bob@example.test","subject":"wages"}`),
		json.RawMessage(`{"msg":"two"}`), json.RawMessage(`{"msg":"three"}`),
	}}
	o := startOffice(t, t.TempDir(), func(op *Options) { op.Watcher = w })
	if err := o.SetUpFromFile(t.Context(), document(t, 0)); err != nil {
		t.Fatal(err)
	}
	if err := o.directory.SetRoute(t.Context(), mail.Route{Way: mail.WaySmartHost, Host: "smart.far.test", User: "office-user", Password: "route-password"}); err != nil {
		t.Fatal(err)
	}
	m := monitors{o.Office}
	token, err := m.GiveMetrics()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := m.WriteSupport(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
		for _, secret := range []string{testPassword, "route-password", "office-user", token, "alice", "bob", "wages", "argon2", "PRIVATE KEY"} {
			if strings.Contains(string(text), secret) {
				t.Errorf("%s has %q in it", f.Name, secret)
			}
		}
	}
	want := []string{"README.txt"}
	for _, f := range m.SupportFiles() {
		want = append(want, f.Name)
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, want) {
		t.Errorf("files %v, announced were %v", got, want)
	}
	if got := strings.Count(files["log.jsonl"], "\n"); got != 3 || !strings.Contains(files["log.jsonl"], `"three"`) {
		t.Errorf("the log in it: %q; want three lines", files["log.jsonl"])
	}
	if !strings.Contains(files["settings.json"], "smart.far.test") || !strings.Contains(files["health.json"], "too hot") {
		t.Errorf("settings %s, health %s; want what there is", files["settings.json"], files["health.json"])
	}

	var figures bytes.Buffer
	if err := m.WriteMetrics(t.Context(), &figures); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`sanduk_info{version="test"} 1`, "sanduk_accounts 3", "sanduk_clock_sure 1", `sanduk_temperature_celsius{sensor="0",name="cpu"} 96`, `sanduk_service_ready{service="netd.service"} 0`, "sanduk_disk_free_bytes 5.36870912e+09"} {
		if !strings.Contains(figures.String(), "\n"+line+"\n") {
			t.Errorf("the figures don't have %q:\n%s", line, &figures)
		}
	}
}

// TestDueFindings: who looks after the box is told of what is still so at the second
// look, once, and again after a week; numbers in it make no new trouble.
func TestDueFindings(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	hot := func(n int) mail.Finding { return mail.Finding{What: fmt.Sprintf("It has %d °C", n)} }
	full := mail.Finding{What: "It is full"}
	told, seen := map[string]time.Time{}, map[string]bool{}
	for i, step := range []struct {
		after time.Duration
		list  []mail.Finding
		want  int
	}{
		{0, []mail.Finding{hot(90)}, 0},
		{warnEvery, []mail.Finding{hot(91)}, 1},
		{warnEvery, []mail.Finding{hot(92), full}, 0},
		{warnEvery, []mail.Finding{hot(92), full}, 1},
		{6 * 24 * time.Hour, []mail.Finding{hot(92), full}, 0},
		{24 * time.Hour, []mail.Finding{hot(92), full}, 2},
		{warnEvery, []mail.Finding{full}, 0}, // not so at one look
		{warnEvery, []mail.Finding{hot(90), full}, 0},
		{warnEvery, nil, 0},
		{warnEvery, nil, 0}, // over
		{warnEvery, []mail.Finding{full}, 0},
		{warnEvery, []mail.Finding{full}, 1},
		{-20 * 365 * 24 * time.Hour, []mail.Finding{full}, 1}, // told by a clock that was wrong
	} {
		now = now.Add(step.after)
		var due []mail.Finding
		due, seen, _ = dueFindings(step.list, seen, told, now)
		if len(due) != step.want {
			t.Errorf("step %d: told of %v, want %d", i, due, step.want)
		}
	}
}

// TestWarn: the administrator finds a letter in the mailbox, and nobody else.
func TestWarn(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir(), func(op *Options) { op.Watcher = &testWatcher{} })
	if err := o.SetUpFromFile(t.Context(), document(t, 0)); err != nil {
		t.Fatal(err)
	}
	seen := o.warnOnce(t.Context(), nil)
	seen = o.warnOnce(t.Context(), seen)
	o.warnOnce(t.Context(), seen) // told already
	people, err := o.directory.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range people {
		want := 0
		if p.Role.Admin() {
			want = 1
		}
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			u, err := o.store.Usage(t.Context(), p.ID)
			if err != nil {
				t.Fatal(err)
			}
			if int(u.Messages) == want {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s has %d messages, want %d", p.Address, u.Messages, want)
			}
		}
	}
	if told := o.monitor.Told(); len(told) < 2 {
		t.Errorf("told of %v, want of heat and of the service", told)
	}
}
