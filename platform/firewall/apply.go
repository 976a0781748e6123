package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

const (
	tableName = "sanduk"

	smtpPort  = 25
	identPort = 113 // RFC 1413: servers that ask it wait for an answer, "closed" is one

	// icmpRate is far above what errors and pings of an office need.
	icmpRate, icmpBurst = 100, 200

	// New connections from one address of the world. A provider's server that delivers to
	// three hundred people opens some per second at the worst; the mail service counts
	// what is open at once.
	worldRate, worldBurst = 240, 120 // a minute; at once
	worldMemory           = 65536    // addresses that are remembered
	worldForget           = 2 * time.Minute
)

// ruleset is a table that is being made.
type ruleset struct {
	conn  *nftables.Conn
	table *nftables.Table
	sets  int
	err   error
}

// Apply makes the kernel's rules those of the policy, in place of all that Apply made
// before. On an error they are as they were. CAP_NET_ADMIN is needed.
func Apply(p Policy, around Surroundings) error {
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("firewall: speak to the kernel: %w", err)
	}
	r := &ruleset{conn: conn}
	// What is to be removed must be there; both are part of the one transaction.
	conn.AddTable(&nftables.Table{Name: tableName, Family: nftables.TableFamilyINet})
	conn.DelTable(&nftables.Table{Name: tableName, Family: nftables.TableFamilyINet})
	r.table = conn.AddTable(&nftables.Table{Name: tableName, Family: nftables.TableFamilyINet})
	closed := nftables.ChainPolicyDrop
	world := conn.AddChain(&nftables.Chain{Name: "world", Table: r.table})
	input := conn.AddChain(&nftables.Chain{
		Name: "input", Table: r.table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter, Policy: &closed,
	})
	conn.AddChain(&nftables.Chain{
		Name: "forward", Table: r.table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter, Policy: &closed,
	})
	r.fromAnywhere(input)
	r.fromOffice(input, world, p, around)
	r.fromWorld(world, p)
	if r.err != nil {
		return r.err
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("firewall: give the kernel its rules: %w", err)
	}
	return nil
}

func (r *ruleset) add(chain *nftables.Chain, parts ...match) {
	r.conn.AddRule(&nftables.Rule{Table: r.table, Chain: chain, Exprs: rule(parts...)})
}

// fromAnywhere is what is let in whoever it comes from.
func (r *ruleset) fromAnywhere(input *nftables.Chain) {
	r.add(input, onLoopback(), accept())
	r.add(input, inState(stateEstablished|stateRelated), accept())
	r.add(input, inState(stateInvalid), protocol(unix.IPPROTO_TCP), drop())
	// Neighbours and routers of IPv6 speak ICMP to each other (RFC 4890 §4.4); the kernel
	// takes such packets from this wire only.
	r.add(input, protocol(unix.IPPROTO_ICMPV6), neighbour(), accept())
	for _, p := range []byte{unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6} {
		r.add(input, protocol(p), within(icmpRate, icmpBurst), accept())
	}
}

// fromOffice is what the office's networks may; all others go on to the world's rules.
func (r *ruleset) fromOffice(input, world *nftables.Chain, p Policy, around Surroundings) {
	// Answers to DHCP's questions go to addresses that nobody has yet (RFC 8415 §7.2).
	r.add(input, protocol(unix.IPPROTO_UDP), toPort(68), accept())
	r.add(input, protocol(unix.IPPROTO_UDP), toPort(546), accept())
	near := append([]netip.Prefix{netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("169.254.0.0/16")}, around.OnLink...)
	for _, v4 := range []bool{true, false} {
		r.add(input, from(r.addresses(p.Office, v4), v4), accept())
		if p.SetUp {
			r.add(input, from(r.addresses(alone(around.Routers), v4), v4), goTo(world))
		}
		r.add(input, from(r.addresses(near, v4), v4), accept())
	}
	r.add(input, goTo(world))
}

// fromWorld is what everybody may.
func (r *ruleset) fromWorld(world *nftables.Chain, p Policy) {
	r.add(world, protocol(unix.IPPROTO_TCP), toPort(identPort), within(icmpRate, icmpBurst), accept())
	for _, v4 := range []bool{true, false} {
		r.add(world, protocol(unix.IPPROTO_TCP), tooOften(r.memory(v4), v4, worldRate, worldBurst), drop())
	}
	r.add(world, protocol(unix.IPPROTO_TCP), toPort(smtpPort), accept())
	for _, d := range p.Doors {
		for _, v4 := range []bool{true, false} {
			r.add(world, protocol(unix.IPPROTO_TCP), from(r.addresses(d.Networks, v4), v4), to(r.ports(d.Ports)), accept())
		}
	}
}

// addresses is a set of networks.
func (r *ruleset) addresses(networks []netip.Prefix, v4 bool) *nftables.Set {
	set := r.name(&nftables.Set{Interval: true, Constant: true, KeyType: keyType(v4)})
	var elements []nftables.SetElement
	for _, s := range spans(networks, v4) {
		elements = append(elements, nftables.SetElement{Key: s.first.AsSlice()})
		if end := s.last.Next(); end.IsValid() { // else it reaches to the end of all addresses
			elements = append(elements, nftables.SetElement{Key: end.AsSlice(), IntervalEnd: true})
		}
	}
	return r.addSet(set, elements)
}

// ports is a set of ports.
func (r *ruleset) ports(ports []uint16) *nftables.Set {
	set := r.name(&nftables.Set{Constant: true, KeyType: nftables.TypeInetService})
	var elements []nftables.SetElement
	for _, p := range slices.Compact(slices.Sorted(slices.Values(ports))) {
		elements = append(elements, nftables.SetElement{Key: []byte{byte(p >> 8), byte(p)}})
	}
	return r.addSet(set, elements)
}

// memory is a set that remembers how often addresses have come.
func (r *ruleset) memory(v4 bool) *nftables.Set {
	set := r.name(&nftables.Set{Dynamic: true, HasTimeout: true, Timeout: worldForget, Size: worldMemory, KeyType: keyType(v4)})
	return r.addSet(set, nil)
}

func keyType(v4 bool) nftables.SetDatatype {
	if v4 {
		return nftables.TypeIPAddr
	}
	return nftables.TypeIP6Addr
}

func (r *ruleset) name(set *nftables.Set) *nftables.Set {
	r.sets++
	set.Table, set.Name = r.table, fmt.Sprintf("set%d", r.sets)
	return set
}

func (r *ruleset) addSet(set *nftables.Set, elements []nftables.SetElement) *nftables.Set {
	if err := r.conn.AddSet(set, elements); err != nil && r.err == nil {
		r.err = fmt.Errorf("firewall: make a set: %w", err)
	}
	return set
}
