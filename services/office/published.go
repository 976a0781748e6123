package office

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/dkim"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/resolver"
	"github.com/sanduk-mail/sanduk/services/setup"
	"github.com/sanduk-mail/sanduk/services/signer"
	"github.com/sanduk-mail/sanduk/services/zone"
)

// published is what the office has, or should have, in DNS, for the pages.
type published struct{ o *Office }

// office is what decides about it.
func (p published) office(ctx context.Context) zone.Office {
	box, _ := p.o.directory.Box()
	z := zone.Office{Now: time.Now(), Hostname: p.o.hostname(), Addresses: p.o.options.Machine.Addresses(), Authority: p.o.serverAuthority(), Own: p.o.certs.CA(), Proofs: p.o.proofs()}
	if public := p.o.certs.Public(); public != nil {
		sum := public.KeySum()
		z.KeySum = sum[:]
	}
	z.SmartHost = p.o.route("").Host
	for _, name := range p.o.signing() {
		var records []dkim.DNSRecord
		left := p.o.directory.SignedByProvider(name)
		if left {
			// No keys are made for it.
		} else if keys, err := p.o.signer.Keys(ctx, name); err == nil {
			records = keys.Records()
		} else { // the other records are worth showing all the same
			p.o.log.Error("the records of a domain's signing keys can't be shown", "domain", name, "err", err)
		}
		z.Domains = append(z.Domains, zone.Domain{
			Name: string(name), Keys: records, Left: left, KeysOnly: !p.has(box.Domains, name),
			Collected: slices.ContainsFunc(box.Collect, func(c setup.Collection) bool { return c.IntoDomain == name }),
		})
	}
	return z
}

// has reports whether mail comes in for a domain.
func (p published) has(domains []domain.Name, name domain.Name) bool {
	return slices.Contains(domains, name) || slices.Contains(p.o.directory.Aliases(), name)
}

// Records are what the office should publish, and how it stands.
func (p published) Records(ctx context.Context) ([]zone.Record, error) {
	z := p.office(ctx)
	return zone.Look(ctx, p.dns(), z, zone.Records(z)), nil
}

// dns is who is asked. It remembers nothing: whoever has just published a record
// looks again at once.
func (p published) dns() zone.DNS {
	for _, given := range []any{p.o.options.Outgoing.DNS, p.o.options.DNS} {
		if dns, ok := given.(zone.DNS); ok {
			return dns
		}
	}
	return resolver.New(resolver.Options{}).Validated()
}

// Proposed are the records without asking DNS.
func (p published) Proposed(ctx context.Context) ([]zone.Record, error) {
	return zone.Records(p.office(ctx)), nil
}

// Notes say why a record is not among them.
func (p published) Notes() []string {
	z := zone.Office{SmartHost: p.o.route("").Host}
	for _, s := range p.Signing() {
		z.Domains = append(z.Domains, zone.Domain{Name: s.Domain, Left: s.Provider})
	}
	return zone.Notes(z)
}

// Signing lists the domains that mail can be from, and who signs for each.
func (p published) Signing() []mail.Signing {
	var list []mail.Signing
	for _, name := range p.o.signing() {
		list = append(list, mail.Signing{Domain: string(name), Provider: p.o.directory.SignedByProvider(name)})
	}
	return list
}

// SetSigning says who signs for a domain.
func (p published) SetSigning(ctx context.Context, s mail.Signing) error {
	return p.o.SetSigning(ctx, s)
}

// Policy is the MTA-STS policy of a domain.
func (p published) Policy(name string) (string, bool) {
	canonical, err := domain.Canonical(name)
	box, ok := p.o.directory.Box()
	if err != nil || !ok || !p.has(box.Domains, canonical) {
		return "", false
	}
	return zone.Policy(zone.Office{Hostname: p.o.hostname(), Authority: p.o.serverAuthority()}), true
}

// PrepareKeys makes a domain's next keys.
func (p published) PrepareKeys(ctx context.Context, name string) error {
	return p.change(ctx, name, p.o.signer.Prepare)
}

// UseKeys takes them up.
func (p published) UseKeys(ctx context.Context, name string) error {
	return p.change(ctx, name, p.o.signer.Switch)
}

func (p published) change(ctx context.Context, name string, do func(context.Context, domain.Name) (*dkim.Keys, error)) error {
	canonical, err := domain.Canonical(name)
	if err != nil {
		return mail.ErrNoDomain
	}
	switch _, err = do(ctx, canonical); {
	case errors.Is(err, signer.ErrNoDomain):
		return mail.ErrNoDomain
	case errors.Is(err, signer.ErrLeft):
		return &mail.RuleError{Text: "The box doesn't sign mail of this domain: that is left to its provider. Have the box sign first, then change its keys", Err: mail.ErrInUse}
	case errors.Is(err, dkim.ErrNotPrepared):
		return &mail.RuleError{Text: "There are no new keys yet. Make them first, publish their records, then take them up", Err: mail.ErrInUse}
	}
	return err
}
