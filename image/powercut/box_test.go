package powercut

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/nbd"
	"github.com/sanduk-mail/sanduk/image/vm"
)

const provisioning = `{
  "hostname": "mail.` + domain + `",
  "domains": ["` + domain + `"],
  "admin": {"address": "admin@` + domain + `", "password": "` + password + `"},
  "accounts": [
    {"address": "alice@` + domain + `", "name": "Alice", "password": "` + password + `"},
    {"address": "bob@` + domain + `", "name": "Bob", "password": "` + password + `"},
    {"address": "carol@` + domain + `", "name": "Carol", "password": "` + password + `"}
  ],
  "timezone": "Europe/Tirane",
  "network": {"mode": "dhcp"},
  "outbound": {"mode": "none"},
  "trusted_networks": ["10.0.2.2/32"]
}
`

const (
	build = "../../build"
	name  = "sanduk-pc-amd64"
	image = name + ".img"
	// bootTime is for TCG on a busy machine; an idle one needs a fifth of it.
	bootTime = 5 * time.Minute
	offTime  = 2 * time.Minute
	// diskSize has room for what many cycles leave; the file is sparse.
	diskSize = 3 << 30
)

// Guest ports.
const (
	smtpPort  = 25
	imapsPort = 993
	pop3sPort = 995
	httpsPort = 443
)

// missing skips the test for want of something, or fails it where nothing may be left out.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("SANDUK_SYSTEM") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf("SKIPPED: "+format, args...)
}

func need(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED with -short: starts virtual machines")
	}
	for program, what := range map[string]string{
		"qemu-system-x86_64": "run", "mcopy": "run", "e2fsck": "test", "debugfs": "test",
	} {
		if _, err := exec.LookPath(program); err != nil {
			missing(t, "%s is not installed (scripts/deps %s)", program, what)
		}
	}
	if _, err := os.Stat(filepath.Join(build, image)); err != nil {
		missing(t, "there is no build/%s (make image)", image)
	}
}

// scratch is a directory that goes away with the test, unless it fails or SANDUK_KEEP is set: then it is kept and named.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sanduk-powercut-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() || os.Getenv("SANDUK_KEEP") != "" {
			t.Logf("disks, serial logs and trace are kept in %s", dir)
			return
		}
		os.RemoveAll(dir)
	})
	return dir
}

// box is a machine whose disk is served by this process.
type box struct {
	*vm.Machine
	socket string
	lie    int
	direct *vm.Direct

	boot   *vm.Boot
	disk   *nbd.Disk
	server *nbd.Server
}

