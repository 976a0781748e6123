package mail

import (
	"errors"
	"net/netip"
	"slices"
)

// ErrElsewhere: the password is right, but the account can't be used from where the
// client is.
var ErrElsewhere = errors.New("this account can't be used from this network")

// Access says from where an account's password is taken. The zero value: from
// everywhere.
type Access struct {
	Office   bool           // from the office's own network
	Networks []netip.Prefix // and from these; masked
}

// Anywhere reports whether there is no bound.
func (a Access) Anywhere() bool { return !a.Office && len(a.Networks) == 0 }

// From reports whether the password is taken from the address; local tells what
// belongs to the office, and is asked only where that matters.
func (a Access) From(peer netip.Addr, local func(netip.Addr) bool) bool {
	peer = peer.Unmap().WithZone("")
	return a.Anywhere() || a.Office && local(peer) || slices.ContainsFunc(a.Networks, func(p netip.Prefix) bool { return p.Contains(peer) })
}

// PersonAccess is the access of one person.
type PersonAccess struct {
	Who Address
	Access
}
