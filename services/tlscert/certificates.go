package tlscert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// Where the files are kept, relative to the data directory.
const (
	CAFile   = "private/ca.pem"
	LeafFile = "private/leaf.pem"
)

// Identity is what the box answers to. Names and addresses that a certificate
// can't carry are passed over.
type Identity struct {
	Names     []string     // DNS names in ASCII, the box's own first
	Addresses []netip.Addr // without zones
}

// maxSubjects keeps the certificate of a box with many addresses within what a
// handshake should carry.
const maxSubjects = 64

// Options are what Certificates need; FS must be given.
type Options struct {
	FS       durable.FS
	Identity Identity
	Floor    time.Time        // no clock is believed to be earlier; zero: any is
	Now      func() time.Time // nil: time.Now
	Logger   *slog.Logger     // nil: nothing is logged
	// Roots are the authorities that the world believes; nil: those of the system.
	Roots *x509.CertPool
}

// Certificates are the box's own. See the package comment.
type Certificates struct {
	fs    durable.FS
	now   func() time.Time
	floor time.Time
	log   *slog.Logger

	roots *x509.CertPool

	ca        atomic.Pointer[tls.Certificate]
	leaf      atomic.Pointer[tls.Certificate]
	public    atomic.Pointer[Public] // nil: there is none
	damaged   atomic.Bool            // there was one, in a file that can't be read
	toServers atomic.Bool            // port 25 shows it

	mu       sync.Mutex // one at a time makes certificates
	identity Identity   // guarded by mu
}

// Open reads the certificates, and makes those that are missing or don't suit
// the identity or the time.
func Open(o Options) (*Certificates, error) {
	c := &Certificates{fs: o.FS, now: o.Now, floor: o.Floor, log: o.Logger, identity: o.Identity.normal(), roots: o.Roots}
	if c.now == nil {
		c.now = time.Now
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if err := durable.MkdirAllSync(c.fs, path.Dir(CAFile), 0o700); err != nil {
		return nil, fmt.Errorf("tlscert: open: %w", err)
	}
	ca, err := readPair(c.fs, CAFile)
	switch {
	case errors.Is(err, errPair):
		c.log.Error("certificate authority is damaged, a new one is made", "err", err)
		if err := c.setAside(); err != nil {
			return nil, err
		}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("tlscert: open: %w", err)
	case err == nil:
		c.ca.Store(ca)
	}
	leaf, err := readPair(c.fs, LeafFile)
	if err == nil {
		c.leaf.Store(leaf)
	} else if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errPair) {
		return nil, fmt.Errorf("tlscert: open: %w", err)
	}
	if err := c.readPublic(); err != nil {
		return nil, err
	}
	kept, err := c.readSettings()
	if err != nil {
		return nil, err
	}
	c.toServers.Store(kept.Servers)
	return c, c.Renew()
}

func (c *Certificates) setAside() error {
	if err := c.fs.Rename(CAFile, CAFile+".damaged"); err != nil {
		return fmt.Errorf("tlscert: set damaged authority aside: %w", err)
	}
	return nil // durable with the new one's name, in the same directory
}

// SetIdentity says what the box answers to from now on. When it returns nil the
// certificate is made for it, durable and in use.
func (c *Certificates) SetIdentity(identity Identity) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.identity = identity.normal()
	return c.renew()
}

// Renew makes anew what is about to end, or doesn't suit the clock. Call it when
// the clock has been set; Run calls it now and then. It does nothing when all is
// well.
func (c *Certificates) Renew() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.renew()
}

// Run renews in time, until ctx ends.
func (c *Certificates) Run(ctx context.Context) {
	// Often enough that a clock that was set without anybody's saying so is
	// noticed soon; looking costs nothing.
	const every = time.Hour
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := c.Renew(); err != nil {
				c.log.Error("certificate could not be renewed", "err", err)
			}
		}
	}
}

// clock is the time to make certificates for.
func (c *Certificates) clock() time.Time {
	now := c.now()
	if now.Before(c.floor) {
		return c.floor
	}
	return now
}

