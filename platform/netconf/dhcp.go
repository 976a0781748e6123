package netconf

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"
)

const (
	// firstWait is doubled at each try up to maxWait (RFC 2131 §4.1 says 4 s
	// and 64 s; a box that somebody is looking at starts quicker).
	firstWait = 2 * time.Second
	maxWait   = 64 * time.Second
	// requestTries is how often one offer is requested before a new discover.
	requestTries = 4
	// rebootTries is how often the last address is asked for after a start.
	rebootTries = 2
	// patience is how long a card stays without any address before it takes a
	// link-local one; the search for a server goes on.
	patience = 10 * time.Second
	// declinePause is RFC 2131 §3.1 step 5: ten seconds after a decline.
	declinePause = 10 * time.Second
	// minRenewPause is RFC 2131 §4.4.5: at most one renewal try per minute.
	minRenewPause = time.Minute
	// maxMessage is what we accept in one piece (option 57).
	maxMessage = 1500
)

// dhcpWire carries DHCP messages on one card. Packets that are not well-formed
// DHCP replies never come out of it.
type dhcpWire interface {
	// send sends p: broadcast when to is not valid, else from one address to the
	// other.
	send(p *dhcpv4.DHCPv4, from, to netip.Addr) error
	// replies is closed when the wire is.
	replies() <-chan *dhcpv4.DHCPv4
	close()
}

// dhcpEvent is what a client tells the manager: a lease, or why there is none.
type dhcpEvent struct {
	lease  *Lease
	reason string // for a nil lease, in the reader's words
	lost   bool   // for a nil lease: an address in use must go at once
}

// dhcpClient is the state machine of RFC 2131 §4.4 for one card with a cable.
type dhcpClient struct {
	link     Link
	hostname string
	log      *slog.Logger
	openWire func(Link) (dhcpWire, error)
	inUse    func(ctx context.Context, link Link, a netip.Addr) bool // ARP probe
	report   func(dhcpEvent)
	previous *Lease     // asked for first while it still runs
	kept     bool       // previous is of an earlier start: the card doesn't have it yet
	wish     netip.Addr // named in the discover: what the card has at the start

	began time.Time // of the current search, for the secs field and the patience
}

// run looks for a lease and keeps it until ctx ends. It never gives up.
func (c *dhcpClient) run(ctx context.Context) {
	c.began = time.Now()
	lease := c.reboot(ctx)
	for ctx.Err() == nil {
		if lease == nil {
			c.began = time.Now()
			lease = c.acquire(ctx)
			if lease == nil {
				return // ctx ended
			}
			if c.inUse(ctx, c.link, lease.Address.Addr()) {
				c.decline(ctx, lease)
				lease = nil
				continue
			}
			c.report(dhcpEvent{lease: lease})
		}
		if lease = c.keep(ctx, lease); lease != nil {
			c.report(dhcpEvent{lease: lease})
		}
	}
}

// reboot asks for the previous address again (RFC 2131 §3.2), and reports the
// lease. It returns nil when there is none, it is refused, or nobody answers;
// the last does not end the use of the address, the search goes on with a
// discover: after a power cut the box is often there before the router.
func (c *dhcpClient) reboot(ctx context.Context) *Lease {
	if !c.previous.valid(time.Now()) {
		return nil
	}
	ip := c.previous.Address.Addr()
	lease, refused := c.exchange(ctx, exchange{
		message: c.request(dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(ip.AsSlice()))),
		tries:   rebootTries,
		wait:    doubling(firstWait),
	})
	switch {
	case refused:
		c.report(dhcpEvent{reason: "the DHCP server took the address back", lost: true})
	case lease != nil:
		c.report(dhcpEvent{lease: lease})
		if c.kept && c.inUse(ctx, c.link, lease.Address.Addr()) {
			c.report(dhcpEvent{reason: fmt.Sprintf("%s is used by another device", lease.Address.Addr()), lost: true})
			c.decline(ctx, lease)
			return nil
		}
	case c.kept && !c.inUse(ctx, c.link, ip) && ctx.Err() == nil:
		c.report(dhcpEvent{lease: c.previous})
	}
	return lease
}

// acquire runs discover and request until there is a lease or ctx ends.
func (c *dhcpClient) acquire(ctx context.Context) *Lease {
	for ctx.Err() == nil {
		offer := c.discover(ctx)
		if offer == nil {
			return nil
		}
		lease, _ := c.exchange(ctx, exchange{
			message: c.request(
				dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(offer.Address.Addr().AsSlice())),
				dhcpv4.WithOption(dhcpv4.OptServerIdentifier(offer.Server.AsSlice()))),
			tries: requestTries,
			wait:  doubling(firstWait),
		})
		if lease != nil {
			return lease
		}
		sleep(ctx, jitter(firstWait)) // refused, or silent: not in a tight loop
	}
	return nil
}

