package boot

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/platform/logbook"
)

func TestParseKernelRecord(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		in   string
		want kernelRecord
		ok   bool
	}{
		{"6,339,5140900,-;NET: Registered PF_INET6\n SUBSYSTEM=net\n", kernelRecord{slog.LevelInfo, 5140900, "NET: Registered PF_INET6"}, true},
		{"3,1,7,-,caller=T1;ata1: failed; twice\n", kernelRecord{slog.LevelError, 7, "ata1: failed; twice"}, true},
		{"12,1,7,-;from a program\n", kernelRecord{slog.LevelWarn, 7, "from a program"}, true},
		{"6,1,7;\xff\n", kernelRecord{slog.LevelInfo, 7, "\uFFFD"}, true},
		{in: "7,1,7,-;for debugging\n"},
		{in: "6,1,7,-;\n"},
		{in: "6,1;short\n"},
		{in: "x,1,7,-;no number\n"},
		{in: ""},
	} {
		got, ok := parseKernelRecord([]byte(test.in))
		if ok != test.ok || ok && got != test.want {
			t.Errorf("%q: got %+v, %t, want %+v, %t", test.in, got, ok, test.want, test.ok)
		}
	}
}

func FuzzParseKernelRecord(f *testing.F) {
	f.Add([]byte("6,339,5140900,-;NET: Registered PF_INET6\n SUBSYSTEM=net\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, ok := parseKernelRecord(b); ok && (r.text == "" || strings.Contains(r.text, "\n")) {
			t.Errorf("%q: a line %q", b, r.text)
		}
	})
}

// TestKeepCrashes: a crash's last words are in the log on the disk before they are
// removed from where the kernel put them.
func TestKeepCrashes(t *testing.T) {
	t.Parallel()
	crash, disk := t.TempDir(), t.TempDir()
	m := &Machine{book: logbook.New()}
	m.log = slog.New(m.book.Handler("init", slog.LevelInfo))
	if got := m.keepCrashes(filepath.Join(crash, "missing")); got != 0 {
		t.Errorf("%d files of a place that is not there", got)
	}
	name := filepath.Join(crash, "dmesg-efi-1")
	if err := os.WriteFile(name, []byte("Panic#1 Part1\n<0>[    3.1] Kernel panic - not syncing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := durable.NewOS(disk)
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	if err := m.book.Attach(files); err != nil {
		t.Fatal(err)
	}
	if got := m.keepCrashes(crash); got != 1 {
		t.Errorf("%d files kept, want 1", got)
	}
	if _, err := os.Stat(name); !os.IsNotExist(err) {
		t.Errorf("the file is still there: %v", err)
	}
	if text, err := m.book.Tail(10 << 10); err != nil || !strings.Contains(string(text), "Kernel panic - not syncing") {
		t.Errorf("the log has %q, %v; want the panic", text, err)
	}
}
