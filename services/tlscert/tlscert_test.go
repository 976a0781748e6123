package tlscert

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// clock is set by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }

func (c *clock) set(t time.Time) { c.mu.Lock(); defer c.mu.Unlock(); c.t = t }

var built = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

func testIdentity() Identity {
	return Identity{
		Names:     []string{"mail.example.test", "Mailbox.local.", "mail.example.test", "not a name", ""},
		Addresses: []netip.Addr{netip.MustParseAddr("192.168.1.20"), netip.MustParseAddr("::ffff:10.0.0.1"), netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("2001:db8::1")},
	}
}

func open(t testing.TB, fs durable.FS, c *clock) *Certificates {
	t.Helper()
	certs, err := Open(Options{FS: fs, Identity: testIdentity(), Floor: built, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return certs
}

func newFS(t testing.TB) *durable.OS {
	t.Helper()
	fs, err := durable.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fs.Close() })
	return fs
}

// shake makes a handshake as a client at the given time does, and returns what
// the client saw.
func shake(t testing.TB, certs *Certificates, name string, at time.Time) (tls.ConnectionState, error) {
	t.Helper()
	ca, err := x509.ParseCertificate(certs.CA())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	// Not net.Pipe: both sides may write at once, which needs buffers between.
	listener, err := tls.Listen("tcp", "127.0.0.1:0", certs.TLSConfig("h2"))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err == nil {
			_ = conn.(*tls.Conn).Handshake() // the client's verdict is what counts
			_ = conn.Close()
		}
	}()
	defer func() { _ = listener.Close(); <-done }()
	conn, err := tls.Dial("tcp", listener.Addr().String(), &tls.Config{ServerName: name, RootCAs: roots, Time: func() time.Time { return at }, NextProtos: []string{"h2"}})
	if err != nil {
		return tls.ConnectionState{}, err
	}
	return conn.ConnectionState(), conn.Close()
}

func TestHandshake(t *testing.T) {
	t.Parallel()
	c := &clock{t: built.Add(time.Hour)}
	certs := open(t, newFS(t), c)
	for _, name := range []string{"mail.example.test", "mailbox.local", "192.168.1.20", "10.0.0.1", "2001:db8::1"} {
		state, err := shake(t, certs, name, c.now())
		if err != nil {
			t.Errorf("handshake for %s: %v", name, err)
			continue
		}
		if state.NegotiatedProtocol != "h2" || state.Version != tls.VersionTLS13 {
			t.Errorf("handshake for %s: protocol %q, version %x", name, state.NegotiatedProtocol, state.Version)
		}
	}
	for _, name := range []string{"example.test", "192.168.1.21", "fe80::1"} {
		if _, err := shake(t, certs, name, c.now()); err == nil {
			t.Errorf("handshake for %s succeeded", name)
		}
	}
	// A client whose clock is a day behind.
	if _, err := shake(t, certs, "mailbox.local", c.now().Add(-24*time.Hour)); err != nil {
		t.Errorf("handshake yesterday: %v", err)
	}
	if got := certs.TLSConfig().MinVersion; got != tls.VersionTLS12 {
		t.Errorf("MinVersion = %x, want TLS 1.2", got)
	}
}

func TestShape(t *testing.T) {
	t.Parallel()
	certs := open(t, newFS(t), &clock{t: built})
	ca, err := x509.ParseCertificate(certs.CA())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(certs.Leaf())
	if err != nil {
		t.Fatal(err)
	}
	if !ca.IsCA || !ca.MaxPathLenZero || !strings.HasPrefix(ca.Subject.CommonName, "Sanduk mail box CA ") {
		t.Errorf("authority: CA %v, path length zero %v, name %q", ca.IsCA, ca.MaxPathLenZero, ca.Subject.CommonName)
	}
	if life := ca.NotAfter.Sub(ca.NotBefore); life < caLife {
		t.Errorf("the authority lives for %v, want ten years", life)
	}
	if leaf.IsCA || leaf.Subject.CommonName != "mail.example.test" {
		t.Errorf("leaf: CA %v, name %q", leaf.IsCA, leaf.Subject.CommonName)
	}
	if life := leaf.NotAfter.Sub(leaf.NotBefore) + time.Second; life > leafLife {
		t.Errorf("the leaf lives for %v, want at most 397 days", life)
	}
	if leaf.SerialNumber.Sign() <= 0 || leaf.SerialNumber.BitLen() > 159 {
		t.Errorf("serial number %v", leaf.SerialNumber)
	}
}

