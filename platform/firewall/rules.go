package firewall

import (
	"encoding/binary"
	"net"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The rules are made of these: each looks at one thing of a packet, and the rule goes on
// only if that is as it says.

type match = []expr.Any

func rule(parts ...match) match {
	var all match
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func equals(value []byte) *expr.Cmp { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: value} }

// onLoopback looks at where the packet came in.
func onLoopback() match {
	name := make([]byte, unix.IFNAMSIZ)
	copy(name, "lo")
	return match{&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1}, equals(name)}
}

// inState looks at what the connection is to the kernel: a sum of expr.CtStateBit….
func inState(bits uint32) match {
	return match{
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(bits), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}

// protocol looks at what is in the packet: unix.IPPROTO_….
func protocol(number byte) match {
	return match{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, equals([]byte{number})}
}

// family looks at the version of IP, and says where the source address stands.
func family(v4 bool) match {
	number := byte(unix.NFPROTO_IPV6)
	if v4 {
		number = unix.NFPROTO_IPV4
	}
	return match{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, equals([]byte{number})}
}

// source loads the address the packet comes from, once its family is known.
func source(v4 bool) expr.Any {
	if v4 {
		return &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: 4} // RFC 791 §3.1
	}
	return &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 8, Len: 16} // RFC 8200 §3
}

// from looks whether the packet comes from an address in the set.
func from(set *nftables.Set, v4 bool) match {
	return append(family(v4), source(v4), &expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID})
}

// to looks whether the packet goes to a port in the set.
func to(ports *nftables.Set) match {
	return match{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Lookup{SourceRegister: 1, SetName: ports.Name, SetID: ports.ID},
	}
}

// toPort looks at the port that the packet goes to.
func toPort(port uint16) match {
	return match{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		equals(binary.BigEndian.AppendUint16(nil, port)),
	}
}

// within holds for so many packets a second, and some more at once.
func within(perSecond uint64, burst uint32) match {
	return match{&expr.Limit{Type: expr.LimitTypePkts, Rate: perSecond, Unit: expr.LimitTimeSecond, Burst: burst}}
}

// tooOften holds for an address that has come more often than that; the set remembers. When
// it is full it holds for nobody: else whoever fills it would shut out everybody.
func tooOften(seen *nftables.Set, v4 bool, perMinute uint64, burst uint32) match {
	m := append(family(v4), source(v4))
	if !v4 { // 64 bits are one customer's (RFC 6177)
		m = append(m, &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 16, Mask: net.CIDRMask(64, 128), Xor: make([]byte, 16)})
	}
	return append(m, &expr.Dynset{
		SrcRegKey: 1, SetName: seen.Name, SetID: seen.ID, Operation: uint32(unix.NFT_DYNSET_OP_UPDATE),
		Exprs: []expr.Any{&expr.Limit{Type: expr.LimitTypePkts, Rate: perMinute, Unit: expr.LimitTimeMinute, Burst: burst, Over: true}},
	})
}

func accept() match { return match{&expr.Verdict{Kind: expr.VerdictAccept}} }
func drop() match   { return match{&expr.Verdict{Kind: expr.VerdictDrop}} }
func goTo(chain *nftables.Chain) match {
	return match{&expr.Verdict{Kind: expr.VerdictGoto, Chain: chain.Name}}
}

// States of a connection, as the kernel counts them (linux/netfilter/nf_conntrack_common.h,
// enum ip_conntrack_info, shifted by one).
const (
	stateInvalid     = 1 << 0
	stateEstablished = 1 << 1
	stateRelated     = 1 << 2
)

// neighbour holds for the messages without which there is no IPv6 on a wire: those of
// neighbour discovery (RFC 4861) and of groups (RFC 3810). They are never too many.
func neighbour() match {
	const first, last = 130, 137 // MLD 130 to 132, discovery 133 to 137
	return match{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
		&expr.Range{Op: expr.CmpOpEq, Register: 1, FromData: []byte{first}, ToData: []byte{last}},
	}
}
