package supervise

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ShimName is argv[0] of the short-lived step between PID 1 and a service:
// the same program, which takes the unit's restrictions upon itself and then
// becomes the service. It exists because LISTEN_PID and WATCHDOG_PID must name
// a process that exists only after the fork, and because Go cannot run code of
// its own between fork and exec.
const ShimName = "sanduk-shim"

// Exit codes of the shim when it cannot become the service, as systemd's
// (systemd.exec(5), "Process Exit Codes").
const (
	ExitLimits       = 205
	ExitExec         = 203
	ExitGroup        = 216
	ExitUser         = 217
	ExitCapabilities = 218
	ExitNoPrivileges = 227
	ExitChdir        = 200
	ExitNamespace    = 226
	ExitSeccomp      = 228
	ExitLandlock     = 245 // systemd has none
)

// shimConfig is the shim's only argument, as JSON.
type shimConfig struct {
	Exec     []string
	Dir      string
	Env      []string
	User     bool // UID, GID and Groups are to be taken on
	UID, GID int
	Groups   []int
	Ambient  Capabilities
	Bounding Capabilities
	NoNew    bool
	UMask    int
	NOFILE   uint64
	Core     *uint64
	Listen   []string // names of the descriptors from 3 on
	Watchdog bool
	View     string // empty directory on which the service's view is built
	Paths    Paths
	Calls    Calls
}

// ShimError is why the shim could not become the service.
type ShimError struct {
	Code int // one of the Exit constants
	Err  error
}

func (e *ShimError) Error() string { return "start: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *ShimError) Unwrap() error { return e.Err }

// IsShim says whether this process was started to be the shim; main asks it
// before anything else.
func IsShim(argv []string) bool { return len(argv) == 2 && argv[0] == ShimName }

// RunShim applies the restrictions and becomes the service. It returns only on
// failure, with the exit code to end with; the reason went to standard error,
// which PID 1 keeps in the log.
func RunShim(argv []string) int {
	err := becomeService(argv[1])
	fmt.Fprintln(os.Stderr, err)
	if e := (*ShimError)(nil); errors.As(err, &e) {
		return e.Code
	}
	return ExitExec
}

// becomeService: credentials and capabilities belong to a thread in Linux, and
// exec keeps those of the thread that calls it; so everything happens on one
// locked thread, with plain system calls.
func becomeService(arg string) error {
	runtime.LockOSThread()
	var c shimConfig
	if err := json.Unmarshal([]byte(arg), &c); err != nil {
		return &ShimError{ExitExec, err}
	}
	steps := []struct {
		code int
		do   func() error
	}{
		{ExitLimits, c.setLimits},
		{ExitNamespace, c.enterView},
		{ExitChdir, c.enterDirectory},
		{ExitCapabilities, c.dropBounding},
		{ExitGroup, c.setGroups},
		{ExitUser, c.setUser},
		{ExitCapabilities, c.setCapabilities},
		{ExitNoPrivileges, c.setNoNewPrivileges},
		// Last: they would forbid the steps above.
		{ExitLandlock, c.restrictPaths},
		{ExitSeccomp, c.restrictCalls},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			return &ShimError{s.code, err}
		}
	}
	if err := syscall.Exec(c.Exec[0], c.Exec, c.environment()); err != nil {
		return &ShimError{ExitExec, fmt.Errorf("execute %s: %w", c.Exec[0], err)}
	}
	return nil // not reached
}

func (c *shimConfig) setLimits() error {
	if c.NOFILE > 0 {
		// Through package syscall, which otherwise restores at exec the soft
		// limit that the Go runtime found at start.
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: c.NOFILE, Max: c.NOFILE}); err != nil {
			return fmt.Errorf("set LimitNOFILE=%d: %w", c.NOFILE, err)
		}
	}
	if c.Core != nil {
		if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: *c.Core, Max: *c.Core}); err != nil {
			return fmt.Errorf("set LimitCORE=%d: %w", *c.Core, err)
		}
	}
	return nil
}

func (c *shimConfig) enterView() error {
	if c.View == "" || !c.Paths.Limited() {
		return nil
	}
	return enterView(c.View, c.Paths)
}

func (c *shimConfig) restrictPaths() error {
	if !c.Paths.Limited() {
		return nil
	}
	return restrictPaths(c.Paths, os.Stderr)
}

func (c *shimConfig) restrictCalls() error {
	if len(c.Calls.Allow) == 0 {
		return nil
	}
	return restrictCalls(c.Calls)
}

func (c *shimConfig) enterDirectory() error {
	unix.Umask(c.UMask)
	dir := c.Dir
	if dir == "" {
		dir = "/"
	}
	if err := unix.Chdir(dir); err != nil {
		return fmt.Errorf("enter WorkingDirectory=%s: %w", dir, err)
	}
	return nil
}

// lastCapability bounds the loop over all capabilities the kernel may know.
const lastCapability = 63

func (c *shimConfig) dropBounding() error {
	if c.Bounding == allCapabilities {
		return nil
	}
	for n := range lastCapability + 1 {
		if c.Bounding.Has(n) {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(n), 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			return nil // beyond the last one this kernel knows
		}
		if err != nil {
			return fmt.Errorf("set CapabilityBoundingSet=: drop %d: %w", n, err)
		}
	}
	return nil
}

func (c *shimConfig) setGroups() error {
	if !c.User {
		return nil
	}
	groups := make([]uint32, 0, len(c.Groups))
	for _, g := range c.Groups {
		groups = append(groups, uint32(g))
	}
	if err := rawSetgroups(groups); err != nil {
		return fmt.Errorf("set SupplementaryGroups=: %w", err)
	}
	if err := rawSetid(unix.SYS_SETRESGID, c.GID); err != nil {
		return fmt.Errorf("set Group=: %w", err)
	}
	return nil
}

func (c *shimConfig) setUser() error {
	if !c.User {
		return nil
	}
	if c.Ambient != 0 {
		// Without this the change of user would empty the permitted set.
		if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("keep capabilities: %w", err)
		}
	}
	if err := rawSetid(unix.SYS_SETRESUID, c.UID); err != nil {
		return fmt.Errorf("set User=: %w", err)
	}
	return nil
}

func (c *shimConfig) setCapabilities() error {
	if !c.User {
		return nil
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	low, high := uint32(c.Ambient), uint32(c.Ambient>>32)
	data := [2]unix.CapUserData{
		{Effective: low, Permitted: low, Inheritable: low},
		{Effective: high, Permitted: high, Inheritable: high},
	}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return fmt.Errorf("set AmbientCapabilities=: %w", err)
	}
	for n := range lastCapability + 1 {
		if !c.Ambient.Has(n) {
			continue
		}
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(n), 0, 0); err != nil {
			return fmt.Errorf("set AmbientCapabilities=: raise %d: %w", n, err)
		}
	}
	return nil
}

func (c *shimConfig) setNoNewPrivileges() error {
	if !c.NoNew {
		return nil
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set NoNewPrivileges=: %w", err)
	}
	return nil
}

// environment adds what only this process can know: its own pid.
func (c *shimConfig) environment() []string {
	pid := strconv.Itoa(os.Getpid())
	env := c.Env
	if len(c.Listen) > 0 {
		env = append(env,
			"LISTEN_PID="+pid,
			"LISTEN_FDS="+strconv.Itoa(len(c.Listen)),
			"LISTEN_FDNAMES="+strings.Join(c.Listen, ":"))
	}
	if c.Watchdog {
		env = append(env, "WATCHDOG_PID="+pid)
	}
	return env
}
