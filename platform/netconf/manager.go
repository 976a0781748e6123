package netconf

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

const (
	// settle lets a burst of kernel messages end before we look.
	settle = 50 * time.Millisecond
	// heal is how often everything is compared with the kernel even though no
	// message came: lost messages, expired name servers.
	heal = 10 * time.Second
	// maxCards bounds what is configured; no board has more.
	maxCards = 16
	// maxHeard bounds router announcements between two looks.
	maxHeard = 64
)

// Options is what a [Manager] needs. Callbacks run on the manager's goroutine
// and must return soon; they may be nil.
type Options struct {
	Config   Config
	Hostname string // sent to DHCP servers (option 12); may be empty
	// RunDir gets resolv.conf and status.json.
	RunDir string
	// StateDir keeps leases for the next start; empty: none are kept.
	StateDir string
	Log      *slog.Logger

	OnReady  func()       // once: every card has been switched on and is trying
	OnStatus func(string) // one line, at every change of it
	OnChange func(Status) // at every change
	OnAlive  func()       // at least every 10 s while the manager works
}

// Manager keeps the box's network as its Config says. Make one with
// [NewManager]; it does nothing until [Manager.Run].
type Manager struct {
	options Options
	kernel  kernel
	prober  prober
	dhcp    func(Link) (dhcpWire, error)
	inform  func(context.Context, Link) (rdnss, error)
	speed   func(name string) int

	posts   chan func() // run by Run's goroutine
	changed chan struct{}

	mu    sync.Mutex
	heard []rdnss // since the last look; guarded by mu
	name  string  // for the status; guarded by mu

	// The rest belongs to Run's goroutine.
	config Config
	cards  []*card // by index
	runs   uint64  // counts tasks, to tell a stopped one's late words
	last   published
	kept   map[string]*Lease // for the next start, by hardware address
	unkept bool              // kept is not what is on the disk
}

// published is what was last told to the outside.
type published struct {
	status, resolv string
	summary        string
}

// card is one network card and what it is doing.
type card struct {
	link   Link
	static bool // it holds Config.Address
	stop   context.CancelFunc
	run    uint64 // of the task that stop ends; 0: none

	lease    *Lease
	fallback netip.Prefix // link-local; zero: none
	claiming bool         // a claim for fallback is under way
	named    []nameserver // from router advertisements and DHCPv6
	informAt time.Time    // when to ask DHCPv6; zero: not decided
	reason   string       // why there is no lease
	taken    string       // who else has our static address

	// settled: we know better than what an earlier start left on the card.
	settled bool
	applied *Lease // whose lifetime the kernel knows
	mtu     int    // the card's own, before a lease changed it
	faults  string // last error, so that it is logged once
}

// NewManager returns a manager for this machine's cards.
func NewManager(o Options) *Manager {
	return &Manager{
		options: o,
		kernel:  netlinkKernel{log: o.Log},
		prober:  prober{open: openARP, own: ownHardware},
		dhcp:    openDHCP,
		inform:  inform,
		speed:   linkSpeed,
		posts:   make(chan func(), 16),
		changed: make(chan struct{}, 1),
		config:  o.Config,
	}
}

// Run configures the network until ctx ends; then it leaves everything as it is,
// so that a restart goes unnoticed. It returns an error only when it can't watch
// the kernel at all.
func (m *Manager) Run(ctx context.Context) error {
	err := m.kernel.watch(ctx, m.poke, m.hear)
	if err != nil {
		return err
	}
	if m.options.StateDir != "" {
		if m.kept, err = keptLeases(m.options.StateDir); err != nil {
			m.options.Log.Warn("no address of the start before is asked for", "error", err)
		}
	}
	m.look(ctx)
	for _, c := range m.cards {
		// Routers answer within seconds instead of at their next turn (minutes).
		if err := m.kernel.solicit(c.link); err != nil {
			m.options.Log.Debug("routers not asked", "interface", c.link.Name, "error", err)
		}
	}
	if m.options.OnReady != nil {
		m.options.OnReady()
	}
	ticker := time.NewTicker(heal)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			for _, c := range m.cards {
				c.end()
			}
			return nil
		case <-m.changed:
			sleep(ctx, settle)
		case f := <-m.posts:
			f()
		case <-ticker.C:
			m.keepLeases() // not at once: at a start others wait for the disk
		}
		m.look(ctx)
		if m.options.OnAlive != nil {
			m.options.OnAlive()
		}
	}
}

// Reload takes new settings. Safe for concurrent use; it returns once the
// running manager has them, or ctx ended.
func (m *Manager) Reload(ctx context.Context, config Config, hostname string) {
	m.post(ctx, func() {
		m.config = config
		m.options.Hostname = hostname
		for _, c := range m.cards {
			c.end() // everything starts anew with the new settings
			c.static = false
			c.taken = ""
		}
	})
}

