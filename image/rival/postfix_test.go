package rival

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/debroot"
)

// postfix is the running servers.
type postfix struct {
	addr    string
	signing string // where OpenDKIM signs what comes
	root    string
	sent    int // waited for so far
	stop    func()
}

// data are the directories, below the root, with what servers leave.
func data() []string {
	return []string{"var/spool/postfix", "var/vmail", "var/log", "var/lib/dovecot", "run"}
}

// startPostfix starts the servers in namespaces of their own, with an empty queue and empty mailboxes. What is for
// elsewhere goes to that port of relayHost; 0: nowhere.
func startPostfix(b *testing.B, relayPort int) *postfix {
	b.Helper()
	if os.Geteuid() != 0 {
		b.Skip("SKIPPED: Postfix needs root to start")
	}
	root, err := debroot.Unpack(b.Context(), "../..", "rival")
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
	if err := os.WriteFile(filepath.Join(root, "dkim.pem"), newKey(b), 0o600); err != nil {
		b.Fatal(err)
	}
	port, signing := freePort(b), freePort(b)
	relay := ""
	if relayPort != 0 {
		relay = fmt.Sprintf("[%s]:%d", relayHost, relayPort)
	}
	// The shell stays the first process of its namespace: when it is killed with its parent, all others end. One that
	// changed its user, as Postfix's does, would have lost the link to the parent.
	var said bytes.Buffer
	cmd := exec.Command("unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "sh", "-c",
		`mount --rbind /dev "$1/dev" && { chroot "$1" /start "$2" "$3" "$4" "$5" & wait; }`, "sh", root, port, fmt.Sprint(people), relay, signing)
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
	p := &postfix{addr: "127.0.0.1:" + port, signing: "127.0.0.1:" + signing, root: root, stop: func() {
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

// freePort is a port of 127.0.0.1 that is free now.
func freePort(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

// newKey is a key to sign with, PEM, as large as the box's.
func newKey(b *testing.B) []byte {
	b.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

// startTime is more than a busy machine needs to start both.
const startTime = time.Minute

// ready waits until it answers; the other servers have been started before it.
func (p *postfix) ready(ended <-chan struct{}) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(startTime)
	for {
		if s, err := dial(p.addr); err == nil {
			defer s.conn.Close()
			for _, socket := range []string{"private/dovecot-lmtp", "opendkim/socket"} {
				if _, err := os.Stat(filepath.Join(p.root, "var/spool/postfix", socket)); err != nil {
					return err
				}
			}
			return nil
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