// discover broadcasts until a usable offer comes; nil when ctx ended.
func (c *dhcpClient) discover(ctx context.Context) *Lease {
	discover := c.message(dhcpv4.MessageTypeDiscover)
	if c.wish.IsValid() {
		discover.UpdateOption(dhcpv4.OptRequestedIPAddress(c.wish.AsSlice()))
	}
	silent := func() {
		if time.Since(c.began) >= patience {
			c.report(dhcpEvent{reason: "no DHCP server answers"})
		}
		c.wish = netip.Addr{} // some servers are silent when they can't grant it
		discover.DeleteOption(dhcpv4.OptionRequestedIPAddress)
	}
	for ctx.Err() == nil {
		offer, _ := c.exchange(ctx, exchange{
			message: discover,
			answer:  dhcpv4.MessageTypeOffer,
			tries:   math.MaxInt,
			wait:    doubling(firstWait),
			silent:  silent,
		})
		if offer != nil {
			return offer
		}
	}
	return nil
}

// keep renews lease until it changes, ends or ctx does, and returns what holds
// then: a new lease, or nil when a new search is due (RFC 2131 §4.4.5).
func (c *dhcpClient) keep(ctx context.Context, l *Lease) *Lease {
	if !sleep(ctx, time.Until(l.Start.Add(l.Renew))) {
		return nil
	}
	c.began = time.Now()
	request := c.request(dhcpv4.WithClientIP(l.Address.Addr().AsSlice()))
	for phase, end := range []time.Duration{l.Rebind, l.Expires} {
		to := l.Server
		if phase == 1 {
			to = netip.Addr{} // rebinding: any server may answer
		}
		for ctx.Err() == nil {
			left := time.Until(l.Start.Add(end))
			if left <= 0 {
				break
			}
			// Half of what is left, but not more often than once a minute.
			pause := min(left, max(left/2, minRenewPause))
			renewed, refused := c.exchange(ctx, exchange{
				message: request,
				from:    l.Address.Addr(),
				to:      to,
				tries:   1,
				wait:    func() time.Duration { return pause },
			})
			if refused {
				c.report(dhcpEvent{reason: "the DHCP server took the address back", lost: true})
				return nil
			}
			if renewed != nil {
				return renewed
			}
		}
	}
	if ctx.Err() == nil {
		c.report(dhcpEvent{reason: "the DHCP lease ran out", lost: true})
	}
	return nil
}

// decline tells the server that its address is taken (RFC 2131 §4.4.4).
func (c *dhcpClient) decline(ctx context.Context, l *Lease) {
	c.log.Warn("offered address is in use by another device", "interface", c.link.Name, "address", l.Address.Addr())
	c.report(dhcpEvent{reason: fmt.Sprintf("the DHCP server offers %s, which another device uses", l.Address.Addr())})
	p := c.message(dhcpv4.MessageTypeDecline)
	p.DeleteOption(dhcpv4.OptionParameterRequestList)
	p.UpdateOption(dhcpv4.OptRequestedIPAddress(l.Address.Addr().AsSlice()))
	p.UpdateOption(dhcpv4.OptServerIdentifier(l.Server.AsSlice()))
	if w, err := c.openWire(c.link); err == nil {
		_ = w.send(p, netip.Addr{}, netip.Addr{}) // unanswered by design
		w.close()
	}
	sleep(ctx, declinePause)
}

// exchange is one message, sent tries times, and the answer it waits for.
type exchange struct {
	message  *dhcpv4.DHCPv4
	answer   dhcpv4.MessageType // zero: an ack
	from, to netip.Addr         // not valid: broadcast
	tries    int
	wait     func() time.Duration // for an answer, after each try
	silent   func()               // called after each unanswered try; may be nil
}

// exchange sends and waits. The wire is open only this long, so that a settled
// box reads no DHCP at all. refused means that the server said no (NAK).
func (c *dhcpClient) exchange(ctx context.Context, x exchange) (lease *Lease, refused bool) {
	if x.answer == dhcpv4.MessageTypeNone {
		x.answer = dhcpv4.MessageTypeAck
	}
	w, err := c.openWire(c.link)
	if err != nil {
		c.log.Warn("can't open the card for DHCP", "interface", c.link.Name, "error", err)
		sleep(ctx, x.wait())
		return nil, false
	}
	defer w.close()
	// A fresh number for each exchange, the same one for its repetitions.
	id := rand.Uint32()
	x.message.TransactionID = dhcpv4.TransactionID{byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)}
	for range x.tries {
		x.message.NumSeconds = uint16(min(time.Since(c.began)/time.Second, 0xFFFF))
		sent := time.Now()
		if err := w.send(x.message, x.from, x.to); err != nil {
			c.log.Debug("DHCP message not sent", "interface", c.link.Name, "error", err)
		}
		if lease, refused, done := c.await(ctx, w, x, sent); done {
			return lease, refused
		}
		if x.silent != nil {
			x.silent()
		}
	}
	return nil, false
}

