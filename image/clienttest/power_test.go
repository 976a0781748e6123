package clienttest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/run"
	"github.com/sanduk-mail/sanduk/image/vm"
)

// How long things may take under TCG on a busy machine with two cores. They take a fifth of it on an idle one.
const (
	bootTime = 5 * time.Minute
	offTime  = 2 * time.Minute
)

// build is where the images are.
const build = "../../build"

// root is the module's directory.
const root = "../.."

// power switches a box on and off. Both kinds of box have their data kept from one start to the next.
type power interface {
	// on returns where the services answer, by the names of their ports.
	on(t *testing.T) map[string]string
	// off is what the power button does.
	off(t *testing.T)
	// cut is what pulling the plug does. It may be called from any goroutine.
	cut()
	// story is what the box said in this run.
	story() string
}

// onHost says that the tests are to run against maild on this machine.
func onHost() bool { return os.Getenv("SANDUK_CLIENTTEST") == "host" }

// long asks for the forms that take long.
func long() bool { return os.Getenv("SANDUK_LONG") == "1" }

// missing skips a test for want of something, or fails it where nothing may be left out.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("SANDUK_SYSTEM") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf("SKIPPED: "+format, args...)
}

// artifact returns a built file.
func artifact(t *testing.T, name string) string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join(build, name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil {
		missing(t, "there is no build/%s (make image)", name)
	}
	return file
}

// machine is a box in a virtual machine.
type machine struct {
	*vm.Machine
	boot *vm.Boot
}

// newMachine makes a machine from the built image. Its directory goes away with the test, unless the test fails: then
// it is kept and named.
func newMachine(t *testing.T, o vm.Options) *machine {
	t.Helper()
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		missing(t, "QEMU is not installed (scripts/deps run)")
	}
	o.Image = artifact(t, "sanduk-pc-amd64.img")
	accel, why, err := vm.ChooseAccel(t.Context(), filepath.Join(build, "accel.json"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("QEMU with %s (%s)", accel, why)
	dir := keptDir(t)
	o.Accel, o.Dir, o.Ports = accel, filepath.Join(dir, "vm"), make(map[int]int)
	for _, p := range run.Ports() {
		o.Ports[p.Guest] = 0
	}
	m, err := vm.New(o)
	if err != nil {
		t.Fatal(err)
	}
	box := &machine{Machine: m}
	trustGateway(t, box)
	t.Cleanup(func() {
		if box.boot != nil {
			box.boot.Kill()
		}
	})
	return box
}

// trustGateway is for a box that is not set up yet: the forwarded ports make every caller look like QEMU's gateway.
func trustGateway(t *testing.T, m *machine) {
	t.Helper()
	if err := m.PutESP("dev.json", []byte(`{"trusted_networks": ["10.0.2.2/32"]}`+"\n")); err != nil {
		t.Fatal(err)
	}
}

// keptDir is a temporary directory that stays, and is named, when the test fails.
func keptDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sanduk-clienttest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what the test worked with is kept in %s", dir)
			return
		}
		os.RemoveAll(dir)
	})
	return dir
}

func (m *machine) on(t *testing.T) map[string]string {
	t.Helper()
	boot, err := m.Boot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m.boot = boot
	m.say(t, `(?m)^sanduk: all ports answering after (\d+) ms$`)
	addrs := make(map[string]string)
	for _, p := range run.Ports() {
		addrs[p.Name] = boot.Addr(p.Guest)
	}
	return addrs
}

// say waits for a line on the serial port and returns the submatches.
func (m *machine) say(t *testing.T, pattern string) []string {
	t.Helper()
	match, err := m.boot.WaitSerial(t.Context(), regexp.MustCompile(pattern), bootTime)
	if err != nil {
		t.Fatal(err)
	}
	return match
}

func (m *machine) off(t *testing.T) {
	t.Helper()
	if err := m.boot.PowerOff(t.Context(), offTime); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) cut()          { m.boot.Kill() }
func (m *machine) story() string { return m.boot.Serial() }
