package boot

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf16"

	"github.com/sanduk-mail/sanduk/platform/console"
	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/platform/disk"
	"github.com/sanduk-mail/sanduk/platform/supervise"
)

func TestModuleAliases(t *testing.T) {
	t.Parallel()
	table, err := readAliases(strings.NewReader(`# Aliases extracted from modules themselves.
alias virtio:d00000002v* virtio_blk
alias pci:v00001AF4d00001042sv*sd*bc*sc*i* virtio_pci
alias pci:v*d*sv*sd*bc01sc06i01* ahci
alias acpi*:PNP0C0C:* button
alias acpi*:LNXPWRBN:* button
alias usb:v0BDAp8153d*dc*dsc*dp*icFFiscFFip00in* r8152
alias hdaudio:v10EC023[0-3]r*a01* codec
alias
`))
	if err != nil {
		t.Fatal(err)
	}
	for modalias, want := range map[string][]string{
		"virtio:d00000002v00001AF4":                             {"virtio_blk"},
		"virtio:d00000001v00001AF4":                             nil,
		"pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01": {"ahci"},
		"acpi:LNXPWRBN:":                                        {"button"},
		"acpi:PNP0C0C:":                                         {"button"},
		"acpi:PNP0C0E:":                                         nil,
		"usb:v0BDAp8153d3000dc00dsc00dp00icFFiscFFip00in00":     {"r8152"},
		"hdaudio:v10EC0232r00100001a01":                         {"codec"},
		"hdaudio:v10EC0234r00100001a01":                         nil,
		"":                                                      nil,
	} {
		if got := table.match(modalias); !slices.Equal(got, want) {
			t.Errorf("match(%q) = %q, want %q", modalias, got, want)
		}
	}
}

func TestModulesLoadDependenciesOnce(t *testing.T) {
	t.Parallel()
	m := &modules{log: slog.New(slog.DiscardHandler), files: map[string]*moduleFile{}, asked: map[string]bool{}}
	err := m.readDependencies(strings.NewReader("kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/crypto/crc32c-generic.ko\nkernel/lib/crc16.ko:\n"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if got := m.files["ext4"].deps; !slices.Equal(got, []string{"crc16", "crc32c_generic"}) {
		t.Errorf("dependencies %q", got)
	}
	if err := m.insert("ext4"); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "needs crc16") {
		t.Errorf("insert without the file = %v, want which dependency is missing", err)
	}
	if err := m.insert("no_such"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("insert of an unknown module = %v", err)
	}
	m.aliases = aliasTable{"pci": {newAlias("pci:a*", "one"), newAlias("pci:ab*", "two")}}
	if got := m.resolve([]string{"pci:ab", "pci:ab", "pci:ac"}); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("resolve = %q, want each once", got)
	}
	if got := m.resolve([]string{"pci:ab"}); len(got) != 0 {
		t.Errorf("resolve again = %q, want none", got)
	}
}

func TestModulesEmpty(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := &modules{log: slog.New(slog.DiscardHandler), files: map[string]*moduleFile{}, asked: map[string]bool{}}
	if err := m.readDependencies(strings.NewReader("a.ko: b.ko\nb.ko:\ngone.ko:\n"), dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.ko", "b.ko", "modules.dep"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("code"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.empty(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("empty = %v, want it to say which file was not there", err)
	}
	for name, want := range map[string]int64{"a.ko": 0, "b.ko": 0, "modules.dep": 4} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() != want {
			t.Errorf("%s: %v, want it there with %d bytes", name, err, want)
		}
	}
}

