package mail

import (
	"net/netip"
	"time"
)

// Envelope is what SMTP says about a message, apart from the message itself
// (RFC 5321 §2.3.1).
type Envelope struct {
	ID       ID
	Received time.Time
	From     Address   // reverse-path; the zero Address is the null path <>
	To       []Address // forward-paths, in the order given
	EightBit bool      // BODY=8BITMIME (RFC 6152)
	UTF8     bool      // SMTPUTF8 (RFC 6531)
	Size     int64     // as announced before it came (RFC 1870); 0: it was not
	Peer     Peer
}

// Peer is who handed the message in.
type Peer struct {
	Addr     netip.Addr // the client's address; zero for mail that was made here
	Helo     string     // what it said in EHLO or HELO
	Protocol string     // ESMTP, ESMTPSA, …: the "with" of Received (RFC 3848)
	TLS      string     // version and cipher in words, "" without TLS
	Login    Login      // who logged in; zero on port 25
}

// Login is who a session has proven to be. The zero value is nobody.
type Login struct {
	Account AccountID
	Address Address // the account's main address
	Admin   bool    // may run the office: the admin pages and API
}

// Account is one person's (or one function's) account on the box.
type Account struct {
	ID      AccountID
	Address Address // its main address, which is also its login
	Name    string  // what stands beside the address
	Admin   bool
	Quota   Quota
	Created time.Time
}

// Target is one local recipient of a delivery.
type Target struct {
	Account AccountID
	Role    Role   // which mailbox; RoleNone means INBOX
	Flags   Flags  // set on arrival
	Prefix  []byte // header lines in front of the shared body: Return-Path, Delivered-To
}
