package supervise

import "golang.org/x/sys/unix"

// auditArch is this machine in a filter's data.
const auditArch = unix.AUDIT_ARCH_X86_64

// machineCalls are those whose names differ between machines.
func machineCalls() map[string]int {
	return map[string]int{"newfstatat": unix.SYS_NEWFSTATAT, "arch_prctl": unix.SYS_ARCH_PRCTL, "epoll_wait": unix.SYS_EPOLL_WAIT}
}