func TestDriversForDisksComeFirst(t *testing.T) {
	t.Parallel()
	m := &modules{log: slog.New(slog.DiscardHandler), files: map[string]*moduleFile{}, asked: map[string]bool{}}
	for name, path := range map[string]string{
		"e1000e": "kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko", "softdog": "kernel/drivers/watchdog/softdog.ko",
		"evdev": "kernel/drivers/input/evdev.ko",
		"ahci":  "kernel/drivers/ata/ahci.ko", "virtio_pci": "kernel/drivers/virtio/virtio_pci.ko",
		"usb_storage": "kernel/drivers/usb/storage/usb-storage.ko", "nvme": "kernel/drivers/nvme/host/nvme.ko",
	} {
		m.files[name] = &moduleFile{path: filepath.Join("/no/such", path)}
	}
	all := []string{"softdog", "e1000e", "evdev", "usb-storage", "ahci", "no_such", "nvme", "virtio_pci"}
	take := func(d *drivers) (names []string) {
		for name := d.next(); name != ""; name = d.next() {
			names = append(names, name)
		}
		return names
	}
	d := newDrivers(m)
	d.add(all)
	if got, want := take(d), []string{"virtio_pci", "nvme", "ahci", "usb-storage", "e1000e", "evdev", "softdog", "no_such"}; !slices.Equal(got, want) {
		t.Errorf("order %q, want %q", got, want)
	}
	d.add(all)
	d.hold()
	if got := take(d); !slices.Equal(got, []string{"e1000e", "evdev"}) {
		t.Errorf("with the disk found: %q, want network card and power button only", got)
	}
	d.rest()
	select {
	case <-d.idle:
		t.Error("the queue passes for empty while some wait")
	default:
	}
	d.release()
	if got := take(d); len(got) != len(all)-2 || got[0] != "virtio_pci" {
		t.Errorf("released: %q, want the others, disks first", got)
	}
	for path, want := range map[string]bool{"e1000e": true, "virtio_pci": true, "ahci": false, "evdev": false} {
		if got := inOrder(m.files[path].path); got != want {
			t.Errorf("inOrder(%s) = %v, want %v", path, got, want)
		}
	}
}

// TestDriversRun: a driver that hangs holds up nobody, and the queue says when
// it was empty for the first time.
func TestDriversRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &modules{log: slog.New(slog.DiscardHandler), files: map[string]*moduleFile{}, asked: map[string]bool{}}
		hang := make(chan struct{})
		m.tuned = hang // which network drivers wait for
		m.files["card"] = &moduleFile{path: "/no/such/drivers/net/card.ko"}
		m.aliases = aliasTable{"pci": {newAlias("pci:a*", "card"), newAlias("pci:b*", "other")}}
		d := newDrivers(m)
		ctx, cancel := context.WithCancel(t.Context())
		d.ask([]string{"pci:a"})
		go d.run(ctx, func(fn func()) { go fn() })
		d.ask([]string{"pci:b", "pci:a", ""})
		began := time.Now()
		<-d.idle
		if took := time.Since(began); took != driverPatience {
			t.Errorf("the queue was empty after %v, want %v: the time that a hanging driver is waited for", took, driverPatience)
		}
		close(hang)
		cancel()
	})
}

func TestGlobMatch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true}, {"*", "", true}, {"*", "abc", true}, {"a*c", "abbc", true}, {"a*c", "abb", false},
		{"a?c", "abc", true}, {"a?c", "ac", false}, {"[a-c]x", "bx", true}, {"[a-c]x", "dx", false},
		{"[abc]", "c", true}, {"[", "[", false}, {"a*b*c", "a1b2b3c", true}, {"ab", "abc", false}, {"abc", "ab", false},
		{strings.Repeat("a*", 40) + "b", strings.Repeat("a", 2000), false}, // must not take for ever
	} {
		if got := globMatch(test.pattern, test.s); got != test.want {
			t.Errorf("globMatch(%.20q, %.20q) = %v, want %v", test.pattern, test.s, got, test.want)
		}
	}
}

// FuzzGlobMatch compares with package path where the two mean the same.
func FuzzGlobMatch(f *testing.F) {
	f.Add("pci:v*d[0-9]?", "pci:v1d22")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 100 || len(s) > 1000 {
			return
		}
		got := globMatch(pattern, s)
		if strings.ContainsAny(pattern+s, "/\\[]") || !isASCII(pattern+s) {
			return
		}
		if want, err := path.Match(pattern, s); err == nil && got != want {
			t.Errorf("globMatch(%q, %q) = %v, path.Match says %v", pattern, s, got, want)
		}
	})
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 127 })
}

func TestParseUevent(t *testing.T) {
	t.Parallel()
	msg := "add@/devices/x\x00ACTION=add\x00SUBSYSTEM=input\x00DEVNAME=input/event3\x00MODALIAS=usb:v1\x00"
	want := uevent{Action: "add", Subsystem: "input", Device: "input/event3", Modalias: "usb:v1"}
	if got, ok := parseUevent([]byte(msg)); !ok || got != want {
		t.Errorf("parseUevent = %+v, %v, want %+v", got, ok, want)
	}
	msg = "remove@/block/sdb\x00ACTION=remove\x00SUBSYSTEM=block\x00DEVNAME=sdb\x00DEVTYPE=disk\x00"
	if got, ok := parseUevent([]byte(msg)); !ok || got.Device != "sdb" || !got.wholeDisk() {
		t.Errorf("parseUevent = %+v, %v, want a whole disk", got, ok)
	}
	for _, bad := range []string{"", "libudev\x00\xfe\xed", "add@/x\x00", "x\x00ACTION=add"} {
		if got, ok := parseUevent([]byte(bad)); ok {
			t.Errorf("parseUevent(%q) = %+v, want it refused", bad, got)
		}
	}
}

