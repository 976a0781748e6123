package supervise

import "golang.org/x/sys/unix"

// auditArch is this machine in a filter's data.
const auditArch = unix.AUDIT_ARCH_AARCH64

// machineCalls are those whose names differ between machines.
func machineCalls() map[string]int {
	return map[string]int{"newfstatat": unix.SYS_FSTATAT, "arch_prctl": -1, "epoll_wait": -1}
}
