package boottest

import (
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/vm"
)

// TestHello starts the measuring image on every kind of disk: firmware, loader, kernel image and initramfs work before
// any program of ours has a say.
func TestHello(t *testing.T) {
	t.Parallel()
	img := artifact(t, "hello-pc-amd64.img")
	for _, c := range []vm.Controller{vm.VirtioDisk, vm.AHCI, vm.NVMe, vm.USB} {
		t.Run(string(c), func(t *testing.T) {
			b := boot(t, machine(t, vm.Options{Image: img, Controller: c, NIC: vm.E1000e}))
			m := say(t, b, `(?m)^hello: pid 1 at ([0-9.]+) s$`)
			t.Logf("the kernel needs %s s to PID 1", m[1])
			screenshot(t, b, "hello-"+string(c))
		})
	}
}

// TestFalseStart has a kernel without anything to start panic, and takes that for a false start: it is tried again, but
// not for ever.
func TestFalseStart(t *testing.T) {
	t.Parallel()
	kernel := artifact(t, "hello-pc-amd64.linux")
	if os.Getenv("SANDUK_LONG") != "1" {
		t.Skip("SKIPPED in the short form: SANDUK_LONG=1 runs it")
	}
	b := boot(t, machine(t, vm.Options{
		Direct: &vm.Direct{Kernel: kernel, Cmdline: "console=ttyS0 panic=1"}, FalseStart: regexp.MustCompile(`Unable to mount root fs`),
	}))
	e, err := b.Wait(t.Context(), 5*time.Minute)
	if err != nil || e.Reason != "guest-reset" {
		t.Errorf("ended with %+v, %v; want guest-reset", e, err)
	}
	var ends, resets int
	for _, e := range b.Events() {
		switch e.Name {
		case "SHUTDOWN":
			ends++
		case "RESET":
			resets++
		}
	}
	if ends != 4 || resets < 3 { // firmware may reset it again
		t.Errorf("it ended %d times and was reset %d times; want 4, and 3 at least", ends, resets)
	}
}
