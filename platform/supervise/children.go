package supervise

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Exit is how a process ended.
type Exit struct {
	Code   int            // exit status, when Signal is 0
	Signal syscall.Signal // the signal that ended it, or 0
}

// Clean says that the process ended by itself with status 0.
func (e Exit) Clean() bool { return e.Code == 0 && e.Signal == 0 }

func (e Exit) String() string {
	if e.Signal != 0 {
		return "ended by signal " + unix.SignalName(e.Signal)
	}
	return fmt.Sprintf("ended with exit status %d", e.Code)
}

// Children forks and waits for all processes of this process; see the package
// comment on why nothing else may.
type Children struct {
	// mu is held over fork and registration, and over the orphan reaper's
	// decision, so that no child can be seen before it is known.
	mu    sync.Mutex
	known map[int]struct{}

	reaped chan struct{} // a known child was reaped: look for orphans again
}

// NewChildren returns a Children without any.
func NewChildren() *Children {
	return &Children{known: map[int]struct{}{}, reaped: make(chan struct{}, 1)}
}

// Child is a process started by Children.
type Child struct {
	Pid   int
	pidfd int
	done  chan struct{}
	exit  Exit // valid after done is closed

	mu     sync.Mutex // guards closed; held while pidfd is used
	closed bool
}

// Start runs path with argv and attr (attr.Sys may be nil). The child is
// waited for even when nobody looks at it any more.
func (c *Children) Start(path string, argv []string, attr *syscall.ProcAttr) (*Child, error) {
	pidfd := -1
	sys := syscall.SysProcAttr{}
	if attr.Sys != nil {
		sys = *attr.Sys
	}
	sys.PidFD = &pidfd
	copied := *attr
	copied.Sys = &sys

	c.mu.Lock()
	pid, err := syscall.ForkExec(path, argv, &copied)
	if err == nil {
		c.known[pid] = struct{}{}
	}
	c.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	child := &Child{Pid: pid, pidfd: pidfd, done: make(chan struct{})}
	go c.wait(child)
	return child, nil
}

// wait reaps one known child. It first waits without reaping, on the pidfd,
// which cannot mean another process; then the pid is still ours to reap.
func (c *Children) wait(child *Child) {
	for {
		err := unix.Waitid(unix.P_PIDFD, child.pidfd, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	var ws syscall.WaitStatus
	for {
		_, err := syscall.Wait4(child.Pid, &ws, 0, nil)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	child.exit = exitOf(ws)
	child.mu.Lock()
	child.closed = true
	_ = unix.Close(child.pidfd) // nothing to lose
	child.mu.Unlock()

	c.mu.Lock()
	delete(c.known, child.Pid)
	c.mu.Unlock()
	close(child.done)
	select {
	case c.reaped <- struct{}{}:
	default:
	}
}

func exitOf(ws syscall.WaitStatus) Exit {
	if ws.Signaled() {
		return Exit{Signal: ws.Signal()}
	}
	return Exit{Code: ws.ExitStatus()}
}

// Done is closed when the child has ended and been reaped.
func (p *Child) Done() <-chan struct{} { return p.done }

// Exit says how the child ended; call it after Done is closed.
func (p *Child) Exit() Exit { return p.exit }

// Signal sends sig to this very process, never to a later one with its pid.
// A child that has ended already is not an error.
func (p *Child) Signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	err := unix.PidfdSendSignal(p.pidfd, sig, nil, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// maxToolOutput bounds what Run keeps of a tool's output in bytes; e2fsck on a
// badly damaged disk can print for minutes.
const maxToolOutput = 64 << 10

// Tool is a program that does one thing and ends: mke2fs, e2fsck, fsck.fat.
type Tool struct {
	Path string
	Args []string
	Env  []string
}

// Run runs a tool as root, without the confinement of a service, and returns
// the beginning of its output (both streams). When ctx ends first the tool is
// killed and ctx's error returned. A bad exit is not an error.
func (c *Children) Run(ctx context.Context, t Tool) (output []byte, exit Exit, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, Exit{}, err
	}
	defer func() { _ = r.Close() }()
	null, err := os.Open(os.DevNull)
	if err != nil {
		_ = w.Close()
		return nil, Exit{}, err
	}
	child, err := c.Start(t.Path, append([]string{t.Path}, t.Args...), &syscall.ProcAttr{
		Env: t.Env, Dir: "/", Files: []uintptr{null.Fd(), w.Fd(), w.Fd()},
	})
	_ = null.Close()
	_ = w.Close() // the child has its own
	if err != nil {
		return nil, Exit{}, err
	}
	out := make(chan []byte, 1)
	go func() { out <- readBounded(r) }()
	select {
	case <-child.Done():
		return <-out, child.Exit(), nil
	case <-ctx.Done():
		_ = child.Signal(syscall.SIGKILL)
		<-child.Done()
		return <-out, child.Exit(), ctx.Err()
	}
}

// readBounded keeps the first maxToolOutput bytes and reads on, so that the
// tool never blocks on a full pipe.
func readBounded(r *os.File) []byte {
	var kept bytes.Buffer
	buf := make([]byte, 4096)
	for {
		n, err := r.Read(buf)
		kept.Write(buf[:min(n, maxToolOutput-kept.Len())])
		if err != nil {
			return kept.Bytes()
		}
	}
}

// ReapOrphans reaps processes that were re-parented to this one, until ctx
// ends. Only PID 1 (or a sub-reaper) calls it.
func (c *Children) ReapOrphans(ctx context.Context) {
	sigs := make(chan os.Signal, 1)
	signal.Notify(sigs, syscall.SIGCHLD)
	defer signal.Stop(sigs)
	for {
		for c.reapOne() {
		}
		select {
		case <-sigs:
		case <-c.reaped:
		case <-ctx.Done():
			return
		}
	}
}

// childInfo is the kernel's siginfo_t as waitid fills it, on 64-bit Linux.
type childInfo struct {
	signo, errno, code, _ int32
	pid                   int32
	_                     [108]byte
}

var _ [unsafe.Sizeof(unix.Siginfo{})]byte = [unsafe.Sizeof(childInfo{})]byte{}

// reapOne reaps one dead process that nobody knows, if the kernel shows one.
// When it shows a known one first, that one's waiter is about to reap it and
// will wake the loop again.
func (c *Children) reapOne() bool {
	var info childInfo
	err := unix.Waitid(unix.P_ALL, 0, (*unix.Siginfo)(unsafe.Pointer(&info)), unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	if errors.Is(err, unix.EINTR) {
		return true
	}
	if err != nil || info.pid == 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.known[int(info.pid)]; known {
		return false
	}
	_, err = syscall.Wait4(int(info.pid), nil, syscall.WNOHANG, nil)
	return err == nil || errors.Is(err, syscall.EINTR)
}
