package netconf

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

const (
	// Metrics: the static card before the others; a card found earlier before a
	// later one; static IPv6 before what routers advertise (1024).
	metricStatic = 50
	metricDHCP   = 100
	metricIPv6   = 512
)

// wanted is what should stand on a card.
type wanted struct {
	addresses []kernelAddress
	routes    []route
	mtu       int // 0: the card's own
}

// want works out what should stand on card number i.
func (m *Manager) want(c *card, i int, now time.Time) wanted {
	var w wanted
	add := func(p netip.Prefix, gw netip.Addr, life time.Duration, metric int) {
		w.addresses = append(w.addresses, kernelAddress{prefix: p, life: life})
		if gw.IsValid() && c.link.Carrier {
			onlink := !p.Contains(gw) && !gw.IsLinkLocalUnicast()
			w.routes = append(w.routes, route{gateway: gw, metric: metric, onlink: onlink})
		}
	}
	if c.static {
		if m.config.Address.Addr().Is6() {
			add(m.config.Address, m.config.Gateway, 0, metricIPv6+i)
		} else {
			add(m.config.Address, m.config.Gateway, 0, metricStatic+i)
		}
		if m.config.Address6.IsValid() {
			add(m.config.Address6, m.config.Gateway6, 0, metricIPv6+i)
		}
	}
	if c.static && m.config.Address.Addr().Is4() {
		return w
	}
	if c.lease.valid(now) {
		add(c.lease.Address, c.lease.Gateway, c.lease.left(now), metricDHCP+i)
		w.mtu = c.lease.MTU
	} else if c.fallback.IsValid() {
		add(c.fallback, netip.Addr{}, 0, 0)
	}
	return w
}

// apply makes the kernel's view of card number i what it should be. It touches
// only what differs, so that our own changes don't wake us for ever.
func (m *Manager) apply(c *card, i int) error {
	now := time.Now()
	if c.lease != nil && !c.lease.valid(now) {
		c.lease, c.settled = nil, true
	}
	w := m.want(c, i, now)
	// Until we know better, what an earlier start left stays usable.
	hands := func(a netip.Addr) bool { return a.Is6() || c.settled || c.static }
	errs := []error{m.applyAddresses(c, w, hands), m.applyRoutes(c, w, hands)}
	mtu := c.mtu
	if w.mtu != 0 {
		mtu = w.mtu
	}
	if c.link.MTU != mtu && (c.settled || c.static) {
		errs = append(errs, m.kernel.setMTU(c.link, mtu))
	}
	return errors.Join(errs...)
}

// applyAddresses removes first: where the old and the new address stand in the
// same network, the kernel drops the second one together with the first.
func (m *Manager) applyAddresses(c *card, w wanted, hands func(netip.Addr) bool) error {
	have, err := m.kernel.addresses(c.link)
	if err != nil {
		return err
	}
	var errs []error
	for _, h := range have {
		if !h.automatic && hands(h.prefix.Addr()) && indexAddress(w.addresses, h.prefix) < 0 {
			errs = append(errs, m.kernel.removeAddress(c.link, h.prefix))
		}
	}
	for _, a := range w.addresses {
		renewed := a.life > 0 && c.applied != c.lease
		if indexAddress(have, a.prefix) < 0 || renewed {
			errs = append(errs, m.kernel.setAddress(c.link, a))
		}
	}
	err = errors.Join(errs...)
	if err == nil {
		c.applied = c.lease
	}
	return err
}

func (m *Manager) applyRoutes(c *card, w wanted, hands func(netip.Addr) bool) error {
	have, err := m.kernel.routes(c.link)
	if err != nil {
		return err
	}
	same := func(a route) func(route) bool {
		return func(b route) bool { return a.gateway == b.gateway && a.metric == b.metric }
	}
	var errs []error
	for _, h := range have {
		if hands(h.gateway) && !slices.ContainsFunc(w.routes, same(h)) {
			errs = append(errs, m.kernel.removeRoute(c.link, h))
		}
	}
	for _, r := range w.routes {
		if !slices.ContainsFunc(have, same(r)) {
			errs = append(errs, m.kernel.setRoute(c.link, r))
		}
	}
	return errors.Join(errs...)
}

func indexAddress(list []kernelAddress, p netip.Prefix) int {
	return slices.IndexFunc(list, func(a kernelAddress) bool { return a.prefix == p })
}

// status says how everything stands.
func (m *Manager) status() Status {
	now := time.Now()
	s := Status{Cards: []Card{}, DNS: chooseServers(m.nameservers(now)), NTP: m.timeServers(now)}
	m.mu.Lock()
	s.Name = m.name
	m.mu.Unlock()
	for _, c := range m.cards {
		one := Card{
			Name: c.link.Name, MAC: c.link.MAC.String(), Cable: c.link.Carrier, index: c.link.Index,
			Addresses: []netip.Prefix{}, Problem: c.taken,
		}
		if c.link.Carrier {
			one.SpeedMbit = m.speed(c.link.Name)
		}
		if have, err := m.kernel.addresses(c.link); err == nil {
			for _, a := range have {
				one.Addresses = append(one.Addresses, a.prefix)
			}
		}
		m.source(c, &one, now)
		s.Cards = append(s.Cards, one)
	}
	return s
}

// source fills in where the card's address came from, and what is wrong.
func (m *Manager) source(c *card, one *Card, now time.Time) {
	switch {
	case c.static:
		one.Source, one.Gateway = SourceStatic, m.config.Gateway
	case c.lease.valid(now):
		one.Source, one.Gateway = SourceDHCP, c.lease.Gateway
	case slices.ContainsFunc(one.Addresses, func(p netip.Prefix) bool { return p.Addr().Is6() }):
		one.Source = SourceRouter // an IPv6-only network is not a problem
	case c.fallback.IsValid():
		one.Source = SourceLinkLocal
	}
	// A card without an address, and an answer why.
	if c.reason != "" && c.link.Carrier && (one.Source == SourceLinkLocal || one.Source == SourceNone) && one.Problem == "" {
		one.Problem = fmt.Sprintf("%s got no address: %s. Is your router switched on?", c.link.Name, c.reason)
	}
}

// nameservers lists candidates, best first: the admin's alone; else what the
// network says; else the router, which nearly always answers.
func (m *Manager) nameservers(now time.Time) []netip.Addr {
	if len(m.config.DNS) > 0 {
		return m.config.DNS
	}
	var list, last []netip.Addr
	for _, c := range m.cards {
		if !c.link.Carrier {
			continue
		}
		if c.lease.valid(now) {
			list = append(list, c.lease.DNS...)
			last = append(last, c.lease.Gateway)
		}
		if c.static {
			last = append(last, m.config.Gateway)
		}
	}
	for _, c := range m.cards {
		for _, n := range c.named {
			a := n.addr
			if a.IsLinkLocalUnicast() {
				a = a.WithZone(c.link.Name)
			}
			list = append(list, a)
		}
	}
	if len(list) == 0 {
		return last
	}
	return list
}

func (m *Manager) timeServers(now time.Time) []string {
	list := append([]string{}, m.config.NTP...)
	for _, c := range m.cards {
		if c.lease.valid(now) {
			for _, a := range c.lease.NTP {
				list = append(list, a.String())
			}
		}
	}
	return list
}

func statusJSON(s Status) (string, error) {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return "", fmt.Errorf("network status: %w", err)
	}
	return string(b) + "\n", nil
}