// SetName puts the name that mDNS answers for into the status file. Safe for
// concurrent use; it never blocks.
func (m *Manager) SetName(name string) {
	m.mu.Lock()
	m.name = name
	m.mu.Unlock()
	m.poke()
}

// poke says that the kernel's view may have changed.
func (m *Manager) poke() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

func (m *Manager) post(ctx context.Context, f func()) {
	select {
	case m.posts <- f:
	case <-ctx.Done():
	}
}

// hear keeps an RDNSS announcement until the next look. A flood of them costs
// one look per settle time and nothing more.
func (m *Manager) hear(r rdnss) {
	m.mu.Lock()
	if len(m.heard) < maxHeard {
		m.heard = append(m.heard, r)
	}
	m.mu.Unlock()
	m.poke()
}

// learn takes in what was heard.
func (m *Manager) learn() {
	m.mu.Lock()
	heard := m.heard
	m.heard = nil
	m.mu.Unlock()
	now := time.Now()
	for _, c := range m.cards {
		for _, r := range heard {
			if c.link.Index == r.index {
				c.named = remember(c.named, r, now)
			}
		}
		c.named = forgetExpired(c.named, now)
	}
}

// look compares everything with the kernel and does what is missing. It is safe
// to call at any time and does nothing when all is as it should be.
func (m *Manager) look(ctx context.Context) {
	links, err := m.kernel.links()
	if err != nil {
		m.options.Log.Error("can't list network cards", "error", err)
		return
	}
	links = m.tagged(links)
	m.match(links[:min(len(links), maxCards)])
	m.placeStatic()
	m.learn()
	for i, c := range m.cards {
		if !c.link.Up {
			c.fault(m.options.Log, m.kernel.up(c.link))
		}
		m.task(ctx, c)
		m.informIfSilent(ctx, c)
		c.fault(m.options.Log, m.apply(c, i))
	}
	m.publish()
}

// match brings the list of cards in line with the kernel's.
func (m *Manager) match(links []Link) {
	var cards []*card
	for _, l := range links {
		i := slices.IndexFunc(m.cards, func(c *card) bool { return c.link.Index == l.Index })
		if i < 0 {
			m.options.Log.Info("network card found", "interface", l.Name, "mac", l.MAC.String())
			cards = append(cards, &card{link: l, mtu: l.MTU})
			continue
		}
		c := m.cards[i]
		if c.link.Carrier != l.Carrier {
			m.options.Log.Info("network cable", "interface", l.Name, "plugged", l.Carrier)
			c.end() // a new cable is a new start; a pulled one ends what was going on
		}
		if c.link.Name != l.Name || c.link.MAC.String() != l.MAC.String() {
			c.end()
		}
		c.link = l
		cards = append(cards, c)
	}
	for _, c := range m.cards {
		if !slices.Contains(cards, c) {
			m.options.Log.Info("network card gone", "interface", c.link.Name)
			c.end()
		}
	}
	m.cards = cards
}

// placeStatic decides which card has the static address: the one named, else
// the one that has it as long as its cable is in, else the first with a cable.
func (m *Manager) placeStatic() {
	var holder *card
	if m.config.Mode == ModeStatic {
		holder = m.findHolder()
	}
	for _, c := range m.cards {
		if is := c == holder; c.static != is {
			c.static = is
			c.end()
			c.settled = true // what stands on the card is not what is wanted now
		}
	}
}

func (m *Manager) findHolder() *card {
	if m.config.Interface != "" {
		for _, c := range m.cards {
			if c.link.Name == m.config.Interface || c.link.VLAN != 0 && c.link.On == m.config.Interface {
				return c
			}
		}
		return nil
	}
	find := func(fits func(*card) bool) *card {
		if i := slices.IndexFunc(m.cards, fits); i >= 0 {
			return m.cards[i]
		}
		return nil
	}
	if c := find(func(c *card) bool { return c.static && c.link.Carrier }); c != nil {
		return c
	}
	if c := find(func(c *card) bool { return c.link.Carrier }); c != nil {
		return c
	}
	if c := find(func(c *card) bool { return c.static }); c != nil {
		return c
	}
	return find(func(*card) bool { return true })
}

// task starts what a card with a cable should be doing and isn't.
func (m *Manager) task(ctx context.Context, c *card) {
	if !c.link.Carrier || c.run != 0 {
		return
	}
	ctx, c.stop = context.WithCancel(ctx)
	m.runs++
	c.run = m.runs
	if c.static && m.config.Address.Addr().Is4() {
		c.lease, c.fallback, c.reason, c.taken = nil, netip.Prefix{}, "", ""
		m.watchStatic(ctx, c)
		return
	}
	m.startDHCP(ctx, c)
}

