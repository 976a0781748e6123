package claim

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// freeTries may be made at once from one address: a person mistypes, looks
	// again, and types right.
	freeTries = 6
	// tryEvery is the pace after that, from one address.
	tryEvery = 3 * time.Second
	// allBurst and allEvery bound the whole network: someone with many
	// addresses gets no more than twenty tries a second, against 2^40 codes,
	// and the office's own person still gets through between them.
	allBurst = 40
	allEvery = 50 * time.Millisecond
	// maxPeers bounds the memory for addresses that have tried. Beyond it,
	// newcomers share one allowance.
	maxPeers = 1024
)

// limiter paces guesses, per address (an IPv6 address counts by its /64, which
// one machine has to itself) and for all together.
type limiter struct {
	now func() time.Time

	mu    sync.Mutex
	all   bucket
	peers map[netip.Prefix]*bucket
}

// bucket is an allowance that refills with time. It stores the moment at which
// it will be full again; the zero value is full.
type bucket struct{ full time.Time }

// wait says how long until the bucket holds one try.
func (b *bucket) wait(now time.Time, burst int, every time.Duration) time.Duration {
	return max(b.full.Sub(now), 0) - time.Duration(burst-1)*every
}

func (b *bucket) take(now time.Time, every time.Duration) {
	if b.full.Before(now) {
		b.full = now
	}
	b.full = b.full.Add(every)
}

// take uses up one try of peer and returns 0, or says how long to wait.
func (l *limiter) take(peer netip.Addr) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	p := l.peer(peer, now)
	if wait := max(p.wait(now, freeTries, tryEvery), l.all.wait(now, allBurst, allEvery)); wait > 0 {
		return wait
	}
	p.take(now, tryEvery)
	l.all.take(now, allEvery)
	return 0
}

// forgive gives back what peer has used: it knows the code.
func (l *limiter) forgive(peer netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.peers, network(peer))
}

// peer finds the bucket of an address, making room by dropping full ones.
func (l *limiter) peer(addr netip.Addr, now time.Time) *bucket {
	key := network(addr)
	if b := l.peers[key]; b != nil {
		return b
	}
	if len(l.peers) >= maxPeers {
		for k, b := range l.peers {
			if !b.full.After(now) {
				delete(l.peers, k)
			}
		}
	}
	if len(l.peers) >= maxPeers {
		key = netip.Prefix{} // the one that newcomers share
		if b := l.peers[key]; b != nil {
			return b
		}
	}
	if l.peers == nil {
		l.peers = make(map[netip.Prefix]*bucket)
	}
	b := &bucket{}
	l.peers[key] = b
	return b
}

func network(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, err := addr.Prefix(bits)
	if err != nil { // the zero Addr: no peer known
		return netip.Prefix{}
	}
	return p
}
