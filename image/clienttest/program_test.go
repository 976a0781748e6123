package clienttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// programTime bounds one call of a mail program.
const programTime = 2 * time.Minute

// program is a mail program with a home directory of its own, in which its settings are.
type program struct {
	o    *office
	home string
	root string // of package debroot, where the program is; empty: it is installed
}

// newProgram makes a home directory.
func (o *office) newProgram(t *testing.T) *program {
	t.Helper()
	home, err := os.MkdirTemp(o.dir, strings.ReplaceAll(t.Name(), "/", "-")+"-")
	if err != nil {
		t.Fatal(err)
	}
	return &program{o: o, home: home}
}

// file writes a file into the home directory and returns its name.
func (p *program) file(t *testing.T, name, text string) string {
	t.Helper()
	full := filepath.Join(p.home, name)
	write(t, full, text)
	return full
}

// result is how a program ended.
type result struct {
	code int
	out  string // both outputs
}

// run starts a program and waits for its end. It sees the hosts file that knows the box's name, in a mount namespace of
// its own; somebody who is not root gets a user namespace around it. Its output is logged when the test fails.
func (p *program) run(t *testing.T, stdin, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), programTime)
	defer cancel()
	cmd := p.command(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began).Round(time.Millisecond)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s %s (%v, %v):\n%s", name, strings.Join(args, " "), err, took, shorten(out.String()))
		}
	})
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatalf("%s: %v", name, err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%s did not end within %v", name, programTime)
	}
	return result{cmd.ProcessState.ExitCode(), out.String()}
}

// command is a call of a program that has not been started.
func (p *program) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	script := `mount --bind "$0" /etc/hosts && exec "$@"`
	if p.root != "" { // the clients' files are found there by the same names
		script = fmt.Sprintf(`r=%s d=%s && mkdir -p $r$d && touch $r/etc/hosts && mount --rbind /dev $r/dev && mount --rbind /proc $r/proc && mount --bind "$0" $r/etc/hosts && mount --bind $d $r$d && exec chroot $r /usr/bin/env -C %s "$@"`, p.root, p.o.dir, p.home)
	}
	inside := []string{"-c", script, p.o.hosts, name}
	cmd := exec.CommandContext(ctx, "/bin/sh", append(inside, args...)...)
	cmd.Dir = p.home
	cmd.Env = append(os.Environ(), "HOME="+p.home, "FETCHMAILHOME="+p.home, "TERM=xterm", "LC_ALL=C.UTF-8", "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Setpgid: true}
	// Some of them start others, which would hold the output open.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	if uid := os.Getuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return cmd
}

// start starts a program that stays until the test ends, and is killed then with all that it started. Its output is in
// a file, which is logged when the test fails.
func (p *program) start(t *testing.T, name string, args ...string) (log string) {
	t.Helper()
	log = filepath.Join(p.home, filepath.Base(name)+".log")
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background()) // the test's own ends before its clean-up
	cmd := p.command(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // killed
		out.Close()
		if t.Failed() {
			t.Logf("%s %s:\n%s", name, strings.Join(args, " "), shorten(read(t, log)))
		}
	})
	return log
}

// killWhen starts a program and kills it without warning as soon as something is so, if it has not ended before.
func (p *program) killWhen(t *testing.T, what string, so func() bool, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), programTime)
	defer cancel()
	cmd := p.command(ctx, name, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // killed, or done before
	}()
	eventually(t, what, func() bool {
		select {
		case <-ended:
			return true
		default:
			return so()
		}
	})
	cancel()
	<-ended
	t.Logf("%s, killed: %s", name, cmd.ProcessState)
}

// must is run for a program that has to succeed.
func (p *program) must(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	r := p.run(t, stdin, name, args...)
	if r.code != 0 {
		t.Fatalf("%s ended with status %d", name, r.code)
	}
	return r.out
}

// step is what a program on a terminal has to show, and what is typed then.
type step struct{ shown, typed string }

// dialogue is must for a program that is typed at while it runs. It returns all that was to be seen.
func (p *program) dialogue(t *testing.T, steps []step, name string, args ...string) string {
	t.Helper()
	log := filepath.Join(p.home, "screen")
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	ctx, cancel := context.WithTimeout(t.Context(), programTime)
	defer cancel()
	cmd := p.command(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = out, out
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	from := 0
	for _, s := range steps {
		eventually(t, "the screen shows "+s.shown, func() bool {
			seen := read(t, log)
			if i := strings.Index(seen[from:], s.shown); i >= 0 {
				from += i + len(s.shown)
				return true
			}
			return ctx.Err() != nil || len(ended) > 0
		})
		_, _ = io.WriteString(in, s.typed) // if it has ended, that is told below
	}
	err = <-ended
	seen := read(t, log)
	if err != nil {
		t.Fatalf("%s %s: %v, after:\n%s", name, strings.Join(args, " "), err, shorten(seen[max(0, from-2000):]))
	}
	return seen
}

// mustNot is run for a program that has to end with a status, and to say something that matters.
func (p *program) mustNot(t *testing.T, code int, says, name string, args ...string) {
	t.Helper()
	r := p.run(t, "", name, args...)
	if r.code != code || !strings.Contains(r.out, says) {
		t.Errorf("%s ended with status %d; want %d, with %q in what it says", name, r.code, code, says)
	}
}

// shorten cuts what a program said to what a person reads.
func shorten(text string) string {
	const limit = 6000
	if len(text) <= limit {
		return text
	}
	return fmt.Sprintf("%s\n[… %d bytes …]\n%s", text[:limit/2], len(text)-limit, text[len(text)-limit/2:])
}