func (m *Manager) watchStatic(ctx context.Context, c *card) {
	run, link, a := c.run, c.link, m.config.Address.Addr()
	go func() {
		other := m.prober.watchStatic(ctx, link, a)
		m.post(ctx, func() {
			if c.run == run && other != nil {
				c.taken = a.String() + " is also used by another device (" + other.String() + "). Give one of the two another address."
			}
		})
	}()
}

func (m *Manager) startDHCP(ctx context.Context, c *card) {
	run := c.run
	previous, wish := c.lease, m.existing(c)
	if previous == nil && !wish.IsValid() {
		previous, wish = m.recall(c.link)
	}
	client := &dhcpClient{
		link:     c.link,
		hostname: m.options.Hostname,
		log:      m.options.Log,
		openWire: m.dhcp,
		inUse:    m.prober.leaseInUse,
		previous: previous,
		kept:     previous != nil && c.lease == nil,
		wish:     wish,
		report: func(e dhcpEvent) {
			m.post(ctx, func() {
				if c.run == run { // else: a stopped client's last words
					m.leased(ctx, c, e)
				}
			})
		},
	}
	go client.run(ctx)
}

// existing is the address that an earlier start left on the card: asking for it
// again usually keeps every connection alive.
func (m *Manager) existing(c *card) netip.Addr {
	addresses, err := m.kernel.addresses(c.link)
	if err != nil {
		return netip.Addr{}
	}
	for _, a := range addresses {
		if ip := a.prefix.Addr(); ip.Is4() && !ip.IsLinkLocalUnicast() {
			return ip
		}
	}
	return netip.Addr{}
}

// leased takes in what a DHCP client says.
func (m *Manager) leased(ctx context.Context, c *card, e dhcpEvent) {
	log := m.options.Log.With("interface", c.link.Name)
	if e.lease != nil {
		fresh := c.lease == nil || c.lease.Address != e.lease.Address
		c.lease, c.reason, c.settled = e.lease, "", true
		c.fallback, c.claiming = netip.Prefix{}, false
		m.keep(c.link, c.lease)
		log.Info("address leased", "address", e.lease.Address, "server", e.lease.Server, "for", e.lease.Expires)
		if fresh {
			go m.prober.announce(ctx, c.link, e.lease.Address.Addr())
		}
		return
	}
	if c.reason != e.reason {
		log.Warn("no address leased", "reason", e.reason)
	}
	c.reason = e.reason
	if e.lost {
		c.lease, c.settled = nil, true
		m.keep(c.link, nil)
	}
	if c.lease.valid(time.Now()) || c.claiming || c.fallback.IsValid() {
		return
	}
	c.claiming = true
	run, link := c.run, c.link
	go func() {
		p := m.prober.claimLocal(ctx, link)
		m.post(ctx, func() {
			if c.run == run && c.claiming {
				c.claiming, c.fallback, c.settled = false, p, true
				log.Info("link-local address taken", "address", p)
				go m.prober.announce(ctx, link, p.Addr())
			}
		})
	}()
}

// end stops what the card is doing; its addresses stay until something better
// is known.
func (c *card) end() {
	if c.stop != nil {
		c.stop()
	}
	c.stop, c.run, c.claiming = nil, 0, false
}

// fault logs an error once, until it changes or passes.
func (c *card) fault(log *slog.Logger, err error) {
	if err == nil {
		c.faults = ""
		return
	}
	if text := err.Error(); text != c.faults {
		c.faults = text
		log.Error("network card not configured", "interface", c.link.Name, "error", err)
	}
}

// publish writes and tells what changed.
func (m *Manager) publish() {
	s := m.status()
	asked := s.DNS
	if m.config.DNSTLS != "" {
		asked = []netip.Addr{StubAddress()} // which asks them over TLS
	}
	if content := resolvConf(asked); content != m.last.resolv {
		err := m.write("resolv.conf", content)
		m.written(err, func() { m.last.resolv = content })
	}
	content, err := statusJSON(s)
	if err == nil && content != m.last.status {
		err = m.write("status.json", content)
		m.written(err, func() { m.last.status = content })
		if m.options.OnChange != nil {
			m.options.OnChange(s)
		}
	}
	if line := s.summary(); line != m.last.summary && m.options.OnStatus != nil {
		m.last.summary = line
		m.options.OnStatus(line)
	}
}

// write replaces a file in the run directory in one step; everybody may read how
// the network stands.
func (m *Manager) write(name, content string) error {
	return writeFile(m.options.RunDir, name, []byte(content))
}

func writeFile(dir, name string, content []byte) error {
	disk, err := durable.NewOS(dir)
	if err != nil {
		return err
	}
	defer disk.Close()
	return durable.ReplaceBytes(disk, name, 0o644, content)
}

func (m *Manager) written(err error, ok func()) {
	if err != nil {
		m.options.Log.Error("can't tell others about the network", "error", err)
		return
	}
	ok()
}
