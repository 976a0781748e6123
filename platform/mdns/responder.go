package mdns

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	port = 5353

	// probes, probeGap and maxProbeDelay are RFC 6762 §8.1.
	probes        = 3
	probeGap      = 250 * time.Millisecond
	maxProbeDelay = 250 * time.Millisecond
	// lostTie is §8.2: how long the loser of a simultaneous probe waits.
	lostTie = time.Second
	// announcements and announceGap are §8.3.
	announcements = 2
	announceGap   = time.Second
	// manyConflicts and conflictPause are §8.1: a box that conflicts with
	// everything must become quiet.
	manyConflicts = 15
	conflictPause = 5 * time.Second
	// maxNumber ends the search for a free name at mailbox-99.
	maxNumber = 99
	// multicastGap is §6: the same records at most once a second on a card.
	multicastGap = time.Second
	// maxAnswers bounds answers of any kind in a second, on all cards together.
	maxAnswers = 100
)

// Interface is a card to answer on.
type Interface struct {
	Index int
	Name  string
	// Prefixes are the card's addresses with their networks; link-local IPv6 ones
	// are not announced.
	Prefixes []netip.Prefix
}

func (i Interface) addrs() []netip.Addr {
	var list []netip.Addr
	for _, p := range i.Prefixes {
		if a := p.Addr(); !(a.Is6() && a.IsLinkLocalUnicast()) {
			list = append(list, a)
		}
	}
	return list
}

