package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forbiddenMode makes this program try what no service may do.
const forbiddenMode = "forbidden"

// act is something forbidden. It returns nil when it could be done.
type act struct {
	name string
	do   func() error
}

// tryForbidden prints for each act how it was refused: "name: ERRNO", or "name: done".
func tryForbidden(service string) {
	for _, a := range append(append(append(fileActs(service), diskActs()...), powerActs()...), memoryActs()...) {
		var errno syscall.Errno
		switch err := a.do(); {
		case err == nil:
			fmt.Printf("%s: done\n", a.name)
		case errors.As(err, &errno):
			fmt.Printf("%s: %s\n", a.name, unix.ErrnoName(errno))
		default:
			fmt.Printf("%s: %v\n", a.name, err)
		}
	}
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		if strings.Contains(" NoNewPrivs Seccomp CapEff CapBnd CapPrm ", " "+key+" ") {
			fmt.Printf("%s: %s\n", key, strings.TrimSpace(value))
		}
	}
}

// call is a system call with arguments that would be right.
func call(number uintptr, args ...uintptr) func() error {
	return func() error {
		var a [6]uintptr
		copy(a[:], args)
		if _, _, errno := unix.RawSyscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
			return errno
		}
		return nil
	}
}

func text(s string) uintptr {
	p, err := unix.BytePtrFromString(s)
	if err != nil {
		panic(err)
	}
	return uintptr(unsafe.Pointer(p))
}

// open opens a file as cautiously as possible, and for writing only if told to.
func open(name string, flags int) func() error {
	return func() error {
		fd, err := unix.Open(name, flags|unix.O_CLOEXEC, 0o600)
		if err == nil {
			_ = unix.Close(fd)
		}
		return err
	}
}

// home is what a service may write to, and others what belongs to the other one.
func home(service string) (own string, others []string) {
	if service == "netd" {
		return "/data/net", []string{"/data/mail", "/data/private", "/data/log", "/data/vault"}
	}
	return "/data/mail", []string{"/data/net", "/data/box", "/data/vault"}
}

func fileActs(service string) []act {
	own, others := home(service)
	create := unix.O_WRONLY | unix.O_CREAT
	list := []act{
		{"write to /", open("/forbidden", create)},
		{"write to /etc", open("/etc/forbidden", create)},
		{"write to /run", open("/run/forbidden", create)},
		{"write to /data", open("/data/forbidden", create)},
		{"write to /bin", open("/bin/forbidden", create)},
		{"read memory of PID 1", open("/proc/1/mem", unix.O_RDONLY)},
		{"read environment of PID 1", open("/proc/1/environ", unix.O_RDONLY)},
		{"change where cores go", open("/proc/sys/kernel/core_pattern", unix.O_WRONLY)},
		{"press the system request key", open("/proc/sysrq-trigger", unix.O_WRONLY)},
		{"leave the control group", open("/sys/fs/cgroup/cgroup.procs", unix.O_WRONLY)},
		{"write firmware variables", open("/sys/firmware/efi/efivars/Forbidden-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f", create)},
		{"execute PID 1's program", func() error { return syscall.Exec("/init", []string{"init"}, nil) }},
		{"execute another program", func() error { return syscall.Exec("/sbin/mke2fs", []string{"mke2fs"}, nil) }},
		{"execute what it wrote", func() error {
			name := filepath.Join(own, "forbidden")
			if err := os.WriteFile(name, []byte("\x7fELF"), 0o755); err != nil {
				return err
			}
			defer os.Remove(name)
			return syscall.Exec(name, []string{"forbidden"}, nil)
		}},
		{"write to its own directory", func() error {
			name := filepath.Join(own, "allowed")
			return errors.Join(os.WriteFile(name, nil, 0o600), os.Remove(name))
		}},
	}
	for _, dir := range others {
		list = append(list, act{"read " + dir, open(dir, unix.O_RDONLY|unix.O_DIRECTORY)})
	}
	return list
}

