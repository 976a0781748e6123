package main

import (
	"github.com/sanduk-mail/sanduk/platform/firewall"
	"github.com/sanduk-mail/sanduk/platform/netconf"
)

// guard keeps the packet filter's rules.
func (n *netd) guard() *firewall.Keeper {
	return firewall.NewKeeper(firewall.KeeperOptions{
		Log: n.log, Apply: firewall.Apply,
		Policy: func() firewall.Policy {
			n.mu.Lock()
			defer n.mu.Unlock()
			return n.admitted
		},
		Around: func() (firewall.Surroundings, error) {
			networks, err := netconf.OnLinkPrefixes()
			if err != nil {
				return firewall.Surroundings{}, err
			}
			routers, err := netconf.DefaultGateways()
			return firewall.Surroundings{OnLink: networks, Routers: routers}, err
		},
	})
}

// readPolicy reads what the administrator lets in. What can't be read leaves the last
// good policy; at the start that is the strictest.
func (n *netd) readPolicy() {
	p, err := firewall.Read(n.policy)
	n.mu.Lock()
	defer n.mu.Unlock()
	if err == nil {
		n.admitted = p
		return
	}
	n.admitted.SetUp = true
	n.log.Error("what the packet filter lets in can't be read", "err", err)
}
