package update_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aead.dev/minisign"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/platform/update"
)

// errCut is what everything returns after the power has failed.
var errCut = errors.New("the power has failed")

// partition is a boot partition, or the settings' directory, whose power fails before the operation number cut.
type partition struct {
	*durable.OS
	power *power
	fat   bool // and not a file system with a journal
}

// power is shared by all disks of a box.
type power struct {
	cut int // operations until it fails; negative: never
	n   int
	// torn is what a rename leaves that is cut in the middle: FAT has no step that makes both names change at once.
	torn func(p *partition, from, to string)
}

func (p *partition) step() error {
	p.power.n++
	if p.power.cut >= 0 && p.power.n > p.power.cut {
		return errCut
	}
	return nil
}

func (p *partition) OpenFile(name string, flag int, perm os.FileMode) (durable.File, error) {
	if flag&os.O_CREATE != 0 {
		if err := p.step(); err != nil {
			return nil, err
		}
	}
	f, err := p.OS.OpenFile(name, flag, perm)
	return &cutFile{f, p}, err
}

func (p *partition) Rename(from, to string) error {
	if err := p.step(); err != nil {
		if p.fat && p.power.n == p.power.cut+1 && p.power.torn != nil {
			p.power.torn(p, from, to)
		}
		return err
	}
	return p.OS.Rename(from, to)
}

func (p *partition) Remove(name string) error {
	if _, err := p.OS.Stat(name); err != nil {
		return p.OS.Remove(name)
	}
	if err := p.step(); err != nil {
		return err
	}
	return p.OS.Remove(name)
}

type cutFile struct {
	durable.File
	p *partition
}

func (f *cutFile) Write(b []byte) (int, error) {
	if err := f.p.step(); err != nil {
		_, _ = f.File.Write(b[:len(b)/2])
		return 0, err
	}
	return f.File.Write(b)
}

func (f *cutFile) Sync() error {
	if err := f.p.step(); err != nil {
		return err
	}
	return f.File.Sync()
}

// box is a machine with a boot partition, a data disk and the loader's rules.
type box struct {
	t        *testing.T
	esp, set *partition
	power    *power
	keys     []update.Key
	key      minisign.PrivateKey
	works    map[update.Version]bool // versions that prove themselves when they are started
}

const espFiles = "EFI/Linux"

func newBox(t *testing.T) *box {
	t.Helper()
	b := &box{t: t, power: &power{cut: -1}, works: map[update.Version]bool{}}
	b.key, b.keys = signer(t, "active")
	for _, p := range []**partition{&b.esp, &b.set} {
		dir, err := durable.NewOS(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { dir.Close() })
		*p = &partition{dir, b.power, p == &b.esp}
	}
	if err := b.esp.MkdirAll(espFiles, 0o700); err != nil {
		t.Fatal(err)
	}
	return b
}

