package directory

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// maxCertificates of one account: one for each device of somebody who has many.
const maxCertificates = 50

// ErrNoCertificate: no account has a certificate of this fingerprint.
var ErrNoCertificate = errors.New("directory: no such certificate")

// AddCertificate lets programs that hold the key of a certificate log in to an account.
// A certificate stands for one account; that it stands for this one already is no
// error, and changes its name. It goes with the account. Durable and visible on return.
// Errors: mail.ErrNoAccount, mail.ErrTooMany, mail.ErrName, *mail.RuleError.
func (d *Directory) AddCertificate(ctx context.Context, id mail.AccountID, f mail.Fingerprint, name string) error {
	if utf8.RuneCountInString(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return fmt.Errorf("directory: certificate: %w", mail.ErrName)
	}
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	return d.commit(ctx, kindSetCertificate, certificateRecord{ID: id, SHA256: f[:], Name: name, Added: stamp(d.now())})
}

// RemoveCertificate ends that, and says whose it was. Errors: ErrNoCertificate.
func (d *Directory) RemoveCertificate(ctx context.Context, f mail.Fingerprint) (mail.AccountID, error) {
	if err := d.begin(ctx); err != nil {
		return 0, err
	}
	defer d.end()
	id, known := d.current.Load().certificates[f]
	if !known {
		return 0, ErrNoCertificate
	}
	return id, d.commit(ctx, kindSetCertificate, certificateRecord{ID: id, SHA256: f[:], Gone: true})
}

// CertificateOwner says whose a certificate is; false: nobody's. It waits for nothing.
func (d *Directory) CertificateOwner(f mail.Fingerprint) (mail.Address, bool) {
	v := d.current.Load()
	id, known := v.certificates[f]
	if !known || v.accounts[id].Disabled {
		return mail.Address{}, false
	}
	return v.accounts[id].address(), true
}

// HasCertificates reports whether anybody has one. It waits for nothing.
func (d *Directory) HasCertificates() bool { return len(d.current.Load().certificates) > 0 }

// Certificates lists all, by address, oldest first.
func (d *Directory) Certificates() []mail.Certificate {
	v := d.current.Load()
	var list []mail.Certificate
	for f, id := range v.certificates {
		a := v.accounts[id]
		for _, c := range a.Certificates {
			if bytes.Equal(c.SHA256, f[:]) {
				list = append(list, mail.Certificate{Who: a.address(), Fingerprint: f, Name: c.Name, Added: c.Added})
			}
		}
	}
	slices.SortFunc(list, func(a, b mail.Certificate) int {
		return cmp.Or(strings.Compare(a.Who.String(), b.Who.String()), a.Added.Compare(b.Added), bytes.Compare(a.Fingerprint[:], b.Fingerprint[:]))
	})
	return list
}

// owners is whose each certificate is, of accounts that are there.
func (s *state) owners() map[mail.Fingerprint]mail.AccountID {
	owners := map[mail.Fingerprint]mail.AccountID{}
	for _, id := range s.addresses {
		for _, c := range s.accounts[id].Certificates {
			if len(c.SHA256) == len(mail.Fingerprint{}) {
				owners[mail.Fingerprint(c.SHA256)] = id
			}
		}
	}
	return owners
}

func (s *state) setCertificate(r *certificateRecord) ([]entry, error) {
	if len(r.SHA256) != len(mail.Fingerprint{}) {
		return nil, fmt.Errorf("directory: a fingerprint has %d bytes", len(r.SHA256))
	}
	old, err := s.live(r.ID)
	if err != nil {
		return nil, err
	}
	if owner, taken := s.owners()[mail.Fingerprint(r.SHA256)]; taken && owner != r.ID {
		return nil, &mail.RuleError{Field: "sha256", Text: "This certificate is somebody else's already"}
	}
	a := *old
	a.Certificates = slices.DeleteFunc(slices.Clone(a.Certificates), func(c certificateRecord) bool { return bytes.Equal(c.SHA256, r.SHA256) })
	if !r.Gone {
		if len(a.Certificates) >= maxCertificates {
			return nil, fmt.Errorf("directory: certificates of %s: %w", a.address(), mail.ErrTooMany)
		}
		a.Certificates = append(a.Certificates, *r)
	}
	s.accounts[r.ID] = &a
	return []entry{{bucketAccounts, accountKey(r.ID)}}, nil
}
