package mail

import "net/netip"

// Visit is one log-in of a program that people read mail with.
type Visit struct {
	Login    Login
	Peer     netip.Addr
	Protocol string // "imap", "pop3"
	Program  string // what the program calls itself; "": it has not said
}
