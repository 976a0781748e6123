package office

import (
	"context"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/dkim"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/signer"
)

// newSigner makes who answers for what leaves the office.
func (o *Office) newSigner(dns dkim.DNS) *signer.Signer {
	return signer.New(signer.Options{
		Keys: o.directory, Domains: o.signing, Left: o.directory.SignedByProvider, Hostname: o.hostname, DNS: dns, Log: o.log.With("protocol", "dkim"),
	})
}

// signing are the domains that mail of this box can be from: the office's, their other
// names, and the box's own name, from which its reports are, if it is in none of them.
func (o *Office) signing() []domain.Name {
	box, ok := o.directory.Box()
	if !ok {
		return nil
	}
	names := append(slices.Clone(box.Domains), o.directory.Aliases()...)
	if !slices.ContainsFunc(names, func(d domain.Name) bool {
		return d == box.Hostname || strings.HasSuffix(string(box.Hostname), "."+string(d))
	}) {
		names = append(names, box.Hostname)
	}
	return names
}

// SetSigning says who signs the mail of one of the office's domains, for what is sent
// from then on. Durable on return. Error: mail.ErrNoDomain, or the disk's.
func (o *Office) SetSigning(ctx context.Context, s mail.Signing) error {
	name, err := domain.Canonical(s.Domain)
	if err != nil || !slices.Contains(o.signing(), name) {
		return mail.ErrNoDomain
	}
	return o.directory.SetSignedByProvider(ctx, name, s.Provider)
}
