package netconf

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"
)

const (
	// maxLocalConflicts and localConflictPause are RFC 3927 §9: after ten
	// conflicts one try a minute.
	maxLocalConflicts  = 10
	localConflictPause = time.Minute
)

// localCandidates yields the addresses that a card tries in 169.254/16, the
// same ones after every start (RFC 3927 §2.1: seeded with the hardware address;
// the first and last 256 addresses are reserved).
func localCandidates(mac net.HardwareAddr) func() netip.Prefix {
	h := fnv.New64a()
	h.Write(mac)
	r := rand.New(rand.NewPCG(h.Sum64(), 0))
	return func() netip.Prefix {
		a := netip.AddrFrom4([4]byte{169, 254, byte(1 + r.IntN(254)), byte(r.IntN(256))})
		return netip.PrefixFrom(a, 16)
	}
}

// claimLocal probes until it finds a link-local address that nobody has; it
// returns the zero Prefix when ctx ends.
func (pr prober) claimLocal(ctx context.Context, link Link) netip.Prefix {
	candidate := localCandidates(link.MAC)
	for tries := 0; ctx.Err() == nil; tries++ {
		if tries >= maxLocalConflicts && !sleep(ctx, localConflictPause) {
			break
		}
		p := candidate()
		if pr.conflict(ctx, link, p.Addr(), localProbes, localProbeGap) == nil && ctx.Err() == nil {
			return p
		}
	}
	return netip.Prefix{}
}

// leaseInUse is the short probe before a leased address is used.
func (pr prober) leaseInUse(ctx context.Context, link Link, a netip.Addr) bool {
	return pr.conflict(ctx, link, a, leaseProbes, leaseProbeGap) != nil
}

// watchStatic looks once whether another device has a static address, and
// announces ours; who else has it is returned for the status page.
func (pr prober) watchStatic(ctx context.Context, link Link, a netip.Addr) net.HardwareAddr {
	other := pr.conflict(ctx, link, a, leaseProbes, time.Second)
	if other == nil {
		pr.announce(ctx, link, a)
	}
	return other
}