// diskActs are for each disk and partition that the kernel knows.
func diskActs() []act {
	node := "/tmp/forbidden"
	list := []act{
		{"make a device", func() error { return unix.Mknod(node, unix.S_IFBLK|0o600, int(unix.Mkdev(8, 0))) }},
		{"reach kernel memory", open("/dev/mem", unix.O_RDONLY)},
		{"reach the kernel's log", open("/dev/kmsg", unix.O_RDONLY)},
		{"reach the watchdog", open("/dev/watchdog", unix.O_WRONLY)},
		{"reach the screen", open("/dev/tty0", unix.O_WRONLY)},
	}
	partitions, err := os.ReadFile("/proc/partitions")
	if err != nil {
		return append(list, act{"list disks", func() error { return nil }})
	}
	for line := range strings.Lines(string(partitions)) {
		if f := strings.Fields(line); len(f) == 4 && f[0] != "major" {
			list = append(list, act{"open disk " + f[3], open("/dev/"+f[3], unix.O_RDONLY)})
		}
	}
	return list
}

func powerActs() []act {
	return []act{
		{"mount", call(unix.SYS_MOUNT, text("none"), text("/tmp"), text("tmpfs"), 0, 0)},
		{"unmount", call(unix.SYS_UMOUNT2, text("/data/mail"), 0)},
		{"change root", call(unix.SYS_CHROOT, text("/tmp"))},
		{"restart the machine", call(unix.SYS_REBOOT, 0, 0, 0, 0)},
		{"load another kernel", call(unix.SYS_KEXEC_LOAD, 0, 0, 0, 0)},
		{"load a module", call(unix.SYS_FINIT_MODULE, 0, text(""), 0)},
		{"remove a module", call(unix.SYS_DELETE_MODULE, text("evdev"), unix.O_NONBLOCK)},
		{"kill PID 1", call(unix.SYS_KILL, 1, uintptr(unix.SIGKILL))},
		{"signal PID 1", call(unix.SYS_TGKILL, 1, 1, uintptr(unix.SIGTERM))},
		{"become root", call(unix.SYS_SETRESUID, 0, 0, 0)},
		{"namespace of users", call(unix.SYS_UNSHARE, unix.CLONE_NEWUSER)},
		{"namespace by clone", call(unix.SYS_CLONE, unix.CLONE_NEWUSER|uintptr(unix.SIGCHLD))},
		{"namespace by clone3", call(unix.SYS_CLONE3, 0, 0)},
		{"packet socket of a raw kind", call(unix.SYS_SOCKET, unix.AF_PACKET, unix.SOCK_RAW, 0)},
		{"raw socket", call(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)},
		{"exotic socket", call(unix.SYS_SOCKET, unix.AF_VSOCK, unix.SOCK_STREAM, 0)},
		{"set the clock", func() error { return unix.ClockSettime(unix.CLOCK_TAI, &unix.Timespec{Sec: 1 << 40}) }},
		{"port 25", func() error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			return unix.Bind(fd, &unix.SockaddrInet4{Port: 7})
		}},
	}
}

func memoryActs() []act {
	return []act{
		{"trace PID 1", call(unix.SYS_PTRACE, unix.PTRACE_ATTACH, 1, 0, 0)},
		{"read another's memory", call(unix.SYS_PROCESS_VM_READV, 1, 0, 0, 0, 0, 0)},
		{"bpf", call(unix.SYS_BPF, 0, 0, 0)},
		{"performance counters", call(unix.SYS_PERF_EVENT_OPEN, 0, 0, 0, 0, 0)},
		{"kernel keys", call(unix.SYS_KEYCTL, 0, 0, 0)},
		{"add a kernel key", call(unix.SYS_ADD_KEY, text("user"), text("x"), text("y"), 1, 0)},
		{"io_uring", call(unix.SYS_IO_URING_SETUP, 1, 0)},
		{"page faults", call(unix.SYS_USERFAULTFD, 0)},
		{"file without a name", call(unix.SYS_MEMFD_CREATE, text("x"), 0)},
		{"file by handle", call(unix.SYS_OPEN_BY_HANDLE_AT, 0, 0, 0)},
		{"executable memory", func() error {
			_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
			return err
		}},
		{"kernel log", func() error { _, err := unix.Klogctl(unix.SYSLOG_ACTION_SIZE_BUFFER, nil); return err }},
	}
}