// renew has mu.
func (c *Certificates) renew() error {
	now := c.clock()
	ca := c.ca.Load()
	if ca == nil || !suits(ca.Leaf, now, caRenewal) {
		made, err := makeCA(ca, now)
		if err != nil {
			return err
		}
		if err := writePair(c.fs, CAFile, made); err != nil {
			return err
		}
		c.ca.Store(made)
		ca = made
		c.log.Info("certificate authority made", "fingerprint", fingerprint(ca).String(), "until", ca.Leaf.NotAfter)
	}
	leaf := c.leaf.Load()
	if leaf != nil && suits(leaf.Leaf, now, leafRenewal) && leaf.Leaf.CheckSignatureFrom(ca.Leaf) == nil && c.identity.coveredBy(leaf.Leaf) {
		return nil
	}
	made, err := makeLeaf(ca, c.identity, now)
	if err != nil {
		return err
	}
	if err := writePair(c.fs, LeafFile, made); err != nil {
		return err
	}
	c.leaf.Store(made)
	c.log.Info("certificate made", "names", made.Leaf.DNSNames, "addresses", made.Leaf.IPAddresses,
		"fingerprint", fingerprint(made).String(), "until", made.Leaf.NotAfter)
	return nil
}

// normal brings an identity into the order in which it stands in a certificate.
func (id Identity) normal() Identity {
	var n Identity
	for _, name := range id.Names {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if validName(name) && !slices.Contains(n.Names, name) && len(n.Names) < maxSubjects {
			n.Names = append(n.Names, name)
		}
	}
	for _, addr := range id.Addresses {
		addr = addr.Unmap()
		if addr.IsValid() && addr.Zone() == "" && !addr.IsUnspecified() && !slices.Contains(n.Addresses, addr) {
			n.Addresses = append(n.Addresses, addr)
		}
	}
	// The order in which interfaces are listed must not make a new certificate.
	slices.SortFunc(n.Addresses, netip.Addr.Compare)
	n.Addresses = n.Addresses[:min(len(n.Addresses), maxSubjects)]
	return n
}

// validName keeps what can't stand in a dNSName out, which would make the whole
// certificate unreadable.
func validName(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
		}) {
			return false
		}
	}
	return true
}

// TLSConfig is for servers. protocols are those of ALPN, none for mail.
// TLS 1.2 is the oldest version allowed (RFC 8996); cipher suites, curves and
// session tickets are crypto/tls's own choice, which follows what is known.
func (c *Certificates) TLSConfig(protocols ...string) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.GetCertificate, NextProtos: protocols}
}

// ServerTLSConfig is for port 25, where other servers come: see ShowToServers.
func (c *Certificates) ServerTLSConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return c.chained(c.choose(hello.ServerName, true)), nil
	}}
}

// GetCertificate is for tls.Config: the current certificate, that from elsewhere for
// the names that it has, else the box's own.
func (c *Certificates) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.chained(c.choose(hello.ServerName, false)), nil
}

// chained is what goes over the line. The authority's certificate goes with the box's
// own, by which servers that ask DNS for it (DANE-TA) know the box: RFC 7671 §5.2.2
// wants it in the chain.
func (c *Certificates) chained(cert *tls.Certificate, own bool) *tls.Certificate {
	if !own {
		return cert
	}
	pair := *cert
	pair.Certificate = [][]byte{pair.Certificate[0], c.CA()}
	return &pair
}

// Shown is the certificate, in DER, that a client sees that asks for a name (of TLS,
// server_name; "" for none) anywhere but at port 25.
func (c *Certificates) Shown(name string) []byte {
	cert, _ := c.choose(name, false)
	return cert.Certificate[0]
}

// CA is the authority's certificate in DER, for people to install.
func (c *Certificates) CA() []byte { return c.ca.Load().Certificate[0] }

// Leaf is the box's own certificate in DER, which those see who come by its address.
func (c *Certificates) Leaf() []byte { return c.leaf.Load().Certificate[0] }
