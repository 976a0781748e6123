package clienttest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/run"
)

// host is maild on this machine, started as PID 1 starts it: with sockets that somebody else holds.
type host struct {
	dir       string
	program   string
	listeners map[string]*os.File
	addrs     map[string]string

	mu  sync.Mutex
	log bytes.Buffer
	cmd *exec.Cmd
}

func newHost(t *testing.T, setup []byte) *host {
	t.Helper()
	h := &host{dir: keptDir(t), listeners: make(map[string]*os.File), addrs: make(map[string]string)}
	h.program = compile(t, "cmd/maild")
	if err := os.WriteFile(filepath.Join(h.dir, "setup.json"), setup, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range run.Ports() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		file, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		h.listeners[p.Name], h.addrs[p.Name] = file, l.Addr().String()
		l.Close()
		t.Cleanup(func() { file.Close() })
	}
	t.Cleanup(func() {
		if h.cmd != nil {
			h.cut()
		}
	})
	return h
}

// compile builds a program of the module and returns its file.
func compile(t *testing.T, dir string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), filepath.Base(dir))
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", file, "./"+dir)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", dir, err, out)
	}
	return file
}

func (h *host) on(t *testing.T) map[string]string {
	t.Helper()
	var names []string
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" --data "$1" --setup "$2"`,
		h.program, filepath.Join(h.dir, "data"), filepath.Join(h.dir, "setup.json"))
	for name, file := range h.listeners {
		names = append(names, name)
		cmd.ExtraFiles = append(cmd.ExtraFiles, file)
	}
	cmd.Env = append(os.Environ(), fmt.Sprintf("LISTEN_FDS=%d", len(names)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	cmd.Stdout, cmd.Stderr = h, h
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	h.cmd = cmd
	return h.addrs
}

func (h *host) off(t *testing.T) {
	t.Helper()
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	guard := time.AfterFunc(offTime, func() { _ = h.cmd.Process.Kill() })
	defer guard.Stop()
	if err := h.cmd.Wait(); err != nil {
		t.Fatalf("maild ended with %v", err)
	}
}

func (h *host) cut() {
	_ = h.cmd.Process.Kill() // it may have ended by itself
	_ = h.cmd.Wait()         // with the signal
}

// Write takes maild's log.
func (h *host) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.Write(p)
}

func (h *host) story() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.String()
}
