package supervise

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// roleVariable makes this test program play a service, or PID 1.
const roleVariable = "SUPERVISE_TEST_ROLE"

func TestMain(m *testing.M) {
	if IsShim(os.Args) {
		os.Exit(RunShim(os.Args))
	}
	switch role := os.Getenv(roleVariable); role {
	case "":
		os.Exit(m.Run())
	case "layer":
		playLayer(os.Getenv(layerVariable))
	case "server":
		playServer()
	case "impostor":
		playImpostor()
	case "claimant":
		playClaimant()
	case "reaper":
		playReaper()
	case "orphans":
		playOrphans()
	default:
		code, err := strconv.Atoi(role)
		if err != nil {
			panic(role)
		}
		fmt.Println("output of", role)
		os.Exit(code)
	}
}

// selfReport is what a playing service says about itself.
type selfReport struct {
	Pid     int
	Status  map[string]string // /proc/self/status
	Env     []string
	Sockets []string
	NOFILE  uint64
	Dir     string
	Cgroup  string
	Umask   int
}

// playServer is a service: it answers each connection with a selfReport.
func playServer() {
	listeners, err := activation.ListenersWithNames() // checks LISTEN_PID
	if err != nil {
		panic(err)
	}
	report := selfReport{Pid: os.Getpid(), Env: os.Environ(), Status: map[string]string{}}
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		report.Status[key] = strings.Join(strings.Fields(value), " ")
	}
	var limit unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	report.NOFILE = limit.Max
	report.Dir, _ = os.Getwd()
	cgroup, _ := os.ReadFile("/proc/self/cgroup")
	report.Cgroup = string(cgroup)
	report.Umask = unix.Umask(0)
	for name := range listeners {
		report.Sockets = append(report.Sockets, name)
	}
	slices.Sort(report.Sockets)
	for _, list := range listeners {
		for _, l := range list {
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					_ = json.NewEncoder(conn).Encode(report)
					_ = conn.Close()
				}
			}()
		}
	}
	fmt.Fprintln(os.Stderr, "serving")
	if _, err := daemon.SdNotify(false, "READY=1\nSTATUS=at work"); err != nil {
		panic(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
}

// playImpostor lets a child claim READY=1 in its place, and then says itself
// that this is over.
func playImpostor() {
	child, err := NewChildren().Start("/proc/self/exe", []string{"child"}, &syscall.ProcAttr{
		Env: []string{roleVariable + "=claimant", "NOTIFY_SOCKET=" + os.Getenv("NOTIFY_SOCKET")},
	})
	if err != nil {
		panic(err)
	}
	<-child.Done()
	if _, err := daemon.SdNotify(false, "STATUS=claimed with "+child.Exit().String()); err != nil {
		panic(err)
	}
	time.Sleep(time.Hour) // until it is ended; to the runtime, waiting for nothing is a deadlock
}

func playClaimant() {
	if sent, err := daemon.SdNotify(false, "READY=1"); err != nil || !sent {
		os.Exit(1)
	}
}

// harness is a real supervisor for one service of this test program.
type harness struct {
	runner  *Runner
	s       *Supervisor
	address string
	log     *lockedBuffer
}

// lockedBuffer keeps the output of services.
type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) Close() error { return nil }

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// unified is where this machine has cgroup v2, "" when nowhere.
func unified() string {
	for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil {
			return dir
		}
	}
	return ""
}

