package supervise

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// layerVariable makes this test program put one layer on a thread of its own and
// say what can be done then; layerDir is what it may use.
const (
	layerVariable = "SUPERVISE_TEST_LAYER"
	layerDir      = "SUPERVISE_TEST_DIR"
)

// playLayer tries under one layer alone, so that nothing else can be what refused.
func playLayer(layer string) {
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	dir := os.Getenv(layerDir)
	inside, outside := filepath.Join(dir, "inside"), filepath.Join(dir, "outside")
	program, err := os.Executable()
	if err != nil {
		panic(err)
	}
	paths := Paths{Read: []string{"/proc"}, Write: []string{inside}, Exec: []string{program}}
	switch layer {
	case "landlock":
		err = restrictPaths(paths, os.Stdout)
	case "calls":
		err = restrictCalls(Calls{Allow: mostCalls(), Families: []string{"AF_UNIX"}, Namespaces: true, NoNewCode: true})
	case "view":
		paths.Hidden = []string{filepath.Join(inside, "hidden")}
		err = enterView(filepath.Join(dir, "view"), paths)
	}
	if err != nil {
		fmt.Println("layer:", err)
		return
	}
	say := func(name string, err error) {
		var errno syscall.Errno
		if errors.As(err, &errno) {
			fmt.Printf("%s: %s\n", name, unix.ErrnoName(errno))
			return
		}
		fmt.Printf("%s: %v\n", name, err)
	}
	say("write inside", os.WriteFile(filepath.Join(inside, "file"), nil, 0o600))
	say("write outside", os.WriteFile(filepath.Join(outside, "file"), nil, 0o600))
	_, err = os.ReadFile(filepath.Join(outside, "secret"))
	say("read outside", err)
	_, err = os.ReadDir(filepath.Join(inside, "hidden"))
	say("read hidden", err)
	say("make device", unix.Mknod(filepath.Join(inside, "null"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))))
	say("mount", unix.Mount("none", inside, "nonsense", 0, ""))
	say("trace", unix.PtraceAttach(1))
	_, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	say("internet", err)
	_, err = unix.Mmap(-1, 0, 4096, unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
	say("new code", err)
	_, _, errno := unix.RawSyscall(unix.SYS_CLONE, unix.CLONE_NEWUTS|unix.CLONE_NEWUSER|unix.CLONE_THREAD, 0, 0) // never valid
	say("namespace", errno)
	if layer == "calls" {
		return // its list has execve: what may be executed is Landlock's to say
	}
	say("execute", syscall.Exec("/bin/true", []string{"true"}, nil))
}

// mostCalls is a list that a Go program can live with.
func mostCalls() []string {
	return strings.Fields(`execve brk mmap munmap mprotect madvise clone exit exit_group futex sched_yield sched_getaffinity
		rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack tgkill rseq arch_prctl prctl nanosleep epoll_create1 epoll_ctl epoll_pwait eventfd2
		openat close read write fstat newfstatat fcntl getdents64 getpid gettid prlimit64 setrlimit getrandom socket`)
}

// underLayer runs playLayer and returns what it said.
func underLayer(t *testing.T, layer string) map[string]string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "supervise-layers-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, name := range []string{"inside/hidden", "outside", "view"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "outside/secret"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	out, exit, err := NewChildren().Run(t.Context(), Tool{Path: "/proc/self/exe", Env: []string{
		roleVariable + "=layer", layerVariable + "=" + layer, layerDir + "=" + dir,
	}})
	if err != nil || !exit.Clean() {
		t.Fatalf("%s: %v, %v\n%s", layer, exit, err, out)
	}
	told := map[string]string{}
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		told[key] = value
	}
	return told
}

