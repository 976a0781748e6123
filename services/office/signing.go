package office

import (
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/dkim"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/signer"
)

// newSigner makes who answers for what leaves the office.
func (o *Office) newSigner(dns dkim.DNS) *signer.Signer {
	return signer.New(signer.Options{
		Keys: o.directory, Domains: o.signing, Hostname: o.hostname, DNS: dns, Log: o.log.With("protocol", "dkim"),
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
