package office

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/issuance"
	"github.com/sanduk-mail/sanduk/services/zone"
)

// openIssuance opens what gets certificates by itself.
func (o *Office) openIssuance() (err error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: o.options.Outgoing.Roots}
	o.issuance, err = issuance.Open(issuance.Options{
		FS: o.keeping(o.files), Names: o.certified, Current: o.publicLeaf, Take: o.takeIssued, Published: o.isPublished, Ready: o.untilSure,
		Client: &http.Client{Transport: transport}, Log: o.log.With("protocol", "acme"),
	})
	if err != nil {
		return fmt.Errorf("office: open issuance: %w", err)
	}
	return nil
}

// publicLeaf is the certificate from elsewhere; nil if there is none.
func (o *Office) publicLeaf() *x509.Certificate {
	if public := o.certs.Public(); public != nil {
		return public.Leaf()
	}
	return nil
}

// certified are the names to get a certificate for: the box's own, and where the
// authority asks the box itself, those for its domains that lead to the same addresses.
func (o *Office) certified(ctx context.Context, m issuance.Method) []string {
	names := []string{o.hostname()}
	if m != issuance.HTTP {
		return names
	}
	dns := published{o}.dns()
	where := func(name string) []netip.Addr {
		answer, err := dns.Addresses(ctx, name)
		if err != nil {
			return nil
		}
		return slices.SortedFunc(slices.Values(answer.Records), netip.Addr.Compare)
	}
	own := where(names[0])
	if len(own) == 0 {
		return names
	}
	for _, name := range o.foundNames() {
		if slices.Equal(where(name), own) {
			names = append(names, name)
		}
	}
	return names
}

// takeIssued has the box show what was issued, checked like what is uploaded.
func (o *Office) takeIssued(chain [][]byte, key *ecdsa.PrivateKey) error {
	var text bytes.Buffer
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	blocks := []pem.Block{{Type: "PRIVATE KEY", Bytes: der}}
	for _, cert := range chain {
		blocks = append(blocks, pem.Block{Type: "CERTIFICATE", Bytes: cert})
	}
	for i := range blocks {
		if err := pem.Encode(&text, &blocks[i]); err != nil {
			return err
		}
	}
	public, err := o.certs.Accept(text.Bytes(), nil)
	if err != nil {
		return err
	}
	if err := o.certs.SetPublic(public); err != nil {
		return err
	}
	o.weighSoon()
	return nil
}

// isPublished reports whether DNS shows a record that proves a name.
func (o *Office) isPublished(ctx context.Context, p issuance.Proof) bool {
	ctx, cancel := context.WithTimeout(ctx, weighTime)
	defer cancel()
	answer, err := published{o}.dns().TXT(ctx, p.Name)
	return err == nil && slices.Contains(answer.Records, p.Value)
}

// proofs are the records that an authority waits for, as the DNS assistant shows them.
func (o *Office) proofs() (list []zone.Proof) {
	for _, p := range o.issuance.Proofs() {
		list = append(list, zone.Proof(p))
	}
	return list
}

// warnBefore is how long before a certificate's end somebody is told.
func (o *Office) warnBefore(leaf *x509.Certificate) time.Duration {
	if o.issuance.State().Settings.Directory == "" {
		return certificateSoon
	}
	return min(renewalSoon, leaf.NotAfter.Sub(leaf.NotBefore)/6)
}

// renewalToDo is what to do about a certificate that ends: the box tries to renew it
// itself, or other is what to do.
func (o *Office) renewalToDo(other string) string {
	s := o.issuance.State()
	switch {
	case s.Settings.Directory == "":
		return other
	case len(s.Proofs) > 0:
		return "Publish the record " + s.Proofs[0].Name + " in DNS, which stands under Your domain: the box renews its certificate then."
	case s.Problem != "":
		return "The box could not renew it: " + s.Problem + ". See under Box, Certificates."
	}
	return "The box renews it by itself. If it has not within a day, see under Box, Certificates."
}

// Issuance is how getting certificates goes.
func (b boxCertificate) Issuance() issuance.State { return b.o.issuance.State() }

// SetIssuance has certificates got. For an authority that asks the box itself its one
// path is opened to the world.
func (b boxCertificate) SetIssuance(ctx context.Context, s issuance.Settings) error {
	if b.o.onlyRead != nil {
		return b.o.onlyRead
	}
	if err := b.o.issuance.Set(s); err != nil {
		return err
	}
	a := b.o.directory.Admission()
	if s.Method != issuance.HTTP || a.Paths {
		return nil
	}
	a.Paths = true
	return b.o.directory.SetAdmission(ctx, a)
}

// EndIssuance has none got any more; the certificate stays until it ends.
func (b boxCertificate) EndIssuance() error {
	if b.o.onlyRead != nil {
		return b.o.onlyRead
	}
	return b.o.issuance.End()
}

// TryIssuance has it tried now.
func (b boxCertificate) TryIssuance() { b.o.issuance.Try() }
