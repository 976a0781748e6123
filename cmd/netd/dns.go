package main

import (
	"context"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/sanduk-mail/sanduk/platform/clock"
	"github.com/sanduk-mail/sanduk/platform/dnstls"
	"github.com/sanduk-mail/sanduk/platform/netconf"
)

// answerDNS answers the questions of this machine's programs while DNS goes over TLS.
// Otherwise they ask the servers themselves, and here there is none to pass them on to.
func (n *netd) answerDNS(ctx context.Context) {
	const pause = 10 * time.Second // between tries to listen
	f := dnstls.New(dnstls.Options{
		Listen: netip.AddrPortFrom(netconf.StubAddress(), 53).String(), Log: n.log, Sure: n.sure,
		Servers: func() ([]netip.Addr, string) {
			n.mu.Lock()
			defer n.mu.Unlock()
			if n.dnsName == "" {
				return nil, ""
			}
			return n.dns, n.dnsName
		},
	})
	for {
		err := f.Run(ctx)
		if ctx.Err() != nil {
			return
		}
		n.log.Error("no DNS over TLS", "err", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// sure says whether the clock is known to be right.
func (n *netd) sure() bool {
	s, err := clock.ReadState(filepath.Join(n.run, "clock.json"))
	return err == nil && s.Trusted
}
