package supervise

import (
	"errors"
	"fmt"
	"io"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What a process may do below a path, in Landlock's bits.
const (
	landlockRead = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR

	// landlockWrite leaves out devices: nobody needs to make one.
	landlockWrite = landlockRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE |
		unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG |
		unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_MAKE_SYM |
		unix.LANDLOCK_ACCESS_FS_REFER

	landlockExec = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_EXECUTE

	// landlockFile are the rights that a path to a single file can be given.
	landlockFile = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
)

// landlockHandled are the file system rights that an ABI of Landlock knows; what
// is handled and not granted is refused. Rights of sockets (ABI 4) are not used:
// which addresses a service speaks to is no matter of its own.
func landlockHandled(abi int) uint64 {
	const first = unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1 // ABI 1: the thirteen up to MAKE_SYM
	var handled uint64 = first
	if abi >= 2 {
		handled |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		handled |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= 5 {
		handled |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	return handled
}

// landlockLacks says what an ABI cannot refuse that a newer one could.
func landlockLacks(abi int) string {
	switch {
	case abi < 1:
		return "no Landlock at all: files are kept apart by owners and the mount view only"
	case abi < 2:
		return "Landlock knows no moves between directories: they are refused throughout"
	case abi < 3:
		return "Landlock does not know truncation: by path, a file that can be seen and whose mode allows it can be truncated"
	}
	return ""
}

// landlockABI is the version of Landlock that the running kernel has, 0 for none.
func landlockABI() int {
	abi, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(abi)
}

// restrictPaths limits this thread, and what it becomes, to the paths. What the
// kernel lacks is told on w once and is no error: the other layers stand.
func restrictPaths(p Paths, w io.Writer) error {
	abi := landlockABI()
	if lacks := landlockLacks(abi); lacks != "" {
		fmt.Fprintln(w, "start:", lacks)
	}
	if abi < 1 {
		return nil
	}
	attr := unix.LandlockRulesetAttr{Handled_access_fs: landlockHandled(abi)}
	// Kernels take the beginning of the structure that they know.
	const size = unsafe.Sizeof(attr.Handled_access_fs)
	fd, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return fmt.Errorf("landlock: %w", errno)
	}
	defer func() { _ = unix.Close(int(fd)) }()
	for _, grant := range []struct {
		paths  []string
		access uint64
	}{{p.Read, landlockRead}, {p.Write, landlockWrite}, {p.Exec, landlockExec}, {p.devices(), landlockRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE}} {
		for _, name := range grant.paths {
			if err := landlockAllow(int(fd), name, grant.access&attr.Handled_access_fs); err != nil {
				return fmt.Errorf("landlock: %s: %w", name, err)
			}
		}
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return fmt.Errorf("landlock: %w", errno)
	}
	return nil
}

// landlockAllow grants access to what is at or below a path; a path that is not
// there cannot be granted, and nobody could reach it.
func landlockAllow(ruleset int, name string, access uint64) error {
	fd, err := unix.Open(name, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= landlockFile
	}
	attr := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	_, _, errno := unix.RawSyscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&attr)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
