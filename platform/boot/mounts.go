package boot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/netconf"
	"github.com/sanduk-mail/sanduk/platform/supervise"
)

// mount is one of the kernel's file systems.
type mount struct {
	source, dir, kind string
	flags             uintptr
	data              string
}

const noProgs = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

// mountTable is what every process of the box may rely on. /run and /tmp are
// bounded: they live in memory that mail needs.
func mountTable() []mount {
	return []mount{
		{"proc", "/proc", "proc", noProgs, "hidepid=invisible"},
		{"sysfs", "/sys", "sysfs", noProgs, ""},
		{"devtmpfs", "/dev", "devtmpfs", unix.MS_NOSUID | unix.MS_NOEXEC, "mode=0755"},
		{"tmpfs", runDir, "tmpfs", noProgs, "mode=0755,size=10%"},
		{"tmpfs", "/tmp", "tmpfs", noProgs, "mode=1777,size=10%"},
		{"cgroup2", cgroupRoot, "cgroup2", noProgs, "memory_recursiveprot"},
	}
}

// mountAll mounts them, and does what needs nothing but them.
func (m *Machine) mountAll(context.Context) error {
	unix.Umask(0o022)
	m.spawn(m.parseUnits) // from the image: a box that can't mount has a page, too
	for _, t := range mountTable() {
		if err := os.MkdirAll(t.dir, 0o755); err != nil {
			return fmt.Errorf("mounts: %w", err)
		}
		if err := unix.Mount(t.source, t.dir, t.kind, t.flags, t.data); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mounts: %s: %w", t.dir, err)
		}
	}
	catchFatal()
	m.spawn(func() { // some of them make the kernel wait for its own locks
		defer close(m.tuned)
		applySysctls(m.log.Warn)
	})
	for _, dir := range []string{dataDir, espDir, sandukDir, setupDir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("mounts: %w", err)
		}
	}
	if err := raiseLoopback(); err != nil {
		return fmt.Errorf("mounts: loopback: %w", err)
	}
	// Ctrl-Alt-Del becomes a signal instead of an immediate reset.
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF); err != nil {
		return fmt.Errorf("mounts: ctrl-alt-del: %w", err)
	}
	return nil
}

// mountLate mounts what needs a module first. None is required.
func (m *Machine) mountLate() {
	for _, t := range []mount{
		// Read-only: nothing here writes firmware variables.
		{"efivarfs", "/sys/firmware/efi/efivars", "efivarfs", noProgs | unix.MS_RDONLY, ""},
		{"pstore", "/sys/fs/pstore", "pstore", noProgs, ""},
	} {
		if _, err := os.Stat(t.dir); err != nil {
			continue // not this kind of machine
		}
		if err := unix.Mount(t.source, t.dir, t.kind, t.flags, t.data); err != nil && !errors.Is(err, unix.EBUSY) {
			m.log.Warn("cannot be mounted", "dir", t.dir, "err", err)
		}
	}
}

// raiseLoopback brings lo up, so that the sockets answer locally whatever the
// network does.
func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}

// sysctls are the kernel's settings that differ from its defaults.
func sysctls() map[string]string {
	return map[string]string{
		// What the kernel knows about itself is nobody's business.
		"kernel/kptr_restrict":             "2",
		"kernel/dmesg_restrict":            "1",
		"kernel/perf_event_paranoid":       "3",
		"kernel/unprivileged_bpf_disabled": "1",
		"kernel/kexec_load_disabled":       "1",
		"kernel/yama/ptrace_scope":         "2",
		"kernel/sysrq":                     "0",
		"kernel/core_pattern":              "|/bin/false", // no cores: they hold mail
		"fs/suid_dumpable":                 "0",
		"fs/protected_hardlinks":           "1",
		"fs/protected_symlinks":            "1",
		"fs/protected_fifos":               "2",
		"fs/protected_regular":             "2",
		"user/max_user_namespaces":         "0",
		"kernel/randomize_va_space":        "2",
		"kernel/io_uring_disabled":         "2", // Linux 6.6
		"vm/unprivileged_userfaultfd":      "0",
		"net/core/bpf_jit_harden":          "2",
		"dev/tty/ldisc_autoload":           "0",
		"dev/tty/legacy_tiocsti":           "0", // Linux 6.2
		// Every line of the kernel's below an error would draw over the screen.
		"kernel/printk": "4 4 1 7",
		// The backlog in which connections wait while a service restarts.
		"net/core/somaxconn":      "4096",
		"net/ipv4/tcp_syncookies": "1",
		// An office may have a further port for submission, often 26; maild opens it
		// and has no capability. Every port below 1024 that means something here is
		// held by PID 1 from the start.
		"net/ipv4/ip_unprivileged_port_start": "26",
	}
}

// applySysctls sets what this kernel has. No network card appears before it is
// done: a card takes its settings from the defaults.
func applySysctls(warn func(string, ...any)) {
	set := func(file, value string) {
		err := os.WriteFile(file, []byte(value), 0)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			warn("kernel setting refused", "file", file, "err", err)
		}
	}
	for _, s := range netconf.Sysctls() {
		set(s.Path, s.Value)
	}
	for name, value := range sysctls() {
		set(filepath.Join("/proc/sys", name), value)
	}
}

// lockDown makes the root read-only: from here on nothing in the image, which
// is what was signed, can change until the next start. What is written lives in
// /run, /tmp and /data.
func (m *Machine) lockDown(context.Context) error {
	if err := unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		m.log.Warn("root stays writable", "err", err)
	}
	return nil
}

// prepareCgroups makes the group below which every service has its own.
func (m *Machine) prepareCgroups() (string, error) {
	return supervise.PrepareCgroups(cgroupRoot, "sanduk")
}