// TestLayers puts each layer alone around a program, so that what is refused is
// refused by it. In the box they lie on top of each other.
func TestLayers(t *testing.T) {
	t.Parallel()
	for layer, want := range map[string]map[string]string{
		"landlock": {
			"write inside": "<nil>", "write outside": "EACCES", "read outside": "EACCES", "make device": "EACCES", "execute": "EACCES",
		},
		"calls": {
			"write inside": "<nil>", "read outside": "<nil>", "make device": "EPERM", "mount": "EPERM", "trace": "EPERM",
			"internet": "EPERM", "new code": "EPERM", "namespace": "EPERM",
		},
		"view": {
			"write inside": "<nil>", "write outside": "ENOENT", "read outside": "ENOENT", "execute": "ENOENT",
		},
	} {
		t.Run(layer, func(t *testing.T) {
			t.Parallel()
			if layer == "landlock" && landlockABI() < 1 {
				t.Skip("SKIPPED: this kernel has no Landlock")
			}
			if layer == "view" {
				needRoot(t)
			}
			told := underLayer(t, layer)
			if strings.Contains(told["layer"], "operation not permitted") {
				t.Skipf("SKIPPED: this machine does not allow it: %s", told["layer"])
			}
			for act, refusal := range want {
				if told[act] != refusal {
					t.Errorf("%s: %q, want %q (all: %q)", act, told[act], refusal, told)
				}
			}
		})
	}
}

// TestOldKernels: what a kernel lacks is said, and what it knows is asked for.
func TestOldKernels(t *testing.T) {
	t.Parallel()
	const refer, truncate, first = unix.LANDLOCK_ACCESS_FS_REFER, unix.LANDLOCK_ACCESS_FS_TRUNCATE, 1<<13 - 1
	for _, tt := range []struct {
		abi     int
		handled uint64
		lacks   bool
	}{{1, first, true}, {2, first | refer, true}, {3, first | refer | truncate, false}, {4, first | refer | truncate, false},
		{5, first | refer | truncate | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV, false}} {
		if got := landlockHandled(tt.abi); got != tt.handled {
			t.Errorf("ABI %d handles %#x, want %#x", tt.abi, got, tt.handled)
		}
		if got := landlockLacks(tt.abi); (got != "") != tt.lacks {
			t.Errorf("ABI %d lacks %q, want said: %v", tt.abi, got, tt.lacks)
		}
	}
	if landlockLacks(0) == "" {
		t.Error("a kernel without Landlock is not spoken of")
	}
}

// run is the kernel's part: it executes a filter for one call.
func run(program []unix.SockFilter, data map[uint32]uint32) uint32 {
	var a uint32
	for pc := 0; pc < len(program); pc++ {
		i := program[pc]
		jump := func(yes bool) {
			if yes {
				pc += int(i.Jt)
			} else {
				pc += int(i.Jf)
			}
		}
		switch i.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			a = data[i.K]
		case unix.BPF_JMP | unix.BPF_K | unix.BPF_JEQ:
			jump(a == i.K)
		case unix.BPF_JMP | unix.BPF_K | unix.BPF_JGE:
			jump(a >= i.K)
		case unix.BPF_JMP | unix.BPF_K | unix.BPF_JSET:
			jump(a&i.K != 0)
		case unix.BPF_RET | unix.BPF_K:
			return i.K
		}
	}
	return 0xdead
}

func TestFilter(t *testing.T) {
	t.Parallel()
	program, err := Calls{Allow: []string{"read", "clone", "socket", "mmap", "execve"}, Families: []string{"AF_UNIX", "AF_INET"}, Namespaces: true, NoNewCode: true}.program()
	if err != nil {
		t.Fatal(err)
	}
	const kill, allow = unix.SECCOMP_RET_KILL_PROCESS, unix.SECCOMP_RET_ALLOW
	for _, tt := range []struct {
		name string
		data map[uint32]uint32
		want uint32
	}{
		{"read", map[uint32]uint32{dataNumber: unix.SYS_READ, dataArch: auditArch}, allow},
		{"not in the list", map[uint32]uint32{dataNumber: unix.SYS_WRITE, dataArch: auditArch}, refused},
		{"another machine", map[uint32]uint32{dataNumber: unix.SYS_READ, dataArch: unix.AUDIT_ARCH_I386}, kill},
		{"x32", map[uint32]uint32{dataNumber: x32Bit | unix.SYS_READ, dataArch: auditArch}, kill},
		{"thread", map[uint32]uint32{dataNumber: unix.SYS_CLONE, dataArch: auditArch, dataArg0: unix.CLONE_VM | unix.CLONE_THREAD}, allow},
		{"namespace", map[uint32]uint32{dataNumber: unix.SYS_CLONE, dataArch: auditArch, dataArg0: unix.CLONE_NEWUSER}, refused},
		{"AF_INET", map[uint32]uint32{dataNumber: unix.SYS_SOCKET, dataArch: auditArch, dataArg0: unix.AF_INET}, allow},
		{"AF_PACKET", map[uint32]uint32{dataNumber: unix.SYS_SOCKET, dataArch: auditArch, dataArg0: unix.AF_PACKET}, refused},
		{"memory", map[uint32]uint32{dataNumber: unix.SYS_MMAP, dataArch: auditArch, dataArg2: unix.PROT_READ | unix.PROT_WRITE}, allow},
		{"code", map[uint32]uint32{dataNumber: unix.SYS_MMAP, dataArch: auditArch, dataArg2: unix.PROT_READ | unix.PROT_EXEC}, refused},
	} {
		if got := run(program, tt.data); got != tt.want {
			t.Errorf("%s: %#x, want %#x", tt.name, got, tt.want)
		}
	}
	if _, err := (Calls{Allow: []string{"nonsense"}}).program(); err == nil {
		t.Error("an unknown call is compiled")
	}
}

