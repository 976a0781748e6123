package netconf

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

const (
	// leasesFile, in the state directory, holds each card's last lease, by hardware
	// address: RFC 2131 §2.2 has a client come back to it after a start.
	leasesFile = "leases.json"
	// maxLeasesFile is more than maxCards leases with all the servers they may name.
	maxLeasesFile = 32 << 10
)

// keptLeases reads what an earlier start left. What can't be read or can't be a lease
// is as good as none: the servers are asked all the same.
func keptLeases(dir string) (map[string]*Lease, error) {
	kept := make(map[string]*Lease)
	disk, err := durable.NewOS(dir)
	if err != nil {
		return kept, err
	}
	defer disk.Close()
	data, err := durable.ReadFile(disk, leasesFile, maxLeasesFile)
	if errors.Is(err, fs.ErrNotExist) {
		return kept, nil
	}
	if err == nil {
		kept, err = parseLeases(data)
	}
	if err != nil {
		err = fmt.Errorf("leases of the start before: %w", err)
	}
	return kept, err
}

// parseLeases takes the good ones. The map is never nil.
func parseLeases(data []byte) (map[string]*Lease, error) {
	kept := make(map[string]*Lease)
	var all map[string]*Lease
	err := json.Unmarshal(data, &all)
	for mac, l := range all {
		if l != nil && l.plausible() && len(kept) < maxCards {
			kept[mac] = l
		}
	}
	return kept, err
}

// plausible says of a lease that was read from a file what newLease says of one from
// the cable.
func (l *Lease) plausible() bool {
	servers := append([]netip.Addr{l.Server}, l.DNS...)
	for _, a := range append(servers, l.NTP...) {
		if !a.Is4() || !usableServer(a) {
			return false
		}
	}
	if l.Gateway.IsValid() && (!l.Gateway.Is4() || !usableServer(l.Gateway)) {
		return false
	}
	return l.Address.Addr().Is4() && l.Address.Bits() >= minPrefix && usableHost(l.Address) && !l.Address.Addr().IsLinkLocalUnicast() &&
		len(l.DNS) <= maxNameservers && len(l.NTP) <= maxTimeServers &&
		(l.MTU == 0 || l.MTU >= minMTU && l.MTU <= maxMTU) &&
		l.Expires >= minLease && l.Expires <= maxLease && 0 < l.Renew && l.Renew < l.Rebind && l.Rebind < l.Expires
}

// recall is what is known of a card from before this start: the lease as long as it
// runs, and the address to wish for. A clock that stands before the lease's start
// tells nothing of how long it runs.
func (m *Manager) recall(link Link) (l *Lease, wish netip.Addr) {
	l = m.kept[link.MAC.String()]
	if l == nil {
		return nil, netip.Addr{}
	}
	wish = l.Address.Addr()
	if now := time.Now(); now.Before(l.Start) || !l.valid(now) {
		l = nil
	}
	return l, wish
}

// keep notes what the card has now, nil for nothing.
func (m *Manager) keep(link Link, l *Lease) {
	if m.options.StateDir == "" {
		return
	}
	m.unkept = true
	if l == nil {
		delete(m.kept, link.MAC.String())
		return
	}
	if mac := link.MAC.String(); m.kept[mac] != nil || len(m.kept) < maxCards {
		m.kept[mac] = l
	}
}

// keepLeases writes down what has changed.
func (m *Manager) keepLeases() {
	if !m.unkept {
		return
	}
	m.unkept = false // one that isn't written is missed at the next start only
	data, err := json.Marshal(m.kept)
	if err == nil {
		err = writeFile(m.options.StateDir, leasesFile, data)
	}
	if err != nil {
		m.options.Log.Warn("the address leased is not kept for the next start", "error", err)
	}
}
