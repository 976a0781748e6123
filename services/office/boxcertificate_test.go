package office

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/issuance"
	"github.com/sanduk-mail/sanduk/services/resolver"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
)

// selfSigned is a certificate for the box's name that ends then, with its key.
func selfSigned(t *testing.T, name string, ends time.Time) (chain, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: ends}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})
}

// forgetful asks for TLSA records anew each time.
type forgetful struct {
	*resolver.Client
	world *resolvertest.Internet
}

func (f forgetful) TLSA(ctx context.Context, name string) (resolver.Answer[resolver.TLSA], error) {
	return f.world.Client().TLSA(ctx, name)
}

// TestUploadedCertificate: it is shown at once; servers that bring mail see it unless the
// DNS names only the box's own key, and then as soon as it names the other; health says
// in time that it ends.
func TestUploadedCertificate(t *testing.T) {
	t.Parallel()
	world := resolvertest.New(t, map[string]string{testDomain + ".": ""})
	o := startOffice(t, t.TempDir(), func(options *Options) { options.Outgoing = Outgoing{DNS: forgetful{world.Client(), world}, Port: 1} })
	o.setUpNow(t, 0)
	host := o.hostname()
	caCert, err := x509.ParseCertificate(o.certs.CA())
	if err != nil {
		t.Fatal(err)
	}
	tlsa := func(usage int, sum [32]byte) string {
		return fmt.Sprintf("_25._tcp.%s. 1 TLSA %d 1 1 %x\n", host, usage, sum)
	}
	ownRecord := tlsa(2, sha256.Sum256(caCert.RawSubjectPublicKeyInfo))
	world.Add(t, testDomain, ownRecord)
	face := boxCertificate{o.Office}
	if err := face.SetIssuance(t.Context(), issuance.Settings{Directory: "https://127.0.0.1:1/dir", Method: issuance.HTTP}); err != nil || !o.directory.Admission().Paths {
		t.Errorf("an authority that asks the box: %v; its path is open: %v", err, o.directory.Admission().Paths)
	}
	if names := o.certified(t.Context(), issuance.HTTP); len(names) != 1 || names[0] != host {
		t.Errorf("names that lead nowhere are certified: %q", names)
	}
	chain, key := selfSigned(t, host, time.Now().Add(20*24*time.Hour))
	if err := face.Upload(t.Context(), chain, key); err != nil {
		t.Fatal(err)
	}
	if face.Issuance().Settings.Directory != "" {
		t.Error("what was uploaded would be replaced")
	}
	if bytes.Equal(o.certs.Shown(host), o.certs.Leaf()) {
		t.Error("the box shows its own to programs")
	}
	o.weighOnce(t.Context())
	if state := face.Certificates(); state.Servers || state.Public == nil || state.Believed {
		t.Errorf("with a TLSA record of its own key: %+v", state)
	}
	world.Add(t, testDomain, tlsa(3, o.certs.Public().KeySum()))
	o.weighOnce(t.Context())
	if !face.Certificates().Servers {
		t.Error("with records of both, servers see the box's own")
	}
	if o.serverAuthority() == nil {
		t.Error("a certificate that nobody believes is taken for one that the world believes")
	}
	list := o.certificateFindings()
	if len(list) != 1 || !strings.Contains(list[0].What, "certificate ends on") {
		t.Errorf("twenty days before its end: %v", list)
	}
	if err := face.Remove(t.Context()); err != nil || face.Certificates().Servers {
		t.Errorf("removed: %v; servers see it %v", err, face.Certificates().Servers)
	}
}

// TestNoCertificateIssued: health says what the authority has against it.
func TestNoCertificateIssued(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	if list := o.certificateFindings(); len(list) != 0 {
		t.Errorf("with its own alone: %v", list)
	}
	if err := (boxCertificate{o.Office}).SetIssuance(t.Context(), issuance.Settings{Directory: "https://127.0.0.1:1/dir", Method: issuance.DNS}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an attempt to get a certificate", func() bool { return o.issuance.State().Problem != "" && !o.issuance.State().Working })
	if list := o.certificateFindings(); len(list) != 1 || !strings.Contains(list[0].What, "could not get a certificate") {
		t.Errorf("with an authority that can't be reached: %v", list)
	}
}
