package supervise

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Process is a running service, as the supervisor sees it.
type Process interface {
	Pid() int
	Done() <-chan struct{} // closed when the main process has ended
	Exit() Exit            // after Done
	// Signal sends sig to the main process, or to every process of the unit.
	Signal(sig syscall.Signal, all bool) error
	// Kill ends every process of the unit; it is called after Done, too.
	Kill() error
	Notices() <-chan Notice // what the main process reports about itself
}

// Account is a user as the kernel knows it.
type Account struct {
	UID, GID int
	Groups   []int
}

// Runner starts services: the "how". Fill it, then do not change it.
type Runner struct {
	Children *Children
	// Self is the program that knows ShimName (/proc/self/exe in PID 1).
	Self string
	// Cgroups is PrepareCgroups' result; "" runs services without groups, for
	// tests on hosts that have none.
	Cgroups string
	// RunDir is /run: notify sockets and RuntimeDirectory= go below it.
	RunDir string
	// TotalMemory in bytes, for MemoryMax= in percent.
	TotalMemory int64
	Sockets     []Socket
	Listeners   Listeners
	// Lookup finds the account of User=, Group= and SupplementaryGroups=.
	Lookup func(user, group string, supplementary []string) (Account, error)
	// Output receives what a unit writes to its standard output and error.
	Output func(UnitName) io.WriteCloser
	// Environment is given to every service, before the unit's own.
	Environment []string
}

// Start starts the service. The error says what could not be prepared; what
// goes wrong later, in the shim, shows as an exit code and a log line.
func (r *Runner) Start(s *Service) (Process, error) {
	account, err := r.account(s)
	if err != nil {
		return nil, err
	}
	if err := r.makeRuntimeDirectory(s, account); err != nil {
		return nil, err
	}
	notifyDir := filepath.Join(r.RunDir, "sanduk", "notify")
	if err := os.MkdirAll(notifyDir, 0o755); err != nil {
		return nil, err
	}
	notify, err := listenNotify(filepath.Join(notifyDir, string(s.Name)), account.UID)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(r.viewDir(), 0o700); err != nil {
		return nil, err
	}
	p := &process{unit: s.Name, cgroups: cgroups(r.Cgroups), notify: notify, notices: make(chan Notice)}
	if err := r.fork(s, account, p); err != nil {
		notify.close()
		return nil, err
	}
	go p.readNotices()
	return p, nil
}

// viewDir is empty; each service's shim builds its view on it, where no other
// process sees it.
func (r *Runner) viewDir() string { return filepath.Join(r.RunDir, "sanduk", "view") }

func (r *Runner) account(s *Service) (Account, error) {
	if s.Confine.User == "" {
		return Account{UID: -1, GID: -1}, nil
	}
	a, err := r.Lookup(s.Confine.User, s.Confine.Group, s.Confine.SupplementaryGroups)
	if err != nil {
		return Account{}, fmt.Errorf("account of %s: %w", s.Name, err)
	}
	return a, nil
}

func (r *Runner) makeRuntimeDirectory(s *Service, a Account) error {
	if s.Confine.RuntimeDirectory == "" {
		return nil
	}
	dir := filepath.Join(r.RunDir, s.Confine.RuntimeDirectory)
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make RuntimeDirectory=: %w", err)
	}
	if err := os.Lchown(dir, a.UID, a.GID); err != nil {
		return fmt.Errorf("make RuntimeDirectory=: %w", err)
	}
	return os.Chmod(dir, fs.FileMode(s.Confine.RuntimeMode))
}

