package peertest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// peer is another server, in a place and a root of its own.
type peer struct {
	name  string // also of its domain, below test
	addr  string // where it offers STARTTLS
	plain string // where it does not
	down  string // what it listens on, too, and does not have at first
	lacks []string
	root  string
}

// peers are those that there are, with what they can't do. OpenSMTPD 6.8 has no SMTPUTF8. It keeps private keys in a
// process of their own, and the one that speaks TLS asks there by methods that it gives a copy of the key; OpenSSL 3 takes
// no notice of the copy, and every handshake ends with "missing private key" in smtpd -v, with RSA, with ECDSA, in TLS
// 1.2 and 1.3, with s_client as with us (OpenSMTPD's issue 1171, mended after 6.8 by its pull request 1208, which Debian
// 12 has not). So it shows what becomes of mail to a server with broken TLS.
func peers() []*peer {
	return []*peer{
		{name: "postfix", addr: "192.0.2.25", plain: "192.0.2.125", down: "192.0.2.225"},
		{name: "exim", addr: "192.0.2.26", plain: "192.0.2.126", down: "192.0.2.226"},
		{name: "opensmtpd", addr: "192.0.2.27", plain: "192.0.2.127", down: "192.0.2.227", lacks: []string{"SMTPUTF8", "TLS"}},
	}
}

func (p *peer) can(what string) bool { return !slices.Contains(p.lacks, what) }

func (p *peer) domain() string { return p.name + ".test" }

// zone is what DNS says of the peer.
func (p *peer) zone(id identity, dkim string) string {
	bad := strings.Repeat("00", 32)
	return strings.Join([]string{
		"@ MX 10 mx", "@ TXT \"v=spf1 ip4:" + p.addr + " -all\"", "_dmarc TXT \"v=DMARC1; p=reject\"", dkim,
		"mx A " + p.addr, "mx TXT \"v=spf1 a -all\"", "mx-plain A " + p.plain, "mx-down A " + p.down, "down MX 10 mx-down", "mx-dane A " + p.addr, "mx-bad A " + p.addr, "mx-sts A " + p.addr, "mx-other A " + p.addr,
		"plain MX 10 mx-plain", "dane MX 10 mx-dane", "danebad MX 10 mx-bad", "sts MX 10 mx-sts", "stsbad MX 10 mx-other",
		"_25._tcp.mx-dane TLSA " + id.tlsa, "_25._tcp.mx-bad TLSA 3 1 1 " + bad,
		"_mta-sts.sts TXT \"v=STSv1; id=1\"", "_mta-sts.stsbad TXT \"v=STSv1; id=1\"",
		"mta-sts.sts A " + worldAddr, "mta-sts.stsbad A " + worldAddr,
	}, "\n")
}

// names are those that the peer's certificate holds for.
func (p *peer) names() []string {
	return []string{"mx." + p.domain(), "mx-dane." + p.domain(), "mx-sts." + p.domain()}
}

// place makes its network.
func (p *peer) place(t *testing.T) {
	t.Helper()
	newPlace(t, p.name, p.addr, p.plain)
	if err := in(t.Context(), p.name, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_nonlocal_bind").Run(); err != nil {
		t.Fatal(err)
	}
}

// start starts it with an empty queue and empty mailboxes, and waits until it answers.
func (p *peer) start(t *testing.T, id identity, more map[string]string) {
	t.Helper()
	for _, dir := range []string{"var/spool", "var/log", "var/peer", "var/lib/postfix", "run"} {
		if err := os.RemoveAll(filepath.Join(p.root, dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(p.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join("testdata", p.name, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no settings of %s: %v", p.name, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		p.write(t, filepath.Base(name), string(text))
	}
	for name, text := range map[string]string{"cert.pem": id.cert, "key.pem": id.key, "resolv.conf": "nameserver " + dnsAddr + "\n", "hosts": "127.0.0.1 localhost\n", "nsswitch.conf": "hosts: files dns\n"} {
		p.write(t, name, text)
	}
	for name, text := range more {
		p.write(t, name, text)
	}
	command(t, "mount", "--rbind", "/dev", filepath.Join(p.root, "dev"))
	said, err := os.Create(filepath.Join(p.root, "var/log/said")) // where all that it writes down is looked for
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	// The shell stays the first process of its namespace: when it is killed with its parent, all others end. One that
	// changed its user would have lost the link to the parent.
	cmd := in(context.Background(), p.name, "unshare", "--pid", "--fork", "--kill-child=KILL",
		"sh", "-c", `chroot "$@" & wait`, "sh", p.root, "/bin/sh", "/peer/start", worldAddr, greyAddr)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
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
			t.Logf("%s said:\n%s", p.name, p.log(t))
		}
	})
	p.ready(t, ended)
}

// write writes a file into the directory that is the peer's own.
func (p *peer) write(t *testing.T, name, text string) {
	t.Helper()
	name = filepath.Join(p.root, "peer", name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (p *peer) ready(t *testing.T, ended <-chan struct{}) {
	t.Helper()
	eventually(t, p.name+" answers", func() bool {
		select {
		case <-ended:
			t.Fatalf("%s ended at once", p.name)
		default:
		}
		conn, err := net.DialTimeout("tcp", p.addr+":25", time.Second)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
}

// found are the messages in which the token is, of all who have mail at the peer.
func (p *peer) found(t *testing.T, token string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "grep", "-rlF", token, filepath.Join(p.root, "var/peer")).Output()
	if err != nil {
		return nil // none, or one was moved just now
	}
	var list []string
	for name := range strings.Lines(string(out)) {
		name = strings.TrimSuffix(name, "\n")
		if strings.Contains(name, "/all/tmp/") {
			continue // being written
		}
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		list = append(list, string(text))
	}
	return list
}

// log is what the peer wrote down.
func (p *peer) log(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	files, _ := filepath.Glob(filepath.Join(p.root, "var/log/*"))
	more, _ := filepath.Glob(filepath.Join(p.root, "var/log/*/*"))
	for _, name := range append(files, more...) {
		if text, err := os.ReadFile(name); err == nil {
			fmt.Fprintf(&all, "%s:\n%s\n", name, text)
		}
	}
	return all.String()
}