func TestReopenKeeps(t *testing.T) {
	t.Parallel()
	fs, c := newFS(t), &clock{t: built}
	first := open(t, fs, c)
	again := open(t, fs, c)
	if !bytes.Equal(first.CA(), again.CA()) || !bytes.Equal(first.Leaf(), again.Leaf()) {
		t.Error("opening again made other certificates")
	}
	for _, name := range []string{CAFile, LeafFile} {
		info, err := fs.Stat(name)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v; want 0600", name, info.Mode(), err)
		}
	}
}

func TestIdentityChanges(t *testing.T) {
	t.Parallel()
	fs, c := newFS(t), &clock{t: built}
	certs := open(t, fs, c)
	ca, leaf := certs.CA(), certs.Leaf()
	id := testIdentity()
	id.Addresses[0], id.Addresses[1] = id.Addresses[1], id.Addresses[0]
	if err := certs.SetIdentity(id); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(leaf, certs.Leaf()) {
		t.Error("another order of addresses made another certificate")
	}
	fewer := id
	fewer.Addresses = id.Addresses[:1]
	if err := certs.SetIdentity(fewer); err != nil || !bytes.Equal(leaf, certs.Leaf()) {
		t.Errorf("an address that went made another certificate (%v)", err)
	}
	more := id
	more.Addresses = append(slices.Clone(id.Addresses), netip.MustParseAddr("192.0.2.99"))
	if err := certs.SetIdentity(more); err != nil || bytes.Equal(leaf, certs.Leaf()) {
		t.Errorf("a new address made no other certificate (%v)", err)
	}
	id.Names[0] = "post.example.test"
	if err := certs.SetIdentity(id); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(leaf, certs.Leaf()) {
		t.Error("another name made no other certificate")
	}
	if !bytes.Equal(ca, certs.CA()) {
		t.Error("another name made another authority")
	}
	if _, err := shake(t, certs, "post.example.test", c.now()); err != nil {
		t.Errorf("handshake for the new name: %v", err)
	}
	if err := certs.SetIdentity(Identity{}); err != nil {
		t.Errorf("SetIdentity of nothing = %v", err)
	}
}

func TestRenewal(t *testing.T) {
	t.Parallel()
	fs, c := newFS(t), &clock{t: built}
	certs := open(t, fs, c)
	ca, leaf := certs.CA(), certs.Leaf()
	step := func(at time.Duration, newLeaf, newCA bool) {
		t.Helper()
		c.set(built.Add(at))
		if err := certs.Renew(); err != nil {
			t.Fatal(err)
		}
		if got := !bytes.Equal(leaf, certs.Leaf()); got != newLeaf {
			t.Errorf("after %v days the leaf is new: %v, want %v", int(at/day), got, newLeaf)
		}
		if got := !bytes.Equal(ca, certs.CA()); got != newCA {
			t.Errorf("after %v days the authority is new: %v, want %v", int(at/day), got, newCA)
		}
		if _, err := shake(t, certs, "mailbox.local", c.now()); err != nil {
			t.Errorf("after %v days: handshake: %v", int(at/day), err)
		}
		leaf, ca = certs.Leaf(), certs.CA()
	}
	step(300*day, false, false)
	step(364*day, false, false)
	step(366*day, true, false)
	step(7*365*day, true, false)
	old, err := x509.ParseCertificate(ca)
	if err != nil {
		t.Fatal(err)
	}
	step(9*365*day, true, true)
	// Whoever has only the old authority still believes what the new one signed.
	renewed, err := x509.ParseCertificate(certs.Leaf())
	if err != nil {
		t.Fatal(err)
	}
	if err := renewed.CheckSignatureFrom(old); err != nil {
		t.Errorf("the old authority does not vouch for the new leaf: %v", err)
	}
}