// fork starts the shim with the service's descriptors: standard input from
// nothing, output and error into a pipe, sockets from 3 on.
func (r *Runner) fork(s *Service, a Account, p *process) error {
	sockets := Units{Sockets: r.Sockets}.SocketsOf(s.Name)
	arg, err := json.Marshal(r.shimConfig(s, a, sockets, p.notify.path))
	if err != nil {
		return err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer func() { _ = null.Close() }()
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // the child keeps its own
	attr := &syscall.ProcAttr{
		Dir:   "/",
		Files: []uintptr{null.Fd(), in.Fd(), in.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	}
	for _, sock := range sockets {
		attr.Files = append(attr.Files, uintptr(r.Listeners[sock.Name]))
	}
	if r.Cgroups != "" {
		group, err := cgroups(r.Cgroups).open(s, r.TotalMemory)
		if err != nil {
			_ = out.Close()
			return err
		}
		defer func() { _ = group.Close() }()
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, int(group.Fd())
	}
	p.child, err = r.Children.Start(r.Self, []string{ShimName, string(arg)}, attr)
	if err != nil {
		_ = out.Close()
		return err
	}
	go copyOutput(r.Output(s.Name), out)
	return nil
}

// copyOutput ends when the last process that holds the pipe has ended.
func copyOutput(dst io.WriteCloser, src *os.File) {
	_, _ = io.Copy(dst, src) // a full log must not stop the service; the log counts what it drops
	_ = src.Close()
	_ = dst.Close()
}

// memoryTarget is the share of MemoryMax=, in percent, above which a service
// written in Go collects its garbage more eagerly (GOMEMLIMIT) instead of
// growing until the kernel ends it. The rest is for what the runtime does not
// count: files that are mapped, and the kernel's buffers.
const memoryTarget = 75

func (r *Runner) shimConfig(s *Service, a Account, sockets []Socket, notifyPath string) shimConfig {
	c := shimConfig{
		Exec: s.Exec, Dir: s.WorkingDirectory,
		User: s.Confine.User != "", UID: a.UID, GID: a.GID, Groups: a.Groups,
		Ambient: s.Confine.Ambient, Bounding: s.Confine.Bounding,
		NoNew: s.Confine.NoNewPrivileges, UMask: s.Confine.UMask,
		NOFILE: s.Confine.LimitNOFILE, Core: s.Confine.LimitCORE,
		Watchdog: s.WatchdogEvery > 0,
		View:     r.viewDir(), Paths: s.Confine.Paths, Calls: s.Confine.Calls,
	}
	c.Env = append(append(c.Env, r.Environment...), s.Environment...)
	if limit := s.Confine.Memory.Of(r.TotalMemory); limit > 0 { // after the unit's own: the first counts
		c.Env = append(c.Env, fmt.Sprintf("GOMEMLIMIT=%d", limit/100*memoryTarget))
	}
	c.Env = append(c.Env, "NOTIFY_SOCKET="+notifyPath)
	if s.Confine.User != "" {
		c.Env = append(c.Env, "USER="+s.Confine.User, "LOGNAME="+s.Confine.User)
	}
	if s.Confine.RuntimeDirectory != "" {
		c.Env = append(c.Env, "RUNTIME_DIRECTORY="+filepath.Join(r.RunDir, s.Confine.RuntimeDirectory))
	}
	if s.WatchdogEvery > 0 {
		c.Env = append(c.Env, "WATCHDOG_USEC="+strconv.FormatInt(s.WatchdogEvery.Microseconds(), 10))
	}
	for _, sock := range sockets {
		c.Listen = append(c.Listen, sock.FDName)
	}
	return c
}

// Memory returns what the unit uses now in bytes, 0 when unknown.
func (r *Runner) Memory(name UnitName) int64 { return cgroups(r.Cgroups).memory(name) }

// process is a started service.
type process struct {
	unit    UnitName
	child   *Child
	cgroups cgroups
	notify  *notifySocket
	notices chan Notice
}

func (p *process) Pid() int               { return p.child.Pid }
func (p *process) Done() <-chan struct{}  { return p.child.Done() }
func (p *process) Exit() Exit             { return p.child.Exit() }
func (p *process) Notices() <-chan Notice { return p.notices }

// readNotices passes on what the main process itself says (NotifyAccess=main)
// until that process has ended.
func (p *process) readNotices() {
	go func() {
		<-p.child.Done()
		p.notify.close()
	}()
	for {
		pid, notice, err := p.notify.read()
		if err != nil {
			return
		}
		if pid != p.child.Pid {
			continue
		}
		select {
		case p.notices <- notice:
		case <-p.child.Done():
			return
		}
	}
}

func (p *process) Signal(sig syscall.Signal, all bool) error {
	if all && p.cgroups != "" {
		return p.cgroups.signal(p.unit, sig)
	}
	return p.child.Signal(sig)
}

func (p *process) Kill() error {
	if p.cgroups != "" {
		return p.cgroups.kill(p.unit)
	}
	return p.child.Signal(syscall.SIGKILL)
}