// newBox makes a machine in dir on a copy of the disk from; lie is the disk's, see nbd.Options. A nil pace is the
// product's own.
func newBox(t *testing.T, dir, from string, lie int, pace *hurry) *box {
	t.Helper()
	accel, why, err := vm.ChooseAccel(t.Context(), filepath.Join(build, "accel.json"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("QEMU with %s (%s)", accel, why)
	sockets, err := os.MkdirTemp("", "nbd") // a socket's path may be no longer than 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	b := &box{socket: filepath.Join(sockets, "disk"), lie: lie, direct: direct(t)}
	if pace != nil {
		b.direct = pace.with(t, b.direct, dir)
	}
	b.Machine, err = vm.New(vm.Options{
		Dir: dir, Image: from, DiskURL: "nbd+unix:///?socket=" + b.socket, DiskSize: diskSize, Accel: accel, Direct: b.direct, Bare: true,
		Ports: map[int]int{smtpPort: 0, imapsPort: 0, pop3sPort: 0, httpsPort: 0},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if b.boot != nil {
			b.boot.Kill()
		}
		if b.server != nil {
			_ = b.server.Close() // it may be closed
			_ = b.disk.Close()
		}
		os.RemoveAll(sockets)
	})
	return b
}

// direct starts the image's kernel with its initramfs and command line without firmware and loader, which are not what is
// tested and take, emulated, as long as the rest of a start.
func direct(t *testing.T) *vm.Direct {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(build, name+".manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Cmdline string `json:"cmdline"`
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		t.Fatal(err)
	}
	return &vm.Direct{Kernel: filepath.Join(build, name+".linux"), Initrd: filepath.Join(build, name+".initrd"), Cmdline: manifest.Cmdline}
}

// onByFirmware switches the box on as in an office: by firmware and loader, with the initramfs and the unit files that
// are on its disk.
func (b *box) onByFirmware(t *testing.T) {
	t.Helper()
	if err := b.SetDirect(nil); err != nil {
		t.Fatal(err)
	}
	b.on(t, "")
	if err := b.SetDirect(b.direct); err != nil {
		t.Fatal(err)
	}
}

// on switches the box on. Nothing that it does to its disk is lost before a cut; trace may be nil.
func (b *box) on(t *testing.T, trace string) {
	t.Helper()
	o := nbd.Options{Lie: b.lie}
	var err error
	if trace != "" {
		if o.Trace, err = nbd.CreateTrace(trace, diskSize); err != nil {
			t.Fatal(err)
		}
	}
	if b.disk, err = nbd.Open(b.Disk(), o); err != nil {
		t.Fatal(err)
	}
	if b.server, err = nbd.Listen(b.socket, b.disk); err != nil {
		t.Fatal(err)
	}
	if b.boot, err = b.Boot(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// ready waits until the box answers and says where. The error has what it says when it will not.
func (b *box) ready(t *testing.T, line string) (addresses, error) {
	t.Helper()
	re := regexp.MustCompile(line + `|(?m)^sanduk: recovery: .*$`)
	if _, err := b.boot.WaitSerial(t.Context(), re, bootTime); err != nil {
		return addresses{}, err
	}
	if strings.Contains(b.boot.Serial(), "\nsanduk: recovery: ") {
		return addresses{}, errors.New("the box is in recovery")
	}
	return addresses{b.boot.Addr(smtpPort), b.boot.Addr(imapsPort), b.boot.Addr(pop3sPort), b.boot.Addr(httpsPort)}, nil
}

// Lines of the boot log.
const (
	portsLine   = `(?m)^sanduk: all ports answering after (\d+) ms$`
	runningLine = `(?m)^sanduk: state running$`
)

// cut pulls the plug. Of what was not flushed the seed says what is lost.
func (b *box) cut(t *testing.T, seed uint64) nbd.Loss {
	t.Helper()
	return b.pull(t, func() (nbd.Loss, error) { return b.disk.Cut(seed) })
}

// lose pulls the plug, and all that was not flushed is lost.
func (b *box) lose(t *testing.T) nbd.Loss {
	t.Helper()
	return b.pull(t, b.disk.Lose)
}

func (b *box) pull(t *testing.T, apply func() (nbd.Loss, error)) nbd.Loss {
	t.Helper()
	b.boot.Kill()
	if err := b.server.Close(); err != nil {
		t.Fatal(err)
	}
	loss, err := apply()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.disk.Close(); err != nil {
		t.Fatal(err)
	}
	return loss
}

// off is what the power button does.
func (b *box) off(t *testing.T) {
	t.Helper()
	if err := b.boot.PowerOff(t.Context(), offTime); err != nil {
		t.Fatal(err)
	}
	if err := b.server.Close(); err != nil {
		t.Fatal(err)
	}
	if n := b.disk.Unflushed(); n > 0 && b.lie == 0 {
		t.Errorf("after an orderly power-off %d bytes are not flushed", n)
	}
	if err := b.disk.Close(); err != nil {
		t.Fatal(err)
	}
}

// stall is the line in which the kernel says that a processor stood still; "" when none did.
func stall(serial string) string {
	return regexp.MustCompile(`(?im)^.*(soft lockup|rcu: INFO: .*stall).*$`).FindString(serial)
}

// surprises are lines that say that the file system, the log or an index was not as a power cut may leave it.
func surprises(serial string) []problem {
	re := regexp.MustCompile(`(?im)^.*(not sound|file system mended.*attempt"?[=:]"?[2-9]|EXT4-fs error|EXT4-fs warning|I/O error|remounting filesystem read-only|damaged|set aside|rebuil|panic).*$`)
	var list []problem
	for _, line := range re.FindAllString(serial, -1) {
		list = append(list, problem{broken, "the box says: " + line})
	}
	return list
}