// A box whose clock stands in 2011 makes certificates that are good when the
// software was built, and new ones when the clock has been set.
func TestClockIsWrong(t *testing.T) {
	t.Parallel()
	fs, c := newFS(t), &clock{t: time.Date(2011, 1, 1, 0, 0, 0, 0, time.UTC)}
	certs := open(t, fs, c)
	if _, err := shake(t, certs, "mailbox.local", built.Add(100*day)); err != nil {
		t.Errorf("handshake before the clock is set: %v", err)
	}
	ca := certs.CA()
	c.set(built.Add(900 * day))
	if err := certs.Renew(); err != nil {
		t.Fatal(err)
	}
	if _, err := shake(t, certs, "mailbox.local", c.now()); err != nil {
		t.Errorf("handshake after the clock is set: %v", err)
	}
	if !bytes.Equal(ca, certs.CA()) {
		t.Error("setting the clock made another authority")
	}
	// And back, as after a restart without the network.
	c.set(time.Date(2011, 1, 1, 0, 0, 0, 0, time.UTC))
	if err := certs.Renew(); err != nil {
		t.Fatal(err)
	}
	if _, err := shake(t, certs, "mailbox.local", built.Add(day)); err != nil {
		t.Errorf("handshake after the clock went back: %v", err)
	}
}

func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	for _, name := range []string{CAFile, LeafFile} {
		for what, data := range map[string]string{"empty": "", "text": "hello", "huge": strings.Repeat("x", maxFile+1)} {
			fs, c := newFS(t), &clock{t: built}
			ca := open(t, fs, c).CA()
			if err := os.WriteFile(fs.Path(name), []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
			certs := open(t, fs, c)
			if _, err := shake(t, certs, "mailbox.local", c.now()); err != nil {
				t.Errorf("%s %s: handshake: %v", what, name, err)
			}
			if kept := bytes.Equal(ca, certs.CA()); kept != (name == LeafFile) {
				t.Errorf("%s %s: the authority was kept: %v", what, name, kept)
			}
		}
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	fs := newFS(t)
	synctest.Test(t, func(t *testing.T) {
		certs, err := Open(Options{FS: fs, Identity: testIdentity()})
		if err != nil {
			t.Fatal(err)
		}
		leaf := certs.Leaf()
		ctx, cancel := context.WithCancel(t.Context())
		go certs.Run(ctx)
		time.Sleep(300 * day) // of the bubble's time
		synctest.Wait()
		if !bytes.Equal(leaf, certs.Leaf()) {
			t.Error("the certificate was renewed after 300 days")
		}
		time.Sleep(66 * day)
		synctest.Wait()
		if bytes.Equal(leaf, certs.Leaf()) {
			t.Error("the certificate was not renewed after 366 days")
		}
		cancel()
		synctest.Wait()
	})
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	certs := open(t, newFS(t), &clock{t: built})
	if got, want := certs.Fingerprint(), Fingerprint(sha256.Sum256(certs.Leaf())); got != want {
		t.Errorf("Fingerprint = %v, want %v", got, want)
	}
	f := Fingerprint{0x7f, 0, 0, 1, 63, 84, 220, 193, 0xff, 0xff}
	if got, want := f.Words(), "lusab-babad-gutih-tugad-zuzuz"; got != want {
		t.Errorf("Words = %q, want %q", got, want)
	}
	if got := f.String(); !strings.HasPrefix(got, "7F:00:00:01:3F:") || len(got) != 95 {
		t.Errorf("String = %q", got)
	}
	if certs.Fingerprint() == certs.CAFingerprint() {
		t.Error("leaf and authority have the same fingerprint")
	}
}
