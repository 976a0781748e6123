package directory

import (
	"errors"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestGoldenCertificates: the record must be read for ever.
func TestGoldenCertificates(t *testing.T) {
	t.Parallel()
	s := replayGolden(t, replayGolden(t, emptyState(), "testdata/records-1.txt"), "testdata/records-10.txt")
	var f mail.Fingerprint
	for i := range f {
		f[i] = byte(i)
	}
	if owners := s.owners(); len(owners) != 1 || owners[f] != 1 {
		t.Errorf("owners: %v", owners)
	}
}

// TestCertificates: a certificate is one account's, and goes with it.
func TestCertificates(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	one, two := mail.Fingerprint{1}, mail.Fingerprint{2}
	if b.HasCertificates() {
		t.Error("somebody has a certificate before")
	}
	if err := errors.Join(b.AddCertificate(ctx, 2, one, "old laptop"), b.AddCertificate(ctx, 2, one, "laptop"), b.AddCertificate(ctx, 1, two, "")); err != nil {
		t.Fatal(err)
	}
	if _, rule := errors.AsType[*mail.RuleError](b.AddCertificate(ctx, 1, one, "")); !rule {
		t.Error("a certificate was given to a second account")
	}
	list := b.Certificates()
	if len(list) != 2 || list[1].Name != "laptop" || list[1].Fingerprint != one || list[0].Fingerprint != two {
		t.Fatalf("listed: %+v", list)
	}
	if who, ok := b.CertificateOwner(one); !ok || who != list[1].Who {
		t.Errorf("owner: %v, %v", who, ok)
	}
	if err := b.AddCertificate(ctx, 99, mail.Fingerprint{3}, ""); !errors.Is(err, mail.ErrNoAccount) {
		t.Errorf("nobody: %v", err)
	}
	if err := b.AddCertificate(ctx, 1, mail.Fingerprint{3}, "a\x00b"); !errors.Is(err, mail.ErrName) {
		t.Errorf("a name with NUL: %v", err)
	}
	for i := range maxCertificates - 1 {
		if err := b.AddCertificate(ctx, 1, mail.Fingerprint{4, byte(i)}, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.AddCertificate(ctx, 1, mail.Fingerprint{5}, ""); !errors.Is(err, mail.ErrTooMany) {
		t.Errorf("one too many: %v", err)
	}
	if id, err := b.RemoveCertificate(ctx, two); err != nil || id != 1 {
		t.Errorf("remove: %v, %v", id, err)
	}
	if _, err := b.RemoveCertificate(ctx, two); !errors.Is(err, ErrNoCertificate) {
		t.Errorf("remove again: %v", err)
	}
	if err := b.RemoveAccount(ctx, 2); err != nil {
		t.Fatal(err)
	}
	if who, ok := b.CertificateOwner(one); ok {
		t.Errorf("the certificate of a removed account is still %v's", who)
	}
}
