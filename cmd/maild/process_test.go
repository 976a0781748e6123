package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/sanduk-mail/sanduk/platform/supervise"
	"github.com/sanduk-mail/sanduk/services/units"
)

const testPassword = "olive harbour 42 lamps"

func person(i int) string { return fmt.Sprintf("person%03d@example.test", i) }

// process is maild in a process of its own, with a development machine. Its sockets
// are the test's and stay when it ends: who connects meanwhile waits for the next one.
type process struct {
	tb      testing.TB
	command []string
	env     []string
	sockets []*os.File
	addrs   map[string]string // by the names of the socket units
	*life                     // the last one; nil: none has begun
}

// life is one run of a process, from its start to its end.
type life struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has
	log   bytes.Buffer  // to be read then
	err   error         // likewise: how it ended
	slain atomic.Bool   // by kill
}

// newProcess builds maild, to be set up for so many people.
func newProcess(tb testing.TB, people int, flags ...string) *process {
	tb.Helper()
	dir := tb.TempDir()
	program := filepath.Join(dir, "maild")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		tb.Fatalf("build maild: %v: %s", err, out)
	}
	setup := filepath.Join(dir, "setup.json")
	if err := os.WriteFile(setup, setupText(tb, people), 0o600); err != nil {
		tb.Fatal(err)
	}
	p := &process{tb: tb, addrs: map[string]string{}}
	// The shell says the process's own number, as the protocol wants it.
	p.command = append([]string{"-c", `LISTEN_PID=$$ exec "$@"`, "sh", program, "--dev", "--data", filepath.Join(dir, "data"), "--setup", setup}, flags...)
	names := []string{"smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "http", "https"}
	for _, name := range names {
		socket, addr := passedSocket(tb)
		p.sockets, p.addrs[name] = append(p.sockets, socket), addr
	}
	all, err := supervise.LoadUnits(units.FS)
	if err != nil {
		tb.Fatal(err)
	}
	unit := slices.IndexFunc(all.Services, func(s supervise.Service) bool { return s.Name == "maild.service" })
	p.env = append(append(os.Environ(), all.Services[unit].Environment...), fmt.Sprintf("LISTEN_FDS=%d", len(names)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	tb.Cleanup(func() {
		p.stop()
		for _, s := range p.sockets {
			_ = s.Close()
		}
	})
	return p
}

func setupText(tb testing.TB, people int) []byte {
	tb.Helper()
	accounts := make([]map[string]string, people)
	for i := range accounts {
		accounts[i] = map[string]string{"address": person(i), "name": person(i), "password": testPassword}
	}
	text, err := json.Marshal(map[string]any{
		"hostname": "mail.example.test", "domains": []string{"example.test"}, "timezone": "Europe/Tirane", "accounts": accounts,
		"admin": map[string]string{"address": "admin@example.test", "password": testPassword},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// start starts it, and does not wait until it serves.
func (p *process) start() {
	p.tb.Helper()
	l := &life{cmd: exec.Command("sh", p.command...), ended: make(chan struct{})}
	l.cmd.Stdout, l.cmd.Stderr, l.cmd.Env, l.cmd.ExtraFiles = io.Discard, &l.log, p.env, p.sockets
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := l.cmd.Start(); err != nil {
		p.tb.Fatal(err)
	}
	p.life = l
	go func() {
		l.err = l.cmd.Wait()
		close(l.ended)
	}()
}

// kill ends it as a crash does, and returns when it has gone. Any goroutine may call it.
func (l *life) kill() {
	l.slain.Store(true)
	_ = l.cmd.Process.Kill() // it may have ended
	<-l.ended
}

// stop asks it to end, as PID 1 does.
func (p *process) stop() {
	if p.life == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	<-p.ended
	if p.err != nil && !p.slain.Load() {
		p.tb.Errorf("maild: %v\n%s", p.err, &p.log)
	}
}

// passedSocket listens on a free port, for another process to accept.
func passedSocket(tb testing.TB) (*os.File, string) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		tb.Fatal(err)
	}
	return f, l.Addr().String()
}
