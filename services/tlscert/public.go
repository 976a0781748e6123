package tlscert

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// PublicFile holds the certificate that somebody else has signed, with its key and
// chain.
const PublicFile = "private/public.pem"

// Public is a certificate that somebody else has signed. It is not changed once made.
type Public struct{ pair *tls.Certificate }

// Leaf is the certificate itself.
func (p *Public) Leaf() *x509.Certificate { return p.pair.Leaf }

// KeySum is the SHA-256 of the public key, as TLSA records with "3 1 1" have it (RFC
// 6698 §2.1).
func (p *Public) KeySum() [sha256.Size]byte {
	return sha256.Sum256(p.pair.Leaf.RawSubjectPublicKeyInfo)
}

// Fingerprint is the certificate's.
func (p *Public) Fingerprint() Fingerprint { return fingerprint(p.pair) }

// Public is the certificate from elsewhere; nil if there is none.
func (c *Certificates) Public() *Public { return c.public.Load() }

// Believed reports whether computers that know nothing of the box believe the
// certificate now, for the box's first name.
func (c *Certificates) Believed(p *Public) bool {
	if p == nil {
		return false
	}
	c.mu.Lock()
	names := c.identity.Names
	c.mu.Unlock()
	options := x509.VerifyOptions{Roots: c.roots, Intermediates: x509.NewCertPool(), CurrentTime: c.clock()}
	if len(names) > 0 {
		options.DNSName = names[0]
	}
	for _, der := range p.pair.Certificate[1:] {
		if between, err := x509.ParseCertificate(der); err == nil {
			options.Intermediates.AddCert(between)
		}
	}
	_, err := p.pair.Leaf.Verify(options)
	return err == nil
}

// SetPublic takes a certificate from elsewhere into use. When it returns nil the
// certificate is durable, and handshakes from now on show it. Servers that bring mail
// see it once ShowToServers says so.
func (c *Certificates) SetPublic(p *Public) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := writeChain(c.fs, PublicFile, p.pair); err != nil {
		return err
	}
	c.public.Store(p)
	c.log.Info("certificate from elsewhere taken into use", "names", p.pair.Leaf.DNSNames, "issuer", p.pair.Leaf.Issuer.String(),
		"fingerprint", p.Fingerprint().String(), "until", p.pair.Leaf.NotAfter)
	return nil
}

// RemovePublic goes back to the box's own certificate. That there is no other is no
// error.
func (c *Certificates) RemovePublic() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.fs.Remove(PublicFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("tlscert: remove certificate: %w", err)
	}
	if err := c.fs.SyncDir(path.Dir(PublicFile)); err != nil {
		return fmt.Errorf("tlscert: remove certificate: %w", err)
	}
	c.public.Store(nil)
	c.log.Info("certificate from elsewhere removed")
	return nil
}

// readPublic is for Open. A damaged one is as good as none: the box's own is shown, and
// the administrator is told.
func (c *Certificates) readPublic() error {
	data, err := durable.ReadFile(c.fs, PublicFile, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, durable.ErrTooLarge):
		c.damaged.Store(true)
	case err != nil:
		return fmt.Errorf("tlscert: open: %w", err)
	}
	pair, err := tls.X509KeyPair(data, data)
	if err != nil {
		c.log.Error("certificate from elsewhere is damaged, the box shows its own", "err", err)
		c.damaged.Store(true)
		return nil
	}
	c.public.Store(&Public{&pair})
	return nil
}

// Damaged reports that there was a certificate from elsewhere whose file can't be read
// any more.
func (c *Certificates) Damaged() bool { return c.damaged.Load() && c.public.Load() == nil }

// ShowToServers says which certificate servers that bring mail (port 25) see: that from
// elsewhere, or the box's own. Unlike programs they may go by a key that stands in DNS
// (DANE): whoever calls this has looked there. It is durable when it returns nil.
func (c *Certificates) ShowToServers(public bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.toServers.Load() == public {
		return nil
	}
	if err := c.writeSettings(settings{Servers: public}); err != nil {
		return err
	}
	c.toServers.Store(public)
	c.log.Info("servers that bring mail see another certificate", "from_elsewhere", public)
	return nil
}

// ServersSeePublic reports whether they see that from elsewhere now.
func (c *Certificates) ServersSeePublic() bool {
	_, own := c.choose("", true)
	return !own
}

// choose is the certificate for who asks for a name, and whether it is the box's own;
// "" is nobody's, as of whoever comes by address. One that has ended is not shown:
// whoever has the box's authority installed still believes the box's own.
func (c *Certificates) choose(name string, server bool) (cert *tls.Certificate, own bool) {
	leaf, public := c.leaf.Load(), c.public.Load()
	switch {
	case public == nil || !suits(public.pair.Leaf, c.clock(), 0):
		return leaf, true
	case server && !c.toServers.Load():
		return leaf, true
	case server:
		return public.pair, false
	case name == "":
		return leaf, true // no authority signs 192.168.1.20
	case public.pair.Leaf.VerifyHostname(name) != nil && leaf.Leaf.VerifyHostname(name) == nil:
		return leaf, true // mailbox.local
	}
	return public.pair, false
}

// writeChain makes a key with its chain durable, in one step.
func writeChain(fsys durable.FS, name string, pair *tls.Certificate) error {
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return fmt.Errorf("tlscert: write %s: %w", name, err)
	}
	blocks := []pem.Block{{Type: "PRIVATE KEY", Bytes: key}}
	for _, der := range pair.Certificate {
		blocks = append(blocks, pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	var file bytes.Buffer
	for _, block := range blocks {
		if err := pem.Encode(&file, &block); err != nil {
			return fmt.Errorf("tlscert: write %s: %w", name, err)
		}
	}
	if err := durable.ReplaceBytes(fsys, name, 0o600, file.Bytes()); err != nil {
		return fmt.Errorf("tlscert: write %s: %w", name, err)
	}
	return nil
}
