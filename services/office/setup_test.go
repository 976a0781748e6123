package office

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/directory"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/setup"
)

// TestSetUpBegins: the machine is told before anything is committed, and when it says that it is too late, nothing is.
func TestSetUpBegins(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	asked := 0
	o.machine.begins = func() {
		asked++
		if o.isSetUp() {
			t.Error("the machine is told behind the commit: until then it may erase what is committed")
		}
	}
	o.machine.late = &mail.RuleError{Text: "too late"}
	if err := o.SetUpFromFile(t.Context(), document(t, 0)); !errors.Is(err, o.machine.late) || o.isSetUp() || o.machine.erased != 0 {
		t.Errorf("too late: %v, set up %v, erased %d; want the refusal and nothing else", err, o.isSetUp(), o.machine.erased)
	}
	o.machine.late = nil
	o.setUpNow(t, 0)
	if asked != 2 || !o.isSetUp() {
		t.Errorf("asked %d times, set up %v; want 2 and true", asked, o.isSetUp())
	}
	if err := o.SetUpFromFile(t.Context(), document(t, 0)); err != nil || asked != 2 {
		t.Errorf("a box that is set up: %v, asked %d times; want 2", err, asked)
	}
}

// The files of diskMachine.
const (
	nameOnDisk    = "hostname"
	networkOnDisk = "network.json"
	fileOnDisk    = "setup.json"
)

// diskMachine is a computer whose own disk can be cut at any point. It writes as PID 1 does.
type diskMachine struct {
	testMachine
	disk *crashfs.FS
}

func (m *diskMachine) Keep(_ context.Context, box directory.Box) error {
	network, err := json.Marshal(box.Network)
	if err != nil {
		return err
	}
	return errors.Join(
		durable.ReplaceBytes(m.disk, nameOnDisk, 0o644, []byte(box.Hostname)),
		durable.ReplaceBytes(m.disk, networkOnDisk, 0o644, network),
	)
}

func (m *diskMachine) Settle(ctx context.Context, box directory.Box) error { return m.Keep(ctx, box) }

func (m *diskMachine) SetUpDone(context.Context) error {
	if err := m.disk.Remove(fileOnDisk); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return m.disk.SyncDir(".")
}

// settled says whether a disk has name and network, whole, and whether it has the set-up file.
func settled(t *testing.T, disk durable.FS) (all, file bool) {
	t.Helper()
	name, nameErr := durable.ReadFile(disk, nameOnDisk, 1000)
	network, networkErr := durable.ReadFile(disk, networkOnDisk, 1000)
	_, fileErr := disk.Stat(fileOnDisk)
	return nameErr == nil && networkErr == nil && string(name) == "mail."+testDomain && json.Valid(network), fileErr == nil
}

func openQuiet(t *testing.T, data string, m Machine) *Office {
	t.Helper()
	o, err := Open(t.Context(), Options{Data: data, Machine: m, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestSetUpFileCuts switches the box off at every point of a set-up from a file: as long as it has no name and no network
// the file is there, and the start behind that goes on from it. Nothing of it waits for the office to serve.
func TestSetUpFileCuts(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	m := &diskMachine{disk: crashfs.New()}
	if err := durable.ReplaceBytes(m.disk, fileOnDisk, 0o600, document(t, 0)); err != nil {
		t.Fatal(err)
	}
	first := m.disk.Ops()
	o := openQuiet(t, data, m)
	if err := errors.Join(o.SetUpFromFile(t.Context(), document(t, 0)), o.Close()); err != nil {
		t.Fatal(err)
	}
	again := 0
	for point := first; point <= m.disk.Ops(); point++ {
		for i, chance := range []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(1), crashfs.Some(2)} {
			cut := &diskMachine{disk: m.disk.Crash(point, chance)}
			all, file := settled(t, cut.disk)
			if !all && !file {
				t.Errorf("cut at %d (%d): neither the set-up file nor name and network", point, i)
			}
			if all || i > 0 {
				continue
			}
			again++
			if err := os.Remove(filepath.Join(data, settledFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			o := openQuiet(t, data, cut)
			if err := errors.Join(o.SetUpFromFile(t.Context(), document(t, 0)), o.Close()); err != nil {
				t.Fatal(err)
			}
			if all, file := settled(t, cut.disk.Crash(cut.disk.Ops(), crashfs.Nothing())); !all || file {
				t.Errorf("cut at %d: after the next start name and network are there: %v; the file: %v", point, all, file)
			}
		}
	}
	if all, file := settled(t, m.disk.Crash(m.disk.Ops(), crashfs.Nothing())); !all || file || again < 3 {
		t.Errorf("in the end name and network: %v, file: %v; %d cuts ahead of that", all, file, again)
	}
}

// TestSetUpKept: when whoever posted a set-up is told that it is done, the machine has its name and network for the next
// start; it does not use them yet.
func TestSetUpKept(t *testing.T) {
	t.Parallel()
	m := &diskMachine{disk: crashfs.New()}
	o := openQuiet(t, t.TempDir(), m)
	parsed, err := setup.Parse(document(t, 0))
	if err != nil {
		t.Fatal(err)
	}
	if err := (box{o}).SetUp(t.Context(), parsed); err != nil {
		t.Fatal(err)
	}
	if all, _ := settled(t, m.disk.Crash(m.disk.Ops(), crashfs.Nothing())); !all {
		t.Error("a box that is switched off now has no name or network")
	}
	if !o.answering() {
		t.Error("the machine may take its new network before the answer is there")
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
}
