package boot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// modulesDisabled takes "1" once; until the next start no module is loaded, or
// removed, by anybody (Documentation/admin-guide/sysctl/kernel.rst).
const modulesDisabled = "/proc/sys/kernel/modules_disabled"

// hotplugModules are for what people plug in while the box runs: sticks, and a
// keyboard to stand at it. Another network card needs a restart.
const hotplugModules = "usb_storage uas sd_mod usbhid hid_generic"

// closeKernel ends the loading of modules, when the box has been up for a minute
// and its hardware, slow USB devices too, has been found. From then on not even
// root can add code to the kernel.
func (m *Machine) closeKernel() {
	if m.drivers == nil {
		return // everything is built into the kernel
	}
	for name := range strings.FieldsSeq(hotplugModules) {
		m.drivers.modules.load(name)
	}
	m.settle()
	if err := os.WriteFile(modulesDisabled, []byte("1"), 0); err != nil {
		m.log.Error("kernel modules can still be loaded", "err", fmt.Errorf("close the kernel: %w", err))
		return
	}
	if err := m.emptyModules(); err != nil {
		m.log.Warn("files of kernel modules stay in memory", "err", err)
	}
	m.say("kernel closed to modules")
	m.log.Info("kernel closed to modules")
}

// emptyModules has the root open for writing meanwhile. All that lies there is root's, and no service is.
func (m *Machine) emptyModules() error {
	if err := unix.Mount("", "/", "", unix.MS_REMOUNT, ""); err != nil {
		return fmt.Errorf("root: %w", err)
	}
	return errors.Join(m.drivers.modules.empty(), m.lockDown(context.Background()))
}