func FuzzParseUevent(f *testing.F) {
	f.Add([]byte("add@/devices/x\x00ACTION=add\x00MODALIAS=pci:v1"))
	f.Fuzz(func(t *testing.T, msg []byte) { parseUevent(msg) })
}

func TestCheckHostname(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"mail", "mail.example.test", "a-b.c1", "MAIL", strings.Repeat("a", 63)} {
		if err := checkHostname(good); err != nil {
			t.Errorf("checkHostname(%q) = %v", good, err)
		}
	}
	for _, bad := range []string{"", ".", "a.", ".a", "a..b", "-a", "a b", "ä", "a_b", "a\n", strings.Repeat("a", 64), strings.Repeat("a.", 40) + "a"} {
		if err := checkHostname(bad); err == nil {
			t.Errorf("checkHostname(%q) accepted", bad)
		}
	}
}

func TestReadMemory(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "meminfo")
	if err := os.WriteFile(name, []byte("MemTotal:         493216 kB\nMemFree: 1 kB\nMemAvailable:     381136 kB\nHugePages_Total: 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readMemory(name)
	if want := (control.Memory{Total: 493216 << 10, Available: 381136 << 10}); err != nil || got != want {
		t.Errorf("readMemory = %+v, %v, want %+v", got, err, want)
	}
}

func TestLoaderPartition(t *testing.T) {
	t.Parallel()
	const guid = "4A67B082-0A4C-41CF-B6C7-440B29BB8C4F"
	name := filepath.Join(t.TempDir(), "variable")
	if got, err := loaderPartition(name); err != nil || got != (disk.GUID{}) {
		t.Errorf("no variable: %v, %v, want zero", got, err)
	}
	var b bytes.Buffer
	b.Write([]byte{6, 0, 0, 0})
	if err := binary.Write(&b, binary.LittleEndian, append(utf16.Encode([]rune(guid)), 0)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := loaderPartition(name); err != nil || !strings.EqualFold(got.String(), guid) {
		t.Errorf("loaderPartition = %v, %v, want %s", got, err, guid)
	}
	if err := os.WriteFile(name, b.Bytes()[:20], 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := loaderPartition(name); err == nil {
		t.Errorf("a cut variable gave %v", got)
	}
}

func TestCounted(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "variable")
	if counted(name, "1.2.3") {
		t.Error("on trial without the loader's variable")
	}
	for path, want := range map[string]bool{
		`\EFI\Linux\sanduk_1.2.3+2-1.efi`: true,
		`\EFI\Linux\sanduk_1.2.4+0-3.efi`: false, // the firmware refused it, and came here
		`\EFI\Linux\something.efi`:        true,
		"":                                true,
	} {
		b := bytes.NewBuffer([]byte{6, 0, 0, 0})
		if err := binary.Write(b, binary.LittleEndian, append(utf16.Encode([]rune(path)), 0)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := counted(name, "1.2.3"); got != want {
			t.Errorf("%q: on trial %v, want %v", path, got, want)
		}
	}
}

func TestWaitPowerKey(t *testing.T) {
	t.Parallel()
	event := func(kind, code uint16, value uint32) []byte {
		b := make([]byte, inputEventSize)
		binary.LittleEndian.PutUint16(b[16:], kind)
		binary.LittleEndian.PutUint16(b[18:], code)
		binary.LittleEndian.PutUint32(b[20:], value)
		return b
	}
	other := slices.Concat(event(0, 0, 0), event(evKey, keyPower, 0), event(evKey, 30, 1))
	if err := waitPowerKey(bytes.NewReader(other)); !errors.Is(err, io.EOF) {
		t.Errorf("other events: %v, want them passed over", err)
	}
	if err := waitPowerKey(bytes.NewReader(append(other, event(evKey, keyPower, 1)...))); err != nil {
		t.Errorf("the power key: %v", err)
	}
}

func TestNextSeedDependsOnBoth(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, old := range []string{"", "a", "b"} {
		for _, fresh := range []string{"x", "y"} {
			s := string(nextSeed([]byte(old), []byte(fresh)))
			if len(s) != seedSize || seen[s] {
				t.Errorf("seed of %q and %q: %d bytes, seen before: %v", old, fresh, len(s), seen[s])
			}
			seen[s] = true
		}
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	answer := func(text string) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(conn, text)
				_ = conn.Close()
			}
		}()
		return l.Addr().String()
	}
	ctx := t.Context()
	if err := probeOnce(ctx, Probe{Want: "220 "}, answer("220 hello\r\n")); err != nil {
		t.Errorf("a good greeting: %v", err)
	}
	for _, bad := range []string{"", "22", "421 busy\r\n"} {
		if err := probeOnce(ctx, Probe{Want: "220 "}, answer(bad)); err == nil {
			t.Errorf("greeting %q was accepted", bad)
		}
	}
	if err := probeOnce(ctx, Probe{TLS: true}, answer("220 hello\r\n")); err == nil {
		t.Error("a TLS handshake with a plain server succeeded")
	}
	if _, err := portOf([]supervise.Socket{{FDName: "smtp", Address: "[::]:25"}}, "imap"); err == nil {
		t.Error("a port was found for a socket that is not there")
	}
	if port, err := portOf([]supervise.Socket{{FDName: "smtp", Address: "[::]:25"}}, "smtp"); err != nil || port != 25 {
		t.Errorf("port %d, %v, want 25", port, err)
	}
}

func TestLineWriterNeverBlocks(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe() // nobody reads yet
	line := newLineWriter(w)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go line.run(ctx)
	for range 3 * lineQueue {
		if n, err := line.Write([]byte("x\n")); n != 2 || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	buf := make([]byte, 2)
	if _, err := io.ReadFull(r, buf); err != nil || string(buf) != "x\n" {
		t.Errorf("read %q, %v", buf, err)
	}
	_ = r.Close()
}

// TestFirstReasonForRecoveryCounts: later phases fail because of the first.
func TestFirstReasonForRecoveryCounts(t *testing.T) {
	t.Parallel()
	m := &Machine{}
	if m.recovering() {
		t.Error("recovery without a reason")
	}
	m.enterRecovery(errors.Join(errors.New("context"), &disk.RecoveryError{Text: "first"}))
	m.enterRecovery(errors.New("second"))
	if m.problem == nil || m.problem.Text != "first" {
		t.Errorf("problem %+v, want the first", m.problem)
	}
	other := &Machine{}
	other.enterRecovery(errors.New("surprise"))
	if !strings.Contains(other.problem.Text, "surprise") || !strings.Contains(other.problem.Text, "Restart") {
		t.Errorf("problem %q, want the reason and what to do", other.problem.Text)
	}
}

func TestOnlyTheFirstRequestCounts(t *testing.T) {
	t.Parallel()
	m := &Machine{log: slog.New(slog.DiscardHandler), stop: make(chan Action, 1)}
	m.request(PowerOff, "button")
	m.request(Reboot, "key")
	if got := <-m.stop; got != PowerOff {
		t.Errorf("action %v, want power off", got)
	}
	select {
	case a := <-m.stop:
		t.Errorf("second action %v", a)
	case <-time.After(time.Millisecond):
	}
}

// TestKeysOfTheConsole: what a key can't do is said where it was pressed, and nothing else happens.
func TestKeysOfTheConsole(t *testing.T) {
	t.Parallel()
	m := &Machine{log: slog.New(slog.DiscardHandler), stop: make(chan Action, 1)}
	m.updates = &updates{m: m} // started without a boot partition
	refused, ok := errors.AsType[*console.Refusal](standing{m}.GoBack(t.Context()))
	if !ok || refused.Text != sentence(errNoUpdate.(*control.Error).Text) {
		t.Errorf("the previous version on a box without one: %v, want what the page says", refused)
	}
	select {
	case a := <-m.stop:
		t.Errorf("the box goes %v all the same", a)
	default:
	}
}

// TestKeepCheck: of many checks the first ones and the newest are kept.
func TestKeepCheck(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "log")
	for i := 1; i <= maxChecks+2; i++ {
		if err := keepCheck(dir, fmt.Appendf(nil, "check %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != maxChecks {
		t.Errorf("%d files, %v; want %d", len(files), err, maxChecks)
	}
	for name, want := range map[string]string{"check-1.txt": "check 1", "check-8.txt": "check 10"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
}
