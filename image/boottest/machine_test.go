package boottest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
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

// artifact returns a built file, and skips or fails the test when it is not there.
func artifact(t *testing.T, name string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED with -short: starts a virtual machine")
	}
	missing := t.Skipf
	if os.Getenv("SANDUK_SYSTEM") == "1" {
		missing = t.Fatalf
	}
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		missing("SKIPPED: QEMU is not installed (scripts/deps run)")
	}
	file, err := filepath.Abs(filepath.Join(build, name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil {
		missing("SKIPPED: there is no build/%s (make image, make hello)", name)
	}
	return file
}

// accel chooses KVM or TCG once for all tests on this machine.
func accel(t *testing.T) vm.Accel {
	t.Helper()
	a, why, err := vm.ChooseAccel(t.Context(), filepath.Join(build, "accel.json"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("QEMU with %s (%s)", a, why)
	return a
}

// machine makes a machine whose directory goes away with the test, unless the test fails: then it is kept and named.
func machine(t *testing.T, o vm.Options) *vm.Machine {
	t.Helper()
	dir, err := os.MkdirTemp("", "sanduk-boottest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the machine's disk and serial logs are kept in %s", dir)
			return
		}
		os.RemoveAll(dir)
	})
	o.Dir = filepath.Join(dir, "vm")
	if o.Accel == "" {
		o.Accel = accel(t)
	}
	if o.Ports == nil {
		o.Ports = make(map[int]int)
		for _, p := range run.Ports() {
			o.Ports[p.Guest] = 0
		}
	}
	m, err := vm.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// boot switches a machine on and pulls its plug at the end of the test.
func boot(t *testing.T, m *vm.Machine) *vm.Boot {
	t.Helper()
	b, err := m.Boot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Kill)
	return b
}

// say waits for a line of the box's boot log and returns the submatches. A box in recovery says nothing more that a
// test could wait for.
func say(t *testing.T, b *vm.Boot, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	either := regexp.MustCompile("(?:" + pattern + `)|(?m)^sanduk: recovery: .*$`)
	if _, err := b.WaitSerial(t.Context(), either, bootTime); err != nil {
		t.Fatal(err)
	}
	m := re.FindStringSubmatch(b.Serial())
	if m == nil {
		t.Fatalf("waited for %q, and the box is in recovery:\n%s", pattern, b.Serial())
	}
	return m
}

// seconds parses a figure of the boot log.
func seconds(t *testing.T, text string) time.Duration {
	t.Helper()
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatalf("%q is not a number of seconds", text)
	}
	return time.Duration(f * float64(time.Second))
}

// screenshot keeps a picture of the screen in build/, for a person to look at.
func screenshot(t *testing.T, b *vm.Boot, name string) string {
	t.Helper()
	file := filepath.Join(build, "screens", name+".png")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := b.Screenshot(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Size() == 0 {
		t.Errorf("screenshot %s is empty (%v)", file, err)
	}
	return file
}
