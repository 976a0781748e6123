package rival

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// packages are what is fetched, besides all that they depend on; the second line is for their start scripts.
func packages() []string {
	return []string{
		"postfix", "dovecot-core", "dovecot-lmtpd",
		"coreutils", "dash", "diffutils", "findutils", "grep", "sed",
	}
}

// postfix is the running servers.
type postfix struct {
	addr string
	root string
	sent int // waited for so far
	stop func()
}

// data are the directories, below the root, with what servers leave.
func data() []string {
	return []string{"var/spool/postfix", "var/vmail", "var/log", "var/lib/dovecot", "run"}
}

// startPostfix starts both servers in namespaces of their own, with an empty queue and empty mailboxes.
func startPostfix(b *testing.B) *postfix {
	b.Helper()
	if os.Geteuid() != 0 {
		b.Skip("SKIPPED: Postfix needs root to start")
	}
	root, err := unpack()
	if err != nil {
		b.Skipf("SKIPPED: %v", err)
	}
	empty := func() {
		for _, dir := range data() {
			if err := os.RemoveAll(filepath.Join(root, dir)); err != nil {
				b.Fatal(err)
			}
		}
	}
	empty()
	for _, dir := range data() {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			b.Fatal(err)
		}
	}
	start, err := os.ReadFile("testdata/start")
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "start"), start, 0o755); err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free now
	if err != nil {
		b.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()

	// The shell stays the first process of its namespace: when it is killed with its parent, all others end. One that
	// changed its user, as Postfix's does, would have lost the link to the parent.
	var said bytes.Buffer
	cmd := exec.Command("unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "sh", "-c",
		`mount --rbind /dev "$1/dev" && { chroot "$1" /start "$2" "$3" & wait; }`, "sh", root, port, fmt.Sprint(people))
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		b.Skipf("SKIPPED: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed
		close(ended)
	}()
	p := &postfix{addr: "127.0.0.1:" + port, root: root, stop: func() {
		_ = cmd.Process.Kill() // it may have ended
		<-ended
		if !b.Failed() {
			empty()
		}
	}}
	if err := p.ready(ended); err != nil {
		p.stop()
		b.Fatalf("%v\n%s", err, &said)
	}
	return p
}

// startTime is more than a busy machine needs to start both.
const startTime = time.Minute

func (p *postfix) ready(ended <-chan struct{}) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(startTime)
	for {
		if s, err := dial(p.addr); err == nil {
			defer s.conn.Close()
			_, err := os.Stat(filepath.Join(p.root, "var/spool/postfix/private/dovecot-lmtp"))
			return err
		}
		select {
		case <-tick.C:
		case <-ended:
			return errors.New("Postfix ended at once")
		case <-timeout:
			return errors.New("Postfix does not answer")
		}
	}
}

// deliveryTime bounds the wait for the queue to empty: Postfix tries again after five minutes what failed once.
const deliveryTime = 10 * time.Minute

// wait looks into the mailboxes until so many messages more are there.
func (p *postfix) wait(messages int) error {
	p.sent += messages
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(deliveryTime)
	for {
		n := 0
		for i := range people {
			name := person(i)[:len("person000")]
			list, err := os.ReadDir(filepath.Join(p.root, "var/vmail", name, "Maildir/new"))
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			n += len(list)
		}
		if n >= p.sent {
			return nil
		}
		select {
		case <-tick.C:
		case <-timeout:
			return fmt.Errorf("%d of %d messages are in the mailboxes; see %s/var/log", n, p.sent, p.root)
		}
	}
}

// unpack makes the directory that is the servers' root, once.
func unpack() (string, error) {
	dir, err := filepath.Abs(build)
	if err != nil {
		return "", err
	}
	root, done := filepath.Join(dir, "root"), filepath.Join(dir, "unpacked")
	if _, err := os.Stat(done); err == nil {
		return root, nil
	}
	debs, err := fetch(filepath.Join(dir, "apt"))
	if err != nil {
		return "", err
	}
	if err := os.RemoveAll(root); err != nil {
		return "", err
	}
	for _, name := range []string{"bin", "sbin", "lib", "lib64"} { // Debian's merged /usr
		if err := os.MkdirAll(filepath.Join(root, "usr", name), 0o755); err != nil {
			return "", err
		}
		if err := os.Symlink("usr/"+name, filepath.Join(root, name)); err != nil {
			return "", err
		}
	}
	for _, name := range []string{"dev", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			return "", err
		}
	}
	for _, deb := range debs {
		out, err := exec.Command("sh", "-c", `dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"`, "sh", deb, root).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("unpack %s: %w: %s", filepath.Base(deb), err, out)
		}
	}
	return root, os.WriteFile(done, nil, 0o644)
}

// fetch downloads the packages and all that they depend on, as if nothing were installed here.
func fetch(dir string) ([]string, error) {
	for _, sub := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	status := filepath.Join(dir, "status")
	if err := os.WriteFile(status, nil, 0o644); err != nil {
		return nil, err
	}
	options := []string{
		"-q", "-y", "-o", "Dir::State=" + filepath.Join(dir, "state"), "-o", "Dir::State::status=" + status,
		"-o", "Dir::Cache=" + filepath.Join(dir, "cache"), "-o", "APT::Install-Recommends=no", "-o", "APT::Sandbox::User=root",
	}
	for _, command := range [][]string{{"update"}, append([]string{"install", "--download-only"}, packages()...)} {
		if out, err := exec.Command("apt-get", append(options, command...)...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("apt-get %s: %w: %s", command[0], err, out)
		}
	}
	return filepath.Glob(filepath.Join(dir, "cache/archives/*.deb"))
}