func TestLayersOfUnits(t *testing.T) {
	t.Parallel()
	head := "[Service]\nExecStart=/bin/a\n"
	for text, mistake := range map[string]string{
		"NoNewPrivileges=yes\nSystemCallFilter=read execve\nRestrictNamespaces=yes\nRestrictAddressFamilies=AF_UNIX\n": "",
		"NoNewPrivileges=yes\nExecPaths=/bin/a\nReadOnlyPaths=/etc\nInaccessiblePaths=/etc/b\nPrivateDevices=yes\n":    "",
		"NoNewPrivileges=yes\nSystemCallFilter=read\n":                                                                 "execve",
		"SystemCallFilter=read execve\n":                               "NoNewPrivileges",
		"NoNewPrivileges=yes\nReadOnlyPaths=/etc\n":                    "ExecPaths",
		"NoNewPrivileges=yes\nRestrictNamespaces=yes\n":                "SystemCallFilter",
		"NoNewPrivileges=yes\nSystemCallFilter=@system-service\n":      "unknown system call",
		"NoNewPrivileges=yes\nSystemCallFilter=~mount\n":               "unknown system call",
		"NoNewPrivileges=yes\nSystemCallFilter=read execve read\n":     "twice",
		"NoNewPrivileges=yes\nRestrictAddressFamilies=AF_BLUETOOTH\n":  "address family",
		"NoNewPrivileges=yes\nReadOnlyPaths=etc\nExecPaths=/bin/a\n":   "path",
		"NoNewPrivileges=yes\nReadOnlyPaths=-/etc\nExecPaths=/bin/a\n": "path",
		"NoNewPrivileges=yes\nSystemCallErrorNumber=ENOSYS\n":          "SystemCallErrorNumber",
		"NoNewPrivileges=yes\nSystemCallArchitectures=native x86-64\n": "SystemCallArchitectures",
	} {
		_, err := parseService("a.service", strings.NewReader(head+text))
		if (err == nil) != (mistake == "") || err != nil && !strings.Contains(err.Error(), mistake) {
			t.Errorf("%q: %v, want a mistake about %q", text, err, mistake)
		}
	}
}

// TestCalls: every name has one number of its own.
func TestCalls(t *testing.T) {
	t.Parallel()
	seen := map[int]string{}
	for name, n := range callNumbers() {
		if other, ok := seen[n]; ok && n >= 0 {
			t.Errorf("%s and %s have the number %d", name, other, n)
		}
		seen[n] = name
	}
	if _, ok := callNumbers()["mount"]; ok {
		t.Error("mount can be allowed by a unit file")
	}
}

// TestMissingPath: what is not there is left out, by Landlock too.
func TestMissingPath(t *testing.T) {
	t.Parallel()
	if err := landlockAllow(-1, filepath.Join(t.TempDir(), "missing"), landlockRead); err != nil {
		t.Errorf("a path that is missing: %v, want it passed over", err)
	}
	if err := bind(filepath.Join(t.TempDir(), "missing"), "/nowhere", 0); err != nil {
		t.Errorf("a path that is missing: %v, want it passed over", err)
	}
}