// put puts a file onto the boot partition, past the power.
func (b *box) put(name, data string) {
	b.t.Helper()
	if err := os.WriteFile(b.esp.Path(espFiles+"/"+name), []byte(data), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) files() []string {
	b.t.Helper()
	files, err := os.ReadDir(b.esp.Path(espFiles))
	if err != nil {
		b.t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	return names
}

func (b *box) state() update.State {
	b.t.Helper()
	s, err := update.ReadState(b.set.OS)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// start is a start of the machine up to where a version has proved itself: the loader picks, counts, and goes on to the
// next when one doesn't. It returns the version that runs.
func (b *box) start() update.Version {
	b.t.Helper()
	b.power.cut = -1
	for range 20 {
		list, err := update.List(b.esp.OS)
		if err != nil {
			b.t.Fatal(err)
		}
		list = slices.DeleteFunc(list, func(e update.Entry) bool { return e.Size == 0 }) // the firmware passes them over
		if len(list) == 0 {
			b.t.Fatalf("nothing to start: %q", b.files())
		}
		e := list[0]
		trial := e.Counted
		if trial && e.Left > 0 {
			to := fmt.Sprintf("sanduk_%s+%d-%d.efi", e.Version, e.Left-1, e.Done+1)
			if err := b.esp.OS.Rename(espFiles+"/"+e.Name, espFiles+"/"+to); err != nil {
				b.t.Fatal(err)
			}
		}
		text, err := os.ReadFile(b.esp.Path(espFiles + "/" + b.named(e.Version)))
		if err != nil {
			b.t.Fatal(err)
		}
		if string(text) != "kernel "+string(e.Version) {
			b.t.Fatalf("the loader starts %s, which holds %q", e.Name, text)
		}
		if b.works[e.Version] {
			b.settle(e.Version, trial)
			return e.Version
		}
	}
	b.t.Fatalf("no version proves itself: %q", b.files())
	return ""
}

// named is the first name of a version that isn't empty.
func (b *box) named(v update.Version) string {
	for _, name := range b.files() {
		info, err := os.Stat(b.esp.Path(espFiles + "/" + name))
		if err == nil && info.Size() > 0 && (name == update.FileName(v) || strings.HasPrefix(name, "sanduk_"+string(v)+"+")) {
			return name
		}
	}
	b.t.Fatalf("version %s is not in %q", v, b.files())
	return ""
}

// settle is what PID 1 does in each start.
func (b *box) settle(running update.Version, trial bool) {
	b.t.Helper()
	s := b.state()
	list, err := update.List(b.esp.OS)
	if err != nil {
		b.t.Fatal(err)
	}
	if s.Settle(list, running, today) {
		if err := s.Write(b.set.OS); err != nil {
			b.t.Fatal(err)
		}
	}
	if trial {
		if err := update.Bless(b.esp.OS, b.set.OS, &s, running, today); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := update.Tidy(b.esp.OS, running); err != nil {
		b.t.Fatal(err)
	}
	if untidy, err := update.Untidy(b.esp.OS); untidy || err != nil {
		b.t.Fatalf("after Tidy the partition is untidy (%v): %q", err, b.files())
	}
}

// install installs a version as PID 1 does.
func (b *box) install(v, running update.Version, change func(*update.Manifest)) error {
	b.t.Helper()
	m := manifest(v)
	if change != nil {
		change(&m)
	}
	s := b.state()
	u, err := update.Open(bytes.NewReader(bundle(b.t, m, "kernel "+string(v), b.key)), b.keys)
	if err != nil {
		b.t.Fatal(err)
	}
	judge := update.Box{Name: "sanduk", Board: "pc-amd64", Running: running, Now: today, State: s}
	if err := judge.Judge(&u.Manifest); err != nil {
		return err
	}
	if err := update.Stage(b.esp, u, running, func() (int64, error) { return 1 << 30, nil }); err != nil {
		return err
	}
	if err := update.Confirm(b.esp, &u.Manifest); err != nil {
		return err
	}
	s.Know(running, update.Schema{Reads: 1, Writes: 1})
	s.Begin(&u.Manifest, running, today)
	if err := s.Write(b.set); err != nil {
		return err
	}
	return update.Commit(b.esp, &u.Manifest)
}

// firstBox is a box with versions 0.9.0 and 1.0.0, of which 1.0.0 runs.
func firstBox(t *testing.T) *box {
	t.Helper()
	b := newBox(t)
	b.put("sanduk_0.9.0.efi", "kernel 0.9.0")
	b.put("sanduk_1.0.0.efi", "kernel 1.0.0")
	b.works["0.9.0"], b.works["1.0.0"] = true, true
	if v := b.start(); v != "1.0.0" {
		t.Fatalf("%s runs, want 1.0.0", v)
	}
	return b
}

func TestGoodUpdate(t *testing.T) {
	t.Parallel()
	b := firstBox(t)
	b.works["1.1.0"] = true
	err := b.install("1.1.0", "1.0.0", func(m *update.Manifest) { m.Floor = "1.0.0"; m.Schema.Writes = 2 })
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"sanduk_0.9.0.efi", "sanduk_1.0.0.efi", "sanduk_1.1.0+3.efi"}; !slices.Equal(b.files(), want) {
		t.Fatalf("after installing: %q, want %q", b.files(), want)
	}
	if s := b.state(); s.Schema != 1 || s.Floor != "" {
		t.Errorf("state on trial %+v, want schema and floor of before", s)
	}
	if v := b.start(); v != "1.1.0" {
		t.Fatalf("%s runs, want 1.1.0", v)
	}
	s := b.state()
	if s.Schema != 2 || s.Floor != "1.0.0" || s.Trial != nil || len(s.Outcomes) != 1 || !s.Outcomes[0].Blessed {
		t.Errorf("state %+v, want it blessed with schema 2 and floor 1.0.0", s)
	}
	list, err := update.List(b.esp.OS)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Previous(list, "1.1.0")
	refusedFor(t, "going back behind the schema", err, update.Downgrade)
	b.works["1.2.0"] = true
	if err := b.install("1.2.0", "1.1.0", func(m *update.Manifest) { m.Schema.Writes = 2 }); err != nil {
		t.Fatal(err)
	}
	if want := []string{"sanduk_1.0.0.efi", "sanduk_1.1.0.efi", "sanduk_1.2.0+3.efi"}; !slices.Equal(b.files(), want) {
		t.Errorf("after the next: %q, want %q: the oldest goes", b.files(), want)
	}
}

func TestBadUpdate(t *testing.T) {
	t.Parallel()
	b := firstBox(t)
	if err := b.install("1.1.0", "1.0.0", nil); err != nil {
		t.Fatal(err)
	}
	if v := b.start(); v != "1.0.0" {
		t.Fatalf("%s runs, want 1.0.0 again", v)
	}
	s := b.state()
	if len(s.Outcomes) != 1 || s.Outcomes[0].Blessed || !strings.Contains(s.Outcomes[0].Reason, "1.1.0") {
		t.Errorf("outcomes %+v, want one that says that 1.1.0 failed", s.Outcomes)
	}
	if want := []string{"sanduk_0.9.0.efi", "sanduk_1.0.0.efi", "sanduk_1.1.0+0-3.efi"}; !slices.Equal(b.files(), want) {
		t.Errorf("files %q, want %q", b.files(), want)
	}
	b.works["1.1.0"] = true // a second try, with what was missing
	if err := b.install("1.1.0", "1.0.0", nil); err != nil {
		t.Fatal(err)
	}
	if v := b.start(); v != "1.1.0" {
		t.Errorf("%s runs, want 1.1.0 the second time", v)
	}
}

func TestGoBack(t *testing.T) {
	t.Parallel()
	b := firstBox(t)
	s := b.state()
	v, err := update.GoBack(b.esp, b.set, &s, "1.0.0", today)
	if err != nil || v != "0.9.0" {
		t.Fatalf("going back: %s, %v, want 0.9.0", v, err)
	}
	if v := b.start(); v != "0.9.0" {
		t.Fatalf("%s runs, want 0.9.0", v)
	}
	s = b.state()
	_, err = update.GoBack(b.esp, b.set, &s, "0.9.0", today)
	refusedFor(t, "going back twice", err, update.NoOther)
	if err := b.install("1.0.0", "0.9.0", nil); err != nil {
		t.Fatalf("the version that was left can't be installed again: %v", err)
	}
	if v := b.start(); v != "1.0.0" {
		t.Errorf("%s runs, want 1.0.0", v)
	}
}

func TestRefusedByThePartition(t *testing.T) {
	t.Parallel()
	b := firstBox(t)
	m := manifest("1.1.0")
	u, err := update.Open(bytes.NewReader(bundle(t, m, "kernel", b.key)), b.keys)
	if err != nil {
		t.Fatal(err)
	}
	err = update.Stage(b.esp, u, "1.0.0", func() (int64, error) { return update.Reserve, nil })
	refusedFor(t, "no room", err, update.NoSpace)
	if err := update.Stage(b.esp, u, "1.0.0", func() (int64, error) { return 1 << 30, nil }); err != nil {
		t.Fatal(err)
	}
	b.put("sanduk.new", "kernal")
	refusedFor(t, "other bytes come back", update.Confirm(b.esp, &u.Manifest), update.Unwritable)
	b.put("sanduk.new", "kern")
	refusedFor(t, "fewer bytes come back", update.Confirm(b.esp, &u.Manifest), update.Unwritable)

	damaged := bundle(t, m, "kernel", b.key)
	at := bytes.LastIndex(damaged, []byte("kernel"))
	damaged[at] ^= 1
	if u, err = update.Open(bytes.NewReader(damaged), b.keys); err != nil {
		t.Fatal(err)
	}
	err = update.Stage(b.esp, u, "1.0.0", func() (int64, error) { return 1 << 30, nil })
	refusedFor(t, "a damaged kernel", err, update.Unreadable)
	if want := []string{"sanduk_0.9.0.efi", "sanduk_1.0.0.efi"}; !slices.Equal(b.files(), want) {
		t.Errorf("afterwards: %q, want %q", b.files(), want)
	}
}

// torn are the ways in which a rename on FAT can be cut, once the disk check has looked at it.
func torn() map[string]func(p *partition, from, to string) {
	write := func(p *partition, name string, data []byte) {
		if err := os.WriteFile(p.Path(name), data, 0o600); err != nil {
			panic(err)
		}
	}
	read := func(p *partition, name string) []byte {
		data, err := os.ReadFile(p.Path(name))
		if err != nil {
			panic(err)
		}
		return data
	}
	return map[string]func(p *partition, from, to string){
		"not at all":      nil,
		"both names":      func(p *partition, from, to string) { write(p, to, read(p, from)) },
		"new one empty":   func(p *partition, _, to string) { write(p, to, nil) },
		"old one empty":   func(p *partition, from, to string) { write(p, to, read(p, from)); write(p, from, nil) },
		"the new name on": func(p *partition, from, to string) { _ = p.OS.Rename(from, to) },
	}
}

// TestPowerCuts cuts the power before every operation of installing, blessing and going back, in each of the ways that
// FAT has: a version that works is always started, and the next installation goes well.
func TestPowerCuts(t *testing.T) {
	t.Parallel()
	acts := map[string]struct {
		prepare func(b *box)
		act     func(b *box) error
	}{
		"install": {func(*box) {}, func(b *box) error { return b.install("1.1.0", "1.0.0", nil) }},
		"install again": {
			func(b *box) {
				b.put("sanduk_1.1.0+0-3.efi", "kernel 1.1.0")
				b.put("sanduk.new", "half")
			},
			func(b *box) error { return b.install("1.1.0", "1.0.0", nil) },
		},
		"bless": {
			func(b *box) {
				if err := b.install("1.1.0", "1.0.0", nil); err != nil {
					b.t.Fatal(err)
				}
				if err := b.esp.OS.Rename(espFiles+"/sanduk_1.1.0+3.efi", espFiles+"/sanduk_1.1.0+2-1.efi"); err != nil {
					b.t.Fatal(err)
				}
			},
			func(b *box) error {
				s := b.state()
				return update.Bless(b.esp, b.set, &s, "1.1.0", today)
			},
		},
		"go back": {func(*box) {}, func(b *box) error {
			s := b.state()
			_, err := update.GoBack(b.esp, b.set, &s, "1.0.0", today)
			return err
		}},
	}
	cuts := 0
	for name, a := range acts {
		for how, tear := range torn() {
			for cut := 0; ; cut++ {
				b := firstBox(t)
				a.prepare(b)
				b.works["1.1.0"] = true
				b.power.n, b.power.cut, b.power.torn = 0, cut, tear
				err := a.act(b)
				done := b.power.n <= cut
				if done && err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if !done && !errors.Is(err, errCut) {
					t.Fatalf("%s, cut %d (%s): %v, want it to fail", name, cut, how, err)
				}
				running := b.start()
				if s := b.state(); s.Trial != nil && s.Trial.Version == running {
					t.Errorf("%s, cut %d (%s): %s runs and is on trial for ever: %+v", name, cut, how, running, s)
				}
				b.works["2.0.0"] = true
				if err := b.install("2.0.0", running, nil); err != nil {
					t.Errorf("%s, cut %d (%s): the next installation: %v", name, cut, how, err)
				}
				if v := b.start(); v != "2.0.0" {
					t.Errorf("%s, cut %d (%s): %s runs after the next installation: %q", name, cut, how, v, b.files())
				}
				cuts++
				if done {
					break
				}
			}
		}
	}
	t.Logf("%d power cuts", cuts)
}

func TestAdmit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		schema  int
		knows   update.Schema
		onTrial bool
		want    int
		refused bool
	}{
		{"a new box", 0, update.Schema{Reads: 1, Writes: 1}, false, 0, false},
		{"a new box of a later version", 0, update.Schema{Reads: 1, Writes: 3}, false, 3, false},
		{"on trial", 1, update.Schema{Reads: 1, Writes: 2}, true, 1, false},
		{"flashed over an older one", 1, update.Schema{Reads: 1, Writes: 2}, false, 2, false},
		{"flashed over a newer one", 3, update.Schema{Reads: 1, Writes: 2}, false, 3, true},
		{"flashed over one that is too old", 1, update.Schema{Reads: 2, Writes: 3}, false, 1, true},
		{"returned", 2, update.Schema{Reads: 1, Writes: 2}, false, 2, false},
	} {
		s := update.State{Schema: tt.schema}
		changed, err := s.Admit("1.1.0", tt.knows, tt.onTrial)
		if (err != nil) != tt.refused || s.Schema != tt.want || changed != (tt.want != tt.schema) {
			t.Errorf("%s: %v, %v, schema %d; want schema %d, refused %v", tt.name, changed, err, s.Schema, tt.want, tt.refused)
		}
		if changed && s.Knows["1.1.0"] != tt.knows {
			t.Errorf("%s: it is not noted what the version knows: %+v", tt.name, s.Knows)
		}
	}
}

func TestState(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	if s := b.state(); s.Schema != 1 || s.Trial != nil {
		t.Errorf("a new box's state is %+v", s)
	}
	if err := os.WriteFile(filepath.Join(b.set.Path("."), "update.json"), []byte(`{"v": 9}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := update.ReadState(b.set.OS); err == nil {
		t.Error("a state of a later form is read")
	}
	s := update.State{Outcomes: make([]update.Outcome, 50)}
	s.Outcomes[49].To = "9.0.0"
	if err := s.Write(b.set.OS); err != nil {
		t.Fatal(err)
	}
	if s := b.state(); len(s.Outcomes) != 20 || s.Outcomes[19].To != "9.0.0" {
		t.Errorf("%d outcomes are kept, want the last 20", len(s.Outcomes))
	}
}
