package boottest

import (
	"testing"

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
