package vm

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps a Ctrl-C at the terminal from QEMU: the box is to be shut down, not killed. When this program dies,
// the kernel ends QEMU.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