// near reports whether a stands in one of the card's networks.
func (i Interface) near(a netip.Addr) bool {
	if a.Is6() && a.IsLinkLocalUnicast() {
		return true
	}
	return slices.ContainsFunc(i.Prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Options is what a [Responder] needs.
type Options struct {
	// Name is the wanted name's first label: "mailbox" for mailbox.local.
	Name string
	Log  *slog.Logger
	// OnName is told the name that holds ("mailbox-2.local"), or "" while none
	// does. It runs on the responder's goroutine and must return soon; may be nil.
	OnName func(string)
}

// packet is one that came in.
type packet struct {
	data      []byte
	from      netip.AddrPort
	index     int  // of the card
	multicast bool // it was sent to the group
}

// wire carries packets. Sends are best effort: the protocol repeats itself.
type wire interface {
	join(Interface)
	multicast(data []byte, index int)
	unicast(data []byte, index int, to netip.AddrPort)
	packets() <-chan packet
	close()
}

// phase is where a name stands.
type phase int

const (
	idle phase = iota // no card to claim it on
	probing
	announcing
	established
)

// Responder answers for one name. Make one with [New].
type Responder struct {
	o       Options
	open    func(*slog.Logger) (wire, error)
	updates chan []Interface

	// The rest belongs to Run's goroutine.
	wire      wire
	cards     []Interface
	number    int // 1: the wanted name; 2: "-2" behind it; …
	phase     phase
	step      int // probes or announcements sent
	conflicts int // since the last established name
	timer     *time.Timer
	said      map[int]time.Time // last multicast of our records, by card
	window    time.Time         // start of the second that answered counts
	answered  int
	told      string
}

// New returns a Responder. The name must be a valid host label.
func New(o Options) (*Responder, error) {
	r := &Responder{o: o, open: listen, updates: make(chan []Interface, 1), number: 1, said: make(map[int]time.Time)}
	if !validLabel(o.Name) {
		return nil, fmt.Errorf("mdns: %q can't be a computer's name", o.Name)
	}
	return r, nil
}

// validLabel leaves room for "-99" in the 63 bytes of a label.
func validLabel(s string) bool {
	return s != "" && len(s) <= 60 && s[0] != '-' && strings.IndexFunc(s, func(r rune) bool {
		return !(r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	}) < 0
}

// SetInterfaces says which cards have a cable, and their addresses. It never
// blocks; the latest call counts.
func (r *Responder) SetInterfaces(cards []Interface) {
	cards = slices.Clone(cards)
	for {
		select {
		case r.updates <- cards:
			return
		default:
		}
		select { // an older one that nobody took yet
		case <-r.updates:
		default:
		}
	}
}

// Run answers until ctx ends. It returns an error only when port 5353 can't be
// used at all.
func (r *Responder) Run(ctx context.Context) error {
	w, err := r.open(r.o.Log)
	if err != nil {
		return err
	}
	defer w.close()
	r.wire = w
	r.timer = time.NewTimer(time.Hour)
	r.timer.Stop()
	defer r.timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case cards := <-r.updates:
			r.update(cards)
		case p, ok := <-w.packets():
			if !ok {
				return fmt.Errorf("mdns: sockets closed")
			}
			r.handle(p)
		case <-r.timer.C:
			r.tick()
		}
	}
}

func (r *Responder) label() string {
	if r.number == 1 {
		return r.o.Name
	}
	return fmt.Sprintf("%s-%d", r.o.Name, r.number)
}

func (r *Responder) name() string { return r.label() + ".local" }

// dnsName never fails: validLabel has bounded its length.
func (r *Responder) dnsName() dnsmessage.Name { return dnsmessage.MustNewName(r.name() + ".") }

// update takes in what the network looks like now.
func (r *Responder) update(cards []Interface) {
	old := r.cards
	r.cards = cards
	fresh, changed := false, len(old) != len(cards)
	for _, c := range cards {
		i := slices.IndexFunc(old, func(o Interface) bool { return o.Index == c.Index })
		if i < 0 {
			fresh = true
			r.wire.join(c)
		} else if !slices.Equal(old[i].addrs(), c.addrs()) {
			changed = true
		}
	}
	switch {
	case !slices.ContainsFunc(cards, func(c Interface) bool { return len(c.addrs()) > 0 }):
		r.phase = idle
		r.timer.Stop()
		r.tell("")
	case fresh || r.phase == idle:
		r.number = 1 // other neighbours, another chance
		r.probe(time.Duration(rand.Int64N(int64(maxProbeDelay))))
	case changed && r.phase != probing:
		r.phase, r.step = announcing, 0
		r.timer.Reset(0)
	}
}

// probe starts the claim for the name after a delay.
func (r *Responder) probe(delay time.Duration) {
	r.phase, r.step = probing, 0
	r.tell("")
	r.timer.Reset(delay)
}

// tick does the next step of probing or announcing.
func (r *Responder) tick() {
	switch r.phase {
	case probing:
		if r.step < probes {
			r.sendProbes()
			r.step++
			r.timer.Reset(probeGap)
			return
		}
		r.phase, r.step = announcing, 0
		r.o.Log.Info("name claimed", "name", r.name())
		r.tell(r.name())
		r.tick()
	case announcing:
		r.announce()
		r.step++
		if r.step < announcements {
			r.timer.Reset(announceGap)
			return
		}
		r.phase, r.conflicts = established, 0
	case idle, established:
	}
}

func (r *Responder) sendProbes() {
	for _, c := range r.cards {
		if b, err := probe(r.dnsName(), c.addrs()); err == nil && len(c.addrs()) > 0 {
			r.wire.multicast(b, c.Index)
		}
	}
}

func (r *Responder) announce() {
	for _, c := range r.cards {
		if len(c.addrs()) > 0 {
			r.multicast(c)
		}
	}
}

// multicast sends all our records on one card.
func (r *Responder) multicast(c Interface) {
	b, err := reply{name: r.dnsName(), addrs: c.addrs(), missing: true, ttl: recordTTL, unique: true}.bytes()
	if err != nil {
		r.o.Log.Error("mdns answer not built", "error", err)
		return
	}
	r.said[c.Index] = time.Now()
	r.wire.multicast(b, c.Index)
}

func (r *Responder) tell(name string) {
	if name != r.told && r.o.OnName != nil {
		r.o.OnName(name)
	}
	r.told = name
}
