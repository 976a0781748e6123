package supervise

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawSetid sets real, effective and saved id of this thread alone.
func rawSetid(trap uintptr, id int) error {
	_, _, errno := unix.RawSyscall(trap, uintptr(id), uintptr(id), uintptr(id))
	if errno != 0 {
		return errno
	}
	return nil
}

// rawSetgroups sets the supplementary groups of this thread alone.
func rawSetgroups(groups []uint32) error {
	var first unsafe.Pointer
	if len(groups) > 0 {
		first = unsafe.Pointer(&groups[0])
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(first), 0)
	if errno != 0 {
		return errno
	}
	return nil
}
