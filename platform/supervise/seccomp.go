package supervise

import (
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Calls is which system calls a service may make.
type Calls struct {
	Allow      []string // SystemCallFilter=: names; empty is no filter
	Families   []string // RestrictAddressFamilies=: of sockets; empty is any
	Namespaces bool     // RestrictNamespaces=: none can be made
	NoNewCode  bool     // MemoryDenyWriteExecute=: no memory becomes executable
}

// Offsets in the kernel's struct seccomp_data (seccomp(2)); arguments have 64
// bits, the lower half first on every machine that the box runs on.
const (
	dataNumber = 0
	dataArch   = 4
	dataArg0   = 16
	dataArg2   = 32
)

// x32Bit marks the calls of the x32 ABI, which share the machine's number.
const x32Bit = 0x40000000

// namespaceFlags are the bits of clone(2) that make a namespace.
const namespaceFlags = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// refused is EPERM, so that a library that tries something newer first goes on
// without it; the kernel's log has the call's number (type=1326).
const refused = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)

// program compiles the filter to classic BPF. The kernel works out once for each
// number whether the answer depends on anything else, and does not run the
// program for those that are simply allowed (Linux 5.11): the order costs nothing.
func (c Calls) program() ([]unix.SockFilter, error) {
	p := []unix.SockFilter{
		load(dataArch),
		jump(unix.BPF_JEQ, auditArch, 1, 0),
		ret(unix.SECCOMP_RET_KILL_PROCESS), // another machine's numbers mean other calls
		load(dataNumber),
		jump(unix.BPF_JGE, x32Bit, 0, 1),
		ret(unix.SECCOMP_RET_KILL_PROCESS),
	}
	numbers := callNumbers()
	for _, name := range c.Allow {
		number, ok := numbers[name]
		if !ok {
			return nil, fmt.Errorf("unknown system call %q", name)
		}
		if number < 0 {
			continue // this machine has never had it
		}
		rule, err := c.rule(name)
		if err != nil {
			return nil, err
		}
		p = append(p, jump(unix.BPF_JEQ, uint32(number), 0, uint8(len(rule))))
		p = append(p, rule...)
	}
	return append(p, ret(refused)), nil
}

// rule is what follows once a call's number has been found: it always returns.
func (c Calls) rule(name string) ([]unix.SockFilter, error) {
	allow := []unix.SockFilter{ret(unix.SECCOMP_RET_ALLOW)}
	switch {
	case name == "clone" && c.Namespaces:
		return []unix.SockFilter{load(dataArg0), jump(unix.BPF_JSET, namespaceFlags, 0, 1), ret(refused), ret(unix.SECCOMP_RET_ALLOW)}, nil
	case (name == "mmap" || name == "mprotect") && c.NoNewCode:
		return []unix.SockFilter{load(dataArg2), jump(unix.BPF_JSET, unix.PROT_EXEC, 0, 1), ret(refused), ret(unix.SECCOMP_RET_ALLOW)}, nil
	case (name == "socket" || name == "socketpair") && len(c.Families) > 0:
		rule := []unix.SockFilter{load(dataArg0)}
		for _, f := range c.Families {
			number, ok := addressFamily(f)
			if !ok {
				return nil, fmt.Errorf("unknown address family %q", f)
			}
			rule = append(rule, jump(unix.BPF_JEQ, number, 0, 1), ret(unix.SECCOMP_RET_ALLOW))
		}
		return append(rule, ret(refused)), nil
	}
	return allow, nil
}

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func jump(how uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | how, Jt: yes, Jf: no, K: k}
}

func ret(action uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
}

// restrictCalls puts the filter on this thread, and on what it becomes. It needs
// no_new_privs or CAP_SYS_ADMIN, and is the very last step: execve must be in the
// list, and Landlock says of which files.
func restrictCalls(c Calls) error {
	program, err := c.program()
	if err != nil {
		return fmt.Errorf("set SystemCallFilter=: %w", err)
	}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_LOG, uintptr(unsafe.Pointer(&filter)))
	if errno != 0 {
		return fmt.Errorf("set SystemCallFilter=: %w", errno)
	}
	return nil
}

// parseCalls adds the words of one SystemCallFilter= line to the list. Groups
// (@system-service) and negations are refused: what is allowed stands in the file.
func parseCalls(dst *[]string) setter {
	numbers := callNumbers()
	return func(v string) error {
		for name := range strings.FieldsSeq(v) {
			if _, ok := numbers[name]; !ok {
				return fmt.Errorf("unknown system call %q", name)
			}
			if slices.Contains(*dst, name) {
				return fmt.Errorf("%q stands here twice", name)
			}
			*dst = append(*dst, name)
		}
		return nil
	}
}

func parseFamilies(v string) ([]string, error) {
	list := strings.Fields(v)
	for _, name := range list {
		if _, ok := addressFamily(name); !ok {
			return nil, fmt.Errorf("unknown address family %q", name)
		}
	}
	return list, nil
}

func addressFamily(name string) (uint32, bool) {
	switch name {
	case "AF_UNIX":
		return unix.AF_UNIX, true
	case "AF_INET":
		return unix.AF_INET, true
	case "AF_INET6":
		return unix.AF_INET6, true
	case "AF_NETLINK":
		return unix.AF_NETLINK, true
	case "AF_PACKET":
		return unix.AF_PACKET, true
	}
	return 0, false
}
