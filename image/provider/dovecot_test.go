package provider

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/debroot"
)

const root = "../.." // of the module

// skip says why a test can't be run here.
func skip(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("SANDUK_SYSTEM") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf("SKIPPED: "+format, args...)
}

// dovecot is the running server.
type dovecot struct {
	root      string
	imap, pop uint16 // TLS from the first byte
	ca        []byte // PEM
	roots     *x509.CertPool
}

// data are the directories, below the root, with what the server leaves.
func data() []string {
	return []string{"var/vmail", "var/log", "var/lib/dovecot", "run", "etc/dovecot"}
}

// startDovecot starts the server in namespaces of its own, with empty mailboxes.
func startDovecot(t *testing.T) *dovecot {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: it takes long")
	}
	if os.Geteuid() != 0 {
		skip(t, "Dovecot needs root to start")
	}
	dir, err := debroot.Unpack(t.Context(), root, "provider")
	if err != nil {
		skip(t, "%v", err)
	}
	d := &dovecot{root: dir, imap: freePort(t), pop: freePort(t)}
	for _, name := range data() {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d.certify(t)
	start, err := os.ReadFile("testdata/start")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "start"), start, 0o755); err != nil {
		t.Fatal(err)
	}
	// The shell stays the first process of its namespace: when it is killed with its parent, all others end.
	var said bytes.Buffer
	cmd := exec.Command("unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "sh", "-c",
		`mount --rbind /dev "$1/dev" && { chroot "$1" /bin/sh /start "$2" "$3" & wait; }`, "sh", dir, strconv.Itoa(int(d.imap)), strconv.Itoa(int(d.pop)))
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		skip(t, "%v", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-ended
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(dir, "var/log/dovecot.log"))
			t.Logf("Dovecot said %s\n%s", said.String(), log[max(0, len(log)-4000):])
		}
	})
	d.wait(t, ended)
	return d
}

// startTime is more than a busy machine needs.
const startTime = time.Minute

func (d *dovecot) wait(t *testing.T, ended <-chan struct{}) {
	t.Helper()
	for until := time.Now().Add(startTime); ; {
		conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", d.imap), &tls.Config{RootCAs: d.roots})
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-ended:
			t.Fatal("Dovecot ended at once")
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(until) {
			t.Fatalf("Dovecot does not answer: %v", err)
		}
	}
}

func freePort(t *testing.T) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

// certify makes an authority and a certificate for 127.0.0.1.
func (d *dovecot) certify(t *testing.T) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(err)
		return k
	}
	from, to := time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	authority, authorityKey := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Provider's authority"}, NotBefore: from, NotAfter: to,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, key()
	server, serverKey := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "imap.provider.test"}, NotBefore: from, NotAfter: to,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, key()
	authorityDER, err := x509.CreateCertificate(rand.Reader, authority, authority, &authorityKey.PublicKey, authorityKey)
	must(err)
	serverDER, err := x509.CreateCertificate(rand.Reader, server, authority, &serverKey.PublicKey, authorityKey)
	must(err)
	keyDER, err := x509.MarshalECPrivateKey(serverKey)
	must(err)
	d.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authorityDER})
	d.roots = x509.NewCertPool()
	d.roots.AppendCertsFromPEM(d.ca)
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: serverDER}, "key.pem": {Type: "EC PRIVATE KEY", Bytes: keyDER}} {
		must(os.WriteFile(filepath.Join(d.root, "etc/dovecot", name), pem.EncodeToMemory(block), 0o600))
	}
}

// owner is who has the mailboxes.
const owner = 5000

// put lays a message into somebody's INBOX, as a delivery does.
func (d *dovecot) put(t *testing.T, user, name, text string) {
	t.Helper()
	box := filepath.Join(d.root, "var/vmail", user, "Maildir")
	for _, dir := range []string{"tmp", "new", "cur"} {
		if err := os.MkdirAll(filepath.Join(box, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{filepath.Dir(box), box, filepath.Join(box, "tmp"), filepath.Join(box, "new"), filepath.Join(box, "cur")} {
		if err := os.Chown(dir, owner, owner); err != nil {
			t.Fatal(err)
		}
	}
	tmp := filepath.Join(box, "tmp", name)
	if err := os.WriteFile(tmp, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(tmp, owner, owner); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, filepath.Join(box, "new", name)); err != nil {
		t.Fatal(err)
	}
}

// left counts what is in somebody's INBOX.
func (d *dovecot) left(t *testing.T, user string) (n int) {
	t.Helper()
	for _, dir := range []string{"new", "cur"} {
		list, err := os.ReadDir(filepath.Join(d.root, "var/vmail", user, "Maildir", dir))
		if err != nil {
			t.Fatal(err)
		}
		n += len(list)
	}
	return n
}