// await reads replies until one fits, the wait is over (done false), or the
// exchange can't go on: ctx ended, or the wire broke (after the wait).
func (c *dhcpClient) await(ctx context.Context, w dhcpWire, x exchange, sent time.Time) (l *Lease, refused, done bool) {
	timer := time.NewTimer(x.wait())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, false, true
		case <-timer.C:
			return nil, false, false
		case p, ok := <-w.replies():
			if !ok {
				select {
				case <-ctx.Done():
				case <-timer.C:
				}
				return nil, false, true
			}
			if !c.isForUs(p, x.message) {
				continue
			}
			if p.MessageType() == dhcpv4.MessageTypeNak && x.answer == dhcpv4.MessageTypeAck && sameServer(p, x.message) {
				return nil, true, true
			}
			if p.MessageType() != x.answer {
				continue
			}
			l, err := newLease(p, sent)
			if err != nil {
				c.log.Warn("DHCP reply not usable", "interface", c.link.Name, "error", err)
				continue
			}
			if x.answer == dhcpv4.MessageTypeAck && !sameServer(p, x.message) {
				continue
			}
			return l, false, true
		}
	}
}

// isForUs checks what ties a reply to a request: transaction and card.
func (c *dhcpClient) isForUs(p, request *dhcpv4.DHCPv4) bool {
	return p.OpCode == dhcpv4.OpcodeBootReply && p.TransactionID == request.TransactionID &&
		bytes.Equal(p.ClientHWAddr, c.link.MAC)
}

// sameServer: when a request names a server, only that one may say yes or no.
func sameServer(p, request *dhcpv4.DHCPv4) bool {
	want := request.ServerIdentifier()
	return want == nil || want.Equal(p.ServerIdentifier())
}

func (c *dhcpClient) request(m ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	p := c.message(dhcpv4.MessageTypeRequest)
	for _, modify := range m {
		modify(p)
	}
	return p
}

// message builds what all our messages have in common.
func (c *dhcpClient) message(t dhcpv4.MessageType) *dhcpv4.DHCPv4 {
	p := &dhcpv4.DHCPv4{
		OpCode:        dhcpv4.OpcodeBootRequest,
		HWType:        iana.HWTypeEthernet,
		ClientHWAddr:  c.link.MAC,
		ClientIPAddr:  net.IPv4zero,
		YourIPAddr:    net.IPv4zero,
		ServerIPAddr:  net.IPv4zero,
		GatewayIPAddr: net.IPv4zero,
		Options:       make(dhcpv4.Options),
	}
	p.UpdateOption(dhcpv4.OptMessageType(t))
	p.UpdateOption(dhcpv4.OptMaxMessageSize(maxMessage))
	// Option 61: the hardware address, as nearly every server expects.
	p.UpdateOption(dhcpv4.OptClientIdentifier(append([]byte{byte(iana.HWTypeEthernet)}, c.link.MAC...)))
	p.UpdateOption(dhcpv4.OptParameterRequestList(
		dhcpv4.OptionSubnetMask, dhcpv4.OptionRouter, dhcpv4.OptionDomainNameServer,
		dhcpv4.OptionInterfaceMTU, dhcpv4.OptionNTPServers, dhcpv4.OptionIPAddressLeaseTime,
		dhcpv4.OptionRenewTimeValue, dhcpv4.OptionRebindingTimeValue))
	if c.hostname != "" {
		p.UpdateOption(dhcpv4.OptHostName(c.hostname))
	}
	return p
}

// doubling yields first, 2×first, … up to maxWait, each ±½ s or less (RFC 2131
// §4.1 asks for ±1 s on 4 s).
func doubling(first time.Duration) func() time.Duration {
	next := first
	return func() time.Duration {
		d := next
		next = min(next*2, maxWait)
		return jitter(d)
	}
}

// jitter keeps many boxes that get power at once from asking in step.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration(rand.Int64N(int64(d/2)+1)) - d/4
}

// sleep waits and reports whether the wait ran to its end.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
