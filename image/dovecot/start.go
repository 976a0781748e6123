package dovecot

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sanduk-mail/sanduk/image/debroot"
)

// Owner is who has the mailboxes, as user and as group.
const Owner = 5000

// startTime is more than a busy machine needs.
const startTime = time.Minute

// Options say what is started.
type Options struct {
	Module string // the directory with go.mod
	Root   string // a root that scripts/deps lists, with Dovecot in it

	// Config is dovecot.conf; with Packaged it is what comes behind the package's own configuration, in which nobody but
	// those whom Config names can log in. The certificate and its key are /etc/dovecot/private/dovecot.{pem,key}.
	Config   string
	Packaged bool

	Answers string // the address at which it answers, over TLS from the first byte, when it is ready
}

// Server is a running Dovecot.
type Server struct {
	Root  string         // its root, as this process sees it
	CA    []byte         // its authority, PEM
	Roots *x509.CertPool // the same

	cmd   *exec.Cmd
	said  bytes.Buffer  // read when it has ended
	ended chan struct{} // closed then
}

// FreePort is a port of 127.0.0.1 that nobody listens on now.
func FreePort() (uint16, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return uint16(l.Addr().(*net.TCPAddr).Port), l.Close()
}

// Start starts the server and waits until it answers. The caller stops it.
func Start(ctx context.Context, o Options) (*Server, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("root is needed to start Dovecot")
	}
	root, err := debroot.Unpack(ctx, o.Module, o.Root)
	if err != nil {
		return nil, err
	}
	s := &Server{Root: root, ended: make(chan struct{})}
	if err := s.configure(o); err != nil {
		return nil, fmt.Errorf("configure Dovecot: %w", err)
	}
	// The shell stays the first process of its namespace: when it is killed with its parent, all others end.
	s.cmd = exec.Command("unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "sh", "-c",
		`mount --rbind /dev "$1/dev" && { chroot "$1" /usr/sbin/dovecot -F & wait; }`, "sh", root)
	s.cmd.Stdout, s.cmd.Stderr = &s.said, &s.said
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = s.cmd.Wait() // it is killed
		close(s.ended)
	}()
	if err := s.ready(o.Answers); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start Dovecot: %w: %s", err, s.Log())
	}
	return s, nil
}

// Stop ends it, with all its processes; what is in its mailboxes stays until the next Start.
func (s *Server) Stop() {
	_ = s.cmd.Process.Kill() // it may have ended
	<-s.ended
}

// Log is the end of what it said; to be asked when it has been stopped.
func (s *Server) Log() string {
	const most = 4000
	text, _ := os.ReadFile(filepath.Join(s.Root, "var/log/dovecot.log"))
	return s.said.String() + string(text[max(0, len(text)-most):])
}

// ready waits until it answers.
func (s *Server) ready(address string) error {
	for until := time.Now().Add(startTime); ; {
		conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: s.Roots})
		if err == nil {
			return conn.Close()
		}
		select {
		case <-s.ended:
			return errors.New("it ended at once")
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(until) {
			return fmt.Errorf("no answer from it: %w", err)
		}
	}
}

// configure empties what an earlier server left, and writes what this one reads: also the users that the packages'
// maintainer scripts make, and one who owns the mailboxes.
func (s *Server) configure(o Options) error {
	for _, name := range []string{"var/vmail", "var/log", "var/lib/dovecot", "var/mail", "run", "etc/dovecot", "etc/dovecot/private"} {
		dir := filepath.Join(s.Root, name)
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := os.Chown(filepath.Join(s.Root, "var/vmail"), Owner, Owner); err != nil {
		return err
	}
	file := "etc/dovecot/dovecot.conf"
	if o.Packaged {
		if err := s.packaged(); err != nil {
			return err
		}
		file = "etc/dovecot/local.conf"
	}
	files := map[string]string{
		file: o.Config,
		"etc/passwd": `root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/bin/false
dovecot:x:102:102::/usr/lib/dovecot:/bin/false
dovenull:x:103:103::/nonexistent:/bin/false
vmail:x:5000:5000::/var/vmail:/bin/false
`,
		"etc/group":         "root:x:0:\nnogroup:x:65534:\nmail:x:8:\ndovecot:x:102:\ndovenull:x:103:\nvmail:x:5000:\n",
		"etc/nsswitch.conf": "hosts: files\n",
		"etc/hosts":         "127.0.0.1 localhost\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.Root, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return s.certify()
}

// packaged copies the configuration that the packages come with, without log-in for the users of the machine.
func (s *Server) packaged() error {
	from, to := filepath.Join(s.Root, "usr/share/dovecot"), filepath.Join(s.Root, "etc/dovecot")
	for _, pattern := range []string{"*.conf", "conf.d/*"} {
		names, err := filepath.Glob(filepath.Join(from, pattern))
		if err != nil {
			return err
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			relative, err := filepath.Rel(from, name)
			if err != nil {
				return err
			}
			if err := os.MkdirAll(filepath.Dir(filepath.Join(to, relative)), 0o755); err != nil {
				return err
			}
			changed := strings.ReplaceAll(string(text), "\n!include auth-system.conf.ext", "\n")
			if err := os.WriteFile(filepath.Join(to, relative), []byte(changed), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// Empty removes its mailboxes; it has been stopped.
func (s *Server) Empty() error { return os.RemoveAll(filepath.Join(s.Root, "var/vmail")) }
