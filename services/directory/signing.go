package directory

import (
	"context"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// maxSigning is far above the keys of a domain with all that were replaced.
const maxSigning = 64 << 10

// SigningKeys gives what SetSigningKeys was given for a domain; nil, nil where
// there are none. It waits for nothing. The error says that the box key is another.
func (d *Directory) SigningKeys(name domain.Name) ([]byte, error) {
	r := d.current.Load().signing[name]
	if r == nil || len(r.Keys) == 0 {
		return nil, nil
	}
	return r.open(d.key.Open)
}

// SetSigningKeys keeps the keys by which a domain's mail is signed, sealed under the
// box key, in place of those it had. The domain is one of the office's, another name
// of one, or the box's own name. They go with the domain. Durable on return.
//
// Errors: ErrNotSetUp, mail.ErrNoDomain, mail.ErrTooMany.
func (d *Directory) SetSigningKeys(ctx context.Context, name domain.Name, keys []byte) error {
	if len(keys) > maxSigning {
		return fmt.Errorf("directory: signing keys of %s: %w", name, mail.ErrTooMany)
	}
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	r := signingRecord{Domain: name, Provider: d.SignedByProvider(name)}
	r.Keys = d.key.Seal(r.purpose(), string(keys))
	return d.commit(ctx, kindSetSigning, r)
}

// SignedByProvider reports whether the box leaves it to the office's provider to sign a
// domain's mail. It waits for nothing.
func (d *Directory) SignedByProvider(name domain.Name) bool {
	r := d.current.Load().signing[name]
	return r != nil && r.Provider
}

// SetSignedByProvider says whether the provider signs a domain's mail, and the box
// doesn't. The domain is one that SetSigningKeys takes; its keys stay. Durable and
// visible on return. Errors: ErrNotSetUp, mail.ErrNoDomain.
func (d *Directory) SetSignedByProvider(ctx context.Context, name domain.Name, provider bool) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	r := signingRecord{Domain: name, Provider: provider}
	if had := d.current.Load().signing[name]; had != nil {
		r.Keys = had.Keys
	}
	return d.commit(ctx, kindSetSigning, r)
}

// The keys are sealed for their domain: a changed record can't have one domain sign
// for another.
func (r *signingRecord) purpose() string { return "signing keys of " + string(r.Domain) }

func (r *signingRecord) open(open func(purpose string, sealed []byte) (string, error)) ([]byte, error) {
	keys, err := open(r.purpose(), r.Keys)
	if err != nil {
		return nil, fmt.Errorf("directory: signing keys of %s: %w", r.Domain, err)
	}
	return []byte(keys), nil
}

func (s *state) setSigning(r *signingRecord) ([]entry, error) {
	switch {
	case s.box == nil:
		return nil, ErrNotSetUp
	case !s.owns(r.Domain) && s.domains[r.Domain] == nil && s.box.Hostname != r.Domain:
		return nil, fmt.Errorf("directory: domain %s: %w", r.Domain, mail.ErrNoDomain)
	}
	s.signing[r.Domain] = r
	if len(r.Keys) == 0 && !r.Provider {
		delete(s.signing, r.Domain) // as it is without a record
	}
	return []entry{{bucketSigning, []byte(r.Domain)}}, nil
}
