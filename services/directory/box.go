package directory

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/setup"
)

// Box is what was set up of the box itself. Passwords at the provider are in
// clear: don't log it.
type Box struct {
	Hostname            domain.Name
	Domains             []domain.Name // the first is the main one
	Timezone            string
	Network             setup.Network
	Outbound            setup.Outbound
	Collect             []setup.Collection
	TrustedNetworks     []netip.Prefix
	SubmissionExtraPort uint16
	SetUp               time.Time
}

// Box returns the settings; ok is false before the set-up. The slices are
// shared: don't change them.
func (d *Directory) Box() (box Box, ok bool) {
	v := d.current.Load()
	return v.shown, v.box != nil
}

// Trusted reports whether the address is in one of the trusted networks.
func (d *Directory) Trusted(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(d.current.Load().shown.TrustedNetworks, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// closeBox makes the record of the settings, with the secrets sealed.
func closeBox(key *auth.Key, s *setup.Setup, now time.Time) boxRecord {
	r := boxRecord{
		Hostname: s.Hostname, Domains: s.Domains, Timezone: s.Timezone,
		Network:         networkRecord{Mode: string(s.Network.Mode), Address: s.Network.Address, Gateway: s.Network.Gateway, DNS: s.Network.DNS},
		Outbound:        outboundRecord{Mode: string(s.Outbound.Mode), Host: s.Outbound.Host, Port: s.Outbound.Port, TLS: string(s.Outbound.TLS), User: s.Outbound.User},
		TrustedNetworks: s.TrustedNetworks, SubmissionExtraPort: s.SubmissionExtraPort, SetUp: now,
	}
	if s.Outbound.Password != "" {
		r.Outbound.Password = key.Seal(r.Outbound.purpose(), s.Outbound.Password)
	}
	for _, c := range s.Collect {
		r.Collect = append(r.Collect, closeCollection(key, &c))
	}
	return r
}

// A password is sealed for its user at its server, so that a changed record
// can't send it elsewhere.
func (r *outboundRecord) purpose() string { return fmt.Sprintf("outbound %s at %s", r.User, r.Host) }

// open gives the settings with the secrets in clear. The error says which could
// not be opened; the rest is good.
func (r *boxRecord) open(key *auth.Key) (Box, error) {
	box := Box{
		Hostname: r.Hostname, Domains: r.Domains, Timezone: r.Timezone,
		Network: setup.Network{Mode: setup.NetworkMode(r.Network.Mode), Address: r.Network.Address, Gateway: r.Network.Gateway, DNS: r.Network.DNS},
		Outbound: setup.Outbound{Mode: setup.OutboundMode(r.Outbound.Mode), Host: r.Outbound.Host, Port: r.Outbound.Port,
			TLS: setup.TLSMode(r.Outbound.TLS), User: r.Outbound.User},
		TrustedNetworks: r.TrustedNetworks, SubmissionExtraPort: r.SubmissionExtraPort, SetUp: r.SetUp,
	}
	var errs []error
	if len(r.Outbound.Password) > 0 {
		var err error
		if box.Outbound.Password, err = key.Open(r.Outbound.purpose(), r.Outbound.Password); err != nil {
			errs = append(errs, fmt.Errorf("password of %s at %s: %w", r.Outbound.User, r.Outbound.Host, err))
		}
	}
	for _, c := range r.Collect {
		out, err := c.open(key)
		if err != nil {
			errs = append(errs, fmt.Errorf("password of %s at %s: %w", c.User, c.Host, err))
		}
		box.Collect = append(box.Collect, out)
	}
	return box, errors.Join(errs...)
}
