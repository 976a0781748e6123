package provider

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/run"
)

const password = "correct horse battery staple"

// box is maild, with sockets as PID 1 hands them in, killed and started again; --dev, as there is no PID 1 that knows
// whether the clock is right.
type box struct {
	t         *testing.T
	dir       string
	maild     string
	boxctl    string
	listeners map[string]*os.File
	cmd       *exec.Cmd

	mu        sync.Mutex
	log       bytes.Buffer // guarded by mu
	collected int          // lines of the log that say so, of this process; guarded by mu
}

func newBox(t *testing.T, d *provider, collect ...map[string]any) *box {
	t.Helper()
	b := &box{t: t, dir: t.TempDir(), listeners: map[string]*os.File{}}
	b.maild, b.boxctl = compile(t, b.dir, "maild"), compile(t, b.dir, "boxctl")
	person := func(name string) map[string]string {
		return map[string]string{"address": name + "@office.test", "password": password}
	}
	setup, err := json.Marshal(map[string]any{
		"hostname": "mail.office.test", "domains": []string{"office.test"}, "admin": person("admin"), "accounts": []any{person("alice"), person("bob")},
		"outbound": map[string]string{"mode": "none"}, "collect": collect,
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"setup.json": setup, "ca.pem": d.ca} {
		if err := os.WriteFile(filepath.Join(b.dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
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
		_ = l.Close()
		b.listeners[p.Name] = file
		t.Cleanup(func() { _ = file.Close() })
	}
	t.Cleanup(func() {
		if b.cmd != nil {
			b.kill()
		}
		if t.Failed() {
			t.Logf("maild said at its end:\n%s", b.log.Bytes()[max(0, b.log.Len()-6000):])
		}
	})
	return b
}

func compile(t *testing.T, dir, name string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", file, "./cmd/"+name)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", name, err, out)
	}
	return file
}

func (b *box) data() string { return filepath.Join(b.dir, "data") }

func (b *box) start() {
	b.t.Helper()
	var names []string
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" --dev --data "$1" --setup "$2" --ca "$3"`, b.maild, b.data(), filepath.Join(b.dir, "setup.json"), filepath.Join(b.dir, "ca.pem"))
	for name, file := range b.listeners {
		names = append(names, name)
		cmd.ExtraFiles = append(cmd.ExtraFiles, file)
	}
	cmd.Env = append(os.Environ(), fmt.Sprintf("LISTEN_FDS=%d", len(names)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	b.mu.Lock()
	b.collected = 0
	b.mu.Unlock()
	cmd.Stdout, cmd.Stderr = b, b
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.cmd = cmd
}

func (b *box) kill() {
	_ = b.cmd.Process.Kill() // it may have ended by itself
	_ = b.cmd.Wait()         // with the signal
	b.cmd = nil
}

func (b *box) stop() {
	b.t.Helper()
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		b.t.Fatal(err)
	}
	err := b.cmd.Wait()
	b.cmd = nil
	if err != nil {
		b.t.Errorf("maild ended with %v", err)
	}
}

// Write takes maild's log.
func (b *box) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.collected += bytes.Count(p, []byte("message collected"))
	return b.log.Write(p)
}

// wait waits until something is so.
func (b *box) wait(what string, done func() bool) {
	b.t.Helper()
	for until := time.Now().Add(2 * time.Minute); !done(); {
		if time.Now().After(until) {
			b.t.Fatalf("after two minutes still not: %s", what)
		}
		time.Sleep(5 * time.Millisecond) // another process is waited for
	}
}

func (b *box) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.collected
}

// has counts the messages of a person by their numbers, whatever folder they are in.
func (b *box) has(person string) map[string]int {
	b.t.Helper()
	to := filepath.Join(b.t.TempDir(), person)
	if out, err := exec.Command(b.boxctl, "export", person+"@office.test", "--to", to, "--data", b.data()).CombinedOutput(); err != nil {
		b.t.Fatalf("boxctl export: %v\n%s", err, out)
	}
	numbers, number := map[string]int{}, regexp.MustCompile(`number (\w+)\.`)
	err := filepath.WalkDir(to, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if m := number.FindSubmatch(text); m != nil {
			numbers[string(m[1])]++
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return numbers
}

func letter(to, number string, size int) string {
	return "Return-Path: <sender@else.test>\nX-Original-To: " + to + "\nFrom: sender@else.test\nTo: list@else.test\nSubject: s\nMessage-ID: <" + number + "@else.test>\n\nnumber " + number + ".\n" +
		strings.Repeat(strings.Repeat("x", 70)+"\n", size/71)
}

// TestCollect collects a domain's mailbox by POP3 and somebody's by IMAP while maild is killed again and again: each
// message is here once, and none is left there. Then the server says by itself when there is more.
func TestCollect(t *testing.T) {
	d := startDovecot(t)
	messages := 500
	if os.Getenv("SANDUK_LONG") != "" {
		messages = 5000
	}
	for i := range messages {
		to := []string{"alice@office.test", "bob@office.test", "alice@office.test, bob@office.test", "nobody@office.test"}[i%4]
		d.put(t, "office", fmt.Sprintf("1600000000.P%d.provider", i), letter(to, fmt.Sprintf("p%d", i), i%50*1000))
		d.put(t, "alice", fmt.Sprintf("1600000000.I%d.provider", i), letter("alice@provider.test", fmt.Sprintf("i%d", i), i%50*1000))
	}
	source := func(protocol, user, into, every string, port uint16) map[string]any {
		return map[string]any{"protocol": protocol, "host": "127.0.0.1", "port": port, "user": user, "password": "secret", "into": into, "every": every, "leave": "0"}
	}
	b := newBox(t, d, source("pop3", "office", "office.test", "1m", d.pop), source("imap", "alice", "alice@office.test", "24h", d.imap))
	kills := 0
	began := time.Now()
	for {
		b.start()
		most := 1 + rand.IntN(messages/5)
		b.wait("some messages are collected, or all", func() bool { return b.count() >= most || d.left(t, "office")+d.left(t, "alice") == 0 })
		if d.left(t, "office")+d.left(t, "alice") == 0 {
			break
		}
		b.kill()
		kills++
	}
	t.Logf("%d messages, %d kills, %v", 2*messages, kills, time.Since(began).Round(time.Millisecond))
	time.Sleep(time.Second) // the IMAP session goes over to IDLE
	d.put(t, "alice", "1600000001.idle.provider", letter("alice@provider.test", "idle", 0))
	b.wait("a message comes by IDLE, long before its time", func() bool { return d.left(t, "alice") == 0 })
	b.stop()
	want := map[string]map[string]int{"alice": {"idle": 1}, "bob": {}, "admin": {}}
	for i := range messages {
		want["alice"][fmt.Sprintf("i%d", i)] = 1
		for _, person := range [][]string{{"alice"}, {"bob"}, {"alice", "bob"}, {"admin"}}[i%4] {
			want[person][fmt.Sprintf("p%d", i)] = 1
		}
	}
	for person, numbers := range want {
		got := b.has(person)
		for number := range numbers {
			if got[number] != 1 {
				t.Errorf("%s has message %s %d times; want once", person, number, got[number])
			}
		}
		if len(got) != len(numbers) {
			t.Errorf("%s has %d messages; want %d", person, len(got), len(numbers))
		}
	}
	if out, err := exec.Command(b.boxctl, "check", "--data", b.data()).CombinedOutput(); err != nil {
		t.Errorf("boxctl check: %v\n%s", err, out)
	}
}
