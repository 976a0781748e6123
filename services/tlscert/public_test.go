package tlscert

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// authority is one of the world's: a root, and one between that signs.
type authority struct {
	root, between       *x509.Certificate
	rootKey, betweenKey *ecdsa.PrivateKey
}

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func issue(t testing.TB, template, parent *x509.Certificate, public, by any) *x509.Certificate {
	t.Helper()
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func newAuthority(t testing.TB) authority {
	t.Helper()
	a := authority{rootKey: ecKey(t), betweenKey: ecKey(t)}
	ca := func(name string) *x509.Certificate {
		return &x509.Certificate{
			Subject: pkix.Name{CommonName: name}, NotBefore: built.Add(-day), NotAfter: built.Add(1000 * day), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		}
	}
	root := ca("Root of the world")
	a.root = issue(t, root, root, &a.rootKey.PublicKey, a.rootKey)
	a.between = issue(t, ca("Signer of the world"), a.root, &a.betweenKey.PublicKey, a.rootKey)
	return a
}

// leaf issues a certificate; change may alter what it says.
func (a authority) leaf(t testing.TB, public any, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		DNSNames: []string{"mail.example.test"}, NotBefore: built.Add(-day), NotAfter: built.Add(90 * day), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if change != nil {
		change(template)
	}
	return issue(t, template, a.between, public, a.betweenKey)
}

func textOf(certs ...*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, cert := range certs {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	}
	return b.Bytes()
}

func keyText(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func (a authority) open(t testing.TB, fsys durable.FS, c *clock) *Certificates {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(a.root)
	certs, err := Open(Options{FS: fsys, Identity: testIdentity(), Floor: built, Now: c.now, Roots: roots})
	if err != nil {
		t.Fatal(err)
	}
	return certs
}

// shownTo is the certificate that a client sees.
func shownTo(t testing.TB, config *tls.Config, name string) *tls.Certificate {
	t.Helper()
	cert, err := config.GetCertificate(&tls.ClientHelloInfo{ServerName: name})
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// TestPublic: a certificate from elsewhere is shown for its names, until it ends, also
// after a start; servers see it once that was said; the box's own stays for the rest.
func TestPublic(t *testing.T) {
	t.Parallel()
	a, fsys, c := newAuthority(t), newFS(t), &clock{t: built.Add(time.Hour)}
	certs := a.open(t, fsys, c)
	key := ecKey(t)
	leaf := a.leaf(t, &key.PublicKey, nil)
	// Chains come in any order, and with the root.
	public, err := certs.Accept(textOf(a.root, a.between, leaf), keyText(t, key))
	if err != nil {
		t.Fatal(err)
	}
	if !certs.Believed(public) || len(public.pair.Certificate) != 2 || !bytes.Equal(public.pair.Certificate[1], a.between.Raw) {
		t.Errorf("believed: %v; a chain of %d", certs.Believed(public), len(public.pair.Certificate))
	}
	if err := certs.SetPublic(public); err != nil {
		t.Fatal(err)
	}
	own := func(config *tls.Config, name string, want bool) {
		t.Helper()
		cert := shownTo(t, config, name)
		if got := bytes.Equal(cert.Certificate[0], certs.Leaf()); got != want {
			t.Errorf("for %q its own is shown: %v, want %v", name, got, want)
		}
		if len(cert.Certificate) != 2 {
			t.Errorf("for %q %d certificates are shown, want 2", name, len(cert.Certificate))
		}
	}
	check := func(ended, servers bool) {
		t.Helper()
		own(certs.TLSConfig(), "mail.example.test", ended)
		own(certs.TLSConfig(), "mailbox.local", true)
		own(certs.TLSConfig(), "", true)
		own(certs.TLSConfig(), "nobody.example.test", ended)
		own(certs.ServerTLSConfig(), "mail.example.test", ended || !servers)
		own(certs.ServerTLSConfig(), "", ended || !servers)
		if got := bytes.Equal(certs.Shown("mail.example.test"), certs.Leaf()); got != ended {
			t.Errorf("Shown is the box's own: %v, want %v", got, ended)
		}
		if got := certs.ServersSeePublic(); got != (servers && !ended) {
			t.Errorf("ServersSeePublic = %v", got)
		}
	}
	check(false, false)
	if err := certs.ShowToServers(true); err != nil {
		t.Fatal(err)
	}
	check(false, true)
	if info, err := fsys.Stat(PublicFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s: %v, %v", PublicFile, info, err)
	}
	certs = a.open(t, fsys, c)
	check(false, true)
	c.set(built.Add(91 * day))
	check(true, true)
	c.set(built.Add(time.Hour))
	if err := certs.RemovePublic(); err != nil {
		t.Fatal(err)
	}
	if certs.Public() != nil || certs.RemovePublic() != nil {
		t.Error("it can't be removed, or not twice")
	}
	if _, err := fsys.Stat(PublicFile); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its file: %v", err)
	}
	own(certs.TLSConfig(), "mail.example.test", true)
}

// TestPublicDamaged: the box's own is shown, and somebody is told.
func TestPublicDamaged(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "hello", strings.Repeat("x", maxFile+1)} {
		fsys, c := newFS(t), &clock{t: built}
		certs := open(t, fsys, c)
		for _, name := range []string{PublicFile, SettingsFile} {
			if err := os.WriteFile(fsys.Path(name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if certs.Damaged() {
			t.Error("damaged before it was")
		}
		certs = open(t, fsys, c)
		if !certs.Damaged() || certs.Public() != nil || certs.ServersSeePublic() {
			t.Errorf("%.10q: damaged %v, certificate %v", text, certs.Damaged(), certs.Public())
		}
		if _, err := shake(t, certs, "mailbox.local", c.now()); err != nil {
			t.Errorf("%.10q: handshake: %v", text, err)
		}
	}
}

// TestAcceptRefuses: what is wrong is said in words, at its field.
func TestAcceptRefuses(t *testing.T) {
	t.Parallel()
	a, c := newAuthority(t), &clock{t: built.Add(time.Hour)}
	certs := a.open(t, newFS(t), c)
	key := ecKey(t)
	whole := func(change func(*x509.Certificate)) []byte {
		return textOf(a.leaf(t, &key.PublicKey, change), a.between)
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	_, odd, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	endedSigner := issue(t, &x509.Certificate{Subject: a.between.Subject, NotBefore: built.Add(-9 * day), NotAfter: built.Add(-day), IsCA: true, BasicConstraintsValid: true}, a.root, &a.betweenKey.PublicKey, a.rootKey)
	good, mine := whole(nil), keyText(t, key)
	var many []*x509.Certificate
	for range maxChain + 1 {
		many = append(many, a.leaf(t, &key.PublicKey, nil))
	}
	for _, test := range []struct {
		name       string
		chain, key []byte
		field, say string
	}{
		{"nothing", nil, nil, "certificate", "no certificate in this file"},
		{"no key", good, nil, "key", "no private key"},
		{"another's key", good, keyText(t, ecKey(t)), "key", "does not belong"},
		{"the chain alone", textOf(a.between), mine, "key", "does not belong"},
		{"locked key", good, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}), "key", "passphrase"},
		{"damaged key", good, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}), "key", "damaged"},
		{"damaged certificate", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), mine, "certificate", "damaged"},
		{"short key", textOf(a.leaf(t, &short.PublicKey, nil)), keyText(t, short), "key", "1024 bits"},
		{"odd key", textOf(a.leaf(t, odd.Public(), nil)), keyText(t, odd), "key", "this kind of key"},
		{"other names", whole(func(l *x509.Certificate) { l.DNSNames = []string{"www.example.test"} }), mine, "certificate", "is for www.example.test, not for mail.example.test"},
		{"ended", whole(func(l *x509.Certificate) { l.NotAfter = built }), mine, "certificate", "has ended on 22 November 2026"},
		{"not yet", whole(func(l *x509.Certificate) { l.NotBefore = built.Add(2 * day) }), mine, "certificate", "begins on"},
		{"of a person", whole(func(l *x509.Certificate) { l.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} }), mine, "certificate", "not for a server"},
		{"an authority", textOf(a.root), keyText(t, a.rootKey), "certificate", "of an authority"},
		{"ended chain", textOf(a.leaf(t, &key.PublicKey, nil), endedSigner), mine, "certificate", "Signer of the world"},
		{"too many", textOf(many...), mine, "certificate", "more than"},
		{"too large", bytes.Repeat([]byte("x"), MaxText+1), mine, "certificate", "too large"},
		{"too large a key", good, bytes.Repeat([]byte("x"), MaxText+1), "key", "too large"},
	} {
		_, err := certs.Accept(test.chain, test.key)
		var rule *mail.RuleError
		if !errors.As(err, &rule) || rule.Field != test.field || !strings.Contains(rule.Text, test.say) {
			t.Errorf("%s: %v; want %q at %s", test.name, err, test.say, test.field)
		}
	}
	// The key with the certificate, and one that nobody believes: an office's own.
	public, err := newAuthority(t).upload(t, certs)
	if err != nil || certs.Believed(public) {
		t.Errorf("a certificate of an authority of the office's: %v, believed %v", err, certs.Believed(public))
	}
}

func (a authority) upload(t testing.TB, certs *Certificates) (*Public, error) {
	key := ecKey(t)
	return certs.Accept(append(textOf(a.leaf(t, &key.PublicKey, nil), a.between), keyText(t, key)...), nil)
}

// FuzzAccept: any text is refused or is a certificate that a handshake can show.
func FuzzAccept(f *testing.F) {
	a := newAuthority(f)
	key := ecKey(f)
	f.Add(textOf(a.leaf(f, &key.PublicKey, nil), a.between), keyText(f, key))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n"), []byte("-----BEGIN EC PRIVATE KEY-----\nDEK-Info: x\n\n"))
	certs := a.open(f, newFS(f), &clock{t: built.Add(time.Hour)})
	f.Fuzz(func(t *testing.T, chain, key []byte) {
		public, err := certs.Accept(chain, key)
		if err == nil && (public.Leaf() == nil || len(public.pair.Certificate) == 0 || len(public.pair.Certificate) > maxChain) {
			t.Errorf("accepted: %+v", public.pair)
		}
	})
}
