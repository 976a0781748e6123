package netconf

import "slices"

// tagged makes the VLANs that the settings want, removes those they don't, and returns the
// cards that the office's network is on: VLANs in the place of the cards below them.
func (m *Manager) tagged(links []Link) []Link {
	var list []Link
	for _, l := range links {
		switch {
		case l.VLAN == 0 && !m.wantsTag(l):
			list = append(list, l)
		case l.VLAN == 0:
			m.carry(l, links)
		case l.VLAN == m.config.VLAN && slices.ContainsFunc(links, func(below Link) bool { return below.Index == l.Parent && m.wantsTag(below) }):
			list = append(list, l)
		default:
			if err := m.kernel.untag(l); err != nil {
				m.options.Log.Error("a VLAN is left over", "interface", l.Name, "error", err)
			}
		}
	}
	return list
}

// wantsTag says whether the office's network is on a VLAN of this card.
func (m *Manager) wantsTag(l Link) bool {
	return m.config.VLAN != 0 && l.VLAN == 0 && (m.config.Interface == "" || m.config.Interface == l.Name)
}

// carry makes a card the lower half of a VLAN: switched on, and without addresses of its
// own but those that the kernel makes.
func (m *Manager) carry(l Link, links []Link) {
	fault := func(err error) {
		if err != nil {
			m.options.Log.Error("VLAN not in order", "interface", l.Name, "vlan", m.config.VLAN, "error", err)
		}
	}
	if !l.Up {
		fault(m.kernel.up(l))
	}
	if !slices.ContainsFunc(links, func(v Link) bool { return v.Parent == l.Index && v.VLAN == m.config.VLAN }) {
		fault(m.kernel.tag(l, m.config.VLAN))
	}
	routes, err := m.kernel.routes(l)
	fault(err)
	for _, r := range routes {
		fault(m.kernel.removeRoute(l, r))
	}
	addresses, err := m.kernel.addresses(l)
	fault(err)
	for _, a := range addresses {
		if !a.automatic {
			fault(m.kernel.removeAddress(l, a.prefix))
		}
	}
}
