package smtpd

import (
	"net/netip"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/reception"
)

// Rates bound what one address, and its network (/24 of IPv4, /64 of IPv6), may do
// over time; a network may do networkShare times as much. More is put off with a
// 4xx: the other server keeps the message and comes back.
type Rates struct {
	Connections Rate
	Messages    Rate
	Recipients  Rate // accepted ones
	Refused     Rate // refused recipients: with none left, connections are turned away
}

// Rate is how many of something at once, and how long until there may be one
// more. The zero value is no bound.
type Rate struct {
	Burst int
	Every time.Duration
}

// Bounds of what is remembered.
const (
	// networkShare: some providers send from a whole /24.
	networkShare = 4
	// maxMarks is how many addresses and networks a meter remembers: some 5 MB.
	// Somebody who has more than that is not stopped by counting addresses.
	maxMarks = 1 << 16
	// sweepEvery keeps a crowd from having the table looked through for each of
	// its members.
	sweepEvery = time.Second
)

// meters count what strangers do.
type meters struct {
	connections, messages, recipients, refused meter
}

func newMeters(r Rates) *meters {
	return &meters{meter{rate: r.Connections}, meter{rate: r.Messages}, meter{rate: r.Recipients}, meter{rate: r.Refused}}
}

// meter counts one kind of thing by address and network: a leaky bucket for each,
// which is kept as the moment at which it will be empty. Safe for any number of
// goroutines.
type meter struct {
	rate Rate

	mu    sync.Mutex
	marks map[netip.Prefix]time.Time
	swept time.Time
}

// take counts n for an address and says true, or says false and counts nothing.
func (m *meter) take(addr netip.Addr, now time.Time, n int) bool {
	if m.rate.Burst == 0 || !addr.IsValid() {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	one, all := prefixes(addr)
	a, okA := m.fill(one, now, n, 1)
	b, okB := m.fill(all, now, n, networkShare)
	if !okA || !okB {
		return false
	}
	m.set(one, a, now)
	m.set(all, b, now)
	return true
}

// spent says whether nothing is left for an address.
func (m *meter) spent(addr netip.Addr, now time.Time) bool {
	if m.rate.Burst == 0 || !addr.IsValid() {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	one, all := prefixes(addr)
	_, okA := m.fill(one, now, 1, 1)
	_, okB := m.fill(all, now, 1, networkShare)
	return !okA || !okB
}

// fill is when the bucket would be empty with n more in it, and whether they fit.
func (m *meter) fill(key netip.Prefix, now time.Time, n, share int) (time.Time, bool) {
	empty := m.marks[key]
	if empty.Before(now) {
		empty = now
	}
	every := m.rate.Every / time.Duration(share)
	empty = empty.Add(time.Duration(n) * every)
	return empty, empty.Sub(now) <= time.Duration(m.rate.Burst*share)*every
}

// set notes a bucket. In a full table those that have run empty make room; if
// there are none, any other does.
func (m *meter) set(key netip.Prefix, empty, now time.Time) {
	if m.marks == nil {
		m.marks = make(map[netip.Prefix]time.Time)
	}
	if _, known := m.marks[key]; !known && len(m.marks) >= maxMarks {
		if now.Sub(m.swept) >= sweepEvery {
			m.swept = now
			for k, t := range m.marks {
				if t.Before(now) {
					delete(m.marks, k)
				}
			}
		}
		for k := range m.marks {
			if len(m.marks) < maxMarks {
				break
			}
			delete(m.marks, k)
		}
	}
	m.marks[key] = empty
}

// prefixes are the keys of an address and of its network, which are never the same.
func prefixes(addr netip.Addr) (one, all netip.Prefix) {
	addr = addr.Unmap().WithZone("")
	return netip.PrefixFrom(addr, addr.BitLen()), reception.Network(addr)
}