func runReal(t *testing.T, role string, change func(*Service, *Runner)) *harness {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{log: &lockedBuffer{}}
	spec := Service{
		Name: "test.service", Required: true, Notify: true, Exec: []string{self, "-test.run=^$"},
		Environment: []string{roleVariable + "=" + role}, Restart: RestartAlways, RestartDelay: 10 * time.Millisecond,
		StartTimeout: time.Minute, StopTimeout: 20 * time.Second, WatchdogEvery: time.Minute,
	}
	spec.Confine.Bounding = allCapabilities
	spec.Confine.UMask = 0o027
	sockets := []Socket{
		{Name: "test-b.socket", FDName: "bravo", Address: "127.0.0.1:0", Backlog: 16, NoDelay: true, Service: spec.Name},
		{Name: "test-a.socket", FDName: "alpha", Address: "127.0.0.1:0", Backlog: 16, Service: spec.Name},
	}
	listeners, err := OpenSockets(sockets)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(listeners.Close)
	name, err := unix.Getsockname(listeners["test-b.socket"])
	if err != nil {
		t.Fatal(err)
	}
	h.address = net.JoinHostPort("127.0.0.1", strconv.Itoa(name.(*unix.SockaddrInet4).Port))
	h.runner = &Runner{
		Children: NewChildren(), Self: self, RunDir: t.TempDir(), TotalMemory: 1 << 30,
		Sockets: sockets, Listeners: listeners, Environment: []string{"PATH=/bin"},
		Lookup: func(string, string, []string) (Account, error) {
			return Account{UID: 65534, GID: 65533, Groups: []int{65532}}, nil
		},
		Output: func(UnitName) io.WriteCloser { return h.log },
	}
	if change != nil {
		change(&spec, h.runner)
	}
	h.s = New(Config{Units: Units{Services: []Service{spec}}, Starter: h.runner, Log: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() { defer close(over); h.s.Run(ctx) }()
	t.Cleanup(func() { stop(); <-over })
	return h
}

// ask connects and returns what the service says about itself.
func (h *harness) ask(t *testing.T) selfReport {
	t.Helper()
	conn, err := net.DialTimeout("tcp", h.address, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	var r selfReport
	if err := json.NewDecoder(conn).Decode(&r); err != nil {
		t.Fatalf("service does not answer: %v; its output:\n%s", err, h.log)
	}
	return r
}

func waitReady(t *testing.T, h *harness) {
	t.Helper()
	select {
	case <-h.s.Ready():
	case <-time.After(time.Minute):
		t.Fatalf("not ready: %+v; output:\n%s", h.s.Status(), h.log)
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: not root; users, capabilities and cgroups of real children were not tested")
	}
}

func TestRealSocketsAndNotification(t *testing.T) {
	t.Parallel()
	h := runReal(t, "server", nil)
	waitReady(t, h)
	r := h.ask(t)
	if want := []string{"alpha", "bravo"}; !slices.Equal(r.Sockets, want) {
		t.Errorf("sockets %q, want %q", r.Sockets, want)
	}
	for _, want := range []string{"LISTEN_PID=" + strconv.Itoa(r.Pid), "WATCHDOG_PID=" + strconv.Itoa(r.Pid), "WATCHDOG_USEC=60000000", "PATH=/bin"} {
		// activation and daemon clear what they have used from their own copy only.
		if !slices.Contains(r.Env, want) && !strings.HasPrefix(want, "LISTEN") {
			t.Errorf("environment lacks %q: %q", want, r.Env)
		}
	}
	if r.Umask != 0o027 {
		t.Errorf("umask %o, want 027", r.Umask)
	}
	if st := h.s.Status()[0]; st.Text != "at work" || st.Pid != r.Pid {
		t.Errorf("status %+v, want pid %d at work", st, r.Pid)
	}
}

func TestRealRestartLosesNoConnection(t *testing.T) {
	t.Parallel()
	h := runReal(t, "server", nil)
	waitReady(t, h)
	first := h.ask(t)
	if err := unix.Kill(first.Pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// The next connection may come before, while or after the service is gone:
	// it is answered by the successor at the latest.
	second := h.ask(t)
	for deadline := time.Now().Add(time.Minute); second.Pid == first.Pid; second = h.ask(t) {
		if time.Now().After(deadline) {
			t.Fatal("the killed service still answers")
		}
	}
	// The successor may answer before the supervisor has noted that it is there.
	st := h.s.Status()[0]
	for deadline := time.Now().Add(time.Minute); st.Starts < 2 && time.Now().Before(deadline); st = h.s.Status()[0] {
		runtime.Gosched()
	}
	if st.Starts < 2 || st.LastEnd != "ended by signal SIGKILL" {
		t.Errorf("status %+v, want a second start after SIGKILL", st)
	}
}

func TestRealConfinement(t *testing.T) {
	t.Parallel()
	needRoot(t)
	group := ""
	h := runReal(t, "server", func(s *Service, r *Runner) {
		s.Confine.User = "somebody"
		s.Confine.NoNewPrivileges = true
		s.Confine.LimitNOFILE = 333
		s.Confine.Ambient = 1 << unix.CAP_NET_BIND_SERVICE
		s.Confine.Bounding = 1<<unix.CAP_NET_BIND_SERVICE | 1<<unix.CAP_SYS_TIME
		s.Confine.RuntimeDirectory = "testd"
		s.Confine.RuntimeMode = 0o750
		// The test program and its parents must be reachable for the user.
		s.Exec[0] = readableCopy(t, s.Exec[0])
		if err := os.Chmod(r.RunDir, 0o755); err != nil {
			t.Fatal(err)
		}
		for dir := filepath.Dir(r.RunDir); dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if root := unified(); root != "" {
			group = filepath.Join(root, "sanduk-test-"+strconv.Itoa(os.Getpid()))
			if err := os.Mkdir(group, 0o755); err != nil {
				t.Logf("no cgroup: %v", err)
				group = ""
			}
			r.Cgroups = group
		}
	})
	t.Cleanup(func() {
		if group != "" {
			_ = os.Remove(filepath.Join(group, "test.service"))
			_ = os.Remove(group)
		}
	})
	waitReady(t, h)
	r := h.ask(t)
	for key, want := range map[string]string{
		"Uid": "65534 65534 65534 65534", "Gid": "65533 65533 65533 65533", "Groups": "65532",
		"NoNewPrivs": "1",
		"CapEff":     "0000000000000400", "CapPrm": "0000000000000400", "CapInh": "0000000000000400", "CapAmb": "0000000000000400",
		"CapBnd": "0000000002000400",
	} {
		if r.Status[key] != want {
			t.Errorf("%s: %q, want %q", key, r.Status[key], want)
		}
	}
	if r.NOFILE != 333 {
		t.Errorf("RLIMIT_NOFILE %d, want 333", r.NOFILE)
	}
	fi, err := os.Stat(filepath.Join(h.runner.RunDir, "testd"))
	if err != nil || fi.Mode().Perm() != 0o750 || fi.Sys().(*syscall.Stat_t).Uid != 65534 {
		t.Errorf("runtime directory: %v, %v", fi, err)
	}
	if group == "" {
		t.Log("SKIPPED in part: no cgroup v2 here; the service ran without a group")
	} else if !strings.Contains(r.Cgroup, "/test.service") {
		t.Errorf("cgroup %q, want one of its own", r.Cgroup)
	}
}

// readableCopy puts a program where any user may run it.
func readableCopy(t *testing.T, program string) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "supervise-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	data, err := os.ReadFile(program)
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	name := filepath.Join(dir, "program")
	if err == nil {
		// A child that another test starts now would hold the file open for writing until
		// its own exec, and a program that is being written to can't be run.
		syscall.ForkLock.RLock()
		err = os.WriteFile(name, data, 0o755)
		syscall.ForkLock.RUnlock()
	}
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestRealImpostorIsNotHeard(t *testing.T) {
	t.Parallel()
	h := runReal(t, "impostor", func(s *Service, _ *Runner) { s.StopTimeout = 10 * time.Millisecond })
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		st := h.s.Status()[0]
		if st.State == Ready {
			t.Fatal("READY=1 from a process that is not the main one was believed")
		}
		if st.Text != "" {
			if want := "claimed with ended with exit status 0"; st.Text != want {
				t.Errorf("status text %q, want %q", st.Text, want)
			}
			return // the queue is in order: READY=1 came before and was not heard
		}
		if time.Now().After(deadline) {
			t.Fatalf("status %+v; output:\n%s", st, h.log)
		}
	}
}

func TestRealMissingProgram(t *testing.T) {
	t.Parallel()
	h := runReal(t, "server", func(s *Service, _ *Runner) {
		s.Exec = []string{"/nonexistent/program"}
		s.Restart = RestartNo
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		st := h.s.Status()[0]
		if st.State == Failed {
			if want := fmt.Sprintf("ended with exit status %d", ExitExec); st.LastEnd != want {
				t.Errorf("last end %q, want %q", st.LastEnd, want)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("status %+v", st)
		}
	}
	for deadline := time.Now().Add(time.Minute); !strings.Contains(h.log.String(), "/nonexistent/program"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the log does not name the program: %q", h.log)
		}
	}
}

func TestRunTool(t *testing.T) {
	t.Parallel()
	c := NewChildren()
	tool := func(role string) Tool {
		return Tool{Path: "/proc/self/exe", Env: []string{roleVariable + "=" + role}}
	}
	for _, code := range []int{0, 1, 4, 255} {
		out, exit, err := c.Run(t.Context(), tool(strconv.Itoa(code)))
		if err != nil || exit != (Exit{Code: code}) || string(out) != fmt.Sprintf("output of %d\n", code) {
			t.Errorf("exit %d: %q, %v, %v", code, out, exit, err)
		}
	}
	if _, _, err := c.Run(t.Context(), Tool{Path: "/nonexistent"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing tool: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, exit, err := c.Run(ctx, Tool{Path: "/bin/sleep", Args: []string{"60"}}); !errors.Is(err, context.Canceled) || exit.Signal != syscall.SIGKILL {
		t.Errorf("cancelled: %v, %v", exit, err)
	}
}

// playOrphans leaves three children behind.
func playOrphans() {
	c := NewChildren()
	for range 3 {
		if _, err := c.Start("/proc/self/exe", []string{"orphan"}, &syscall.ProcAttr{Env: []string{roleVariable + "=0"}}); err != nil {
			panic(err)
		}
	}
	os.Exit(0)
}

// playReaper is PID 1 as far as reaping goes: tools run and are waited for
// while orphans arrive and die around them.
func playReaper() {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	c := NewChildren()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go c.ReapOrphans(ctx)
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 15 {
				want := (worker*15 + i) % 100
				role := strconv.Itoa(want)
				if i%3 == 0 {
					want, role = 0, "orphans"
				}
				_, exit, err := c.Run(ctx, Tool{Path: "/proc/self/exe", Env: []string{roleVariable + "=" + role}})
				if err != nil || exit != (Exit{Code: want}) {
					fmt.Printf("role %s: %v, %v\n", role, exit, err)
					os.Exit(1)
				}
			}
		})
	}
	wg.Wait()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if errors.Is(err, unix.ECHILD) {
			fmt.Println("no child left")
			os.Exit(0)
		}
		if time.Now().After(deadline) {
			fmt.Println("children are left:", err)
			os.Exit(1)
		}
	}
}

// TestReaping: no exit status is stolen by the orphan reaper, and no orphan
// stays a zombie.
func TestReaping(t *testing.T) {
	t.Parallel()
	out, exit, err := NewChildren().Run(t.Context(), Tool{Path: "/proc/self/exe", Env: []string{roleVariable + "=reaper"}})
	if err != nil || !exit.Clean() || string(out) != "no child left\n" {
		t.Errorf("%v, %v: %s", exit, err, out)
	}
}
