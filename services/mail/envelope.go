package mail

import (
	"net/netip"
	"time"
)

// Envelope is what SMTP says about a message, apart from the message itself
// (RFC 5321 §2.3.1).
type Envelope struct {
	ID        ID
	Received  time.Time
	From      Address     // reverse-path; the zero Address is the null path <>
	To        []Recipient // forward-paths, in the order given
	EightBit  bool        // BODY=8BITMIME (RFC 6152)
	UTF8      bool        // SMTPUTF8 (RFC 6531)
	Size      int64       // as announced before it came (RFC 1870); 0: it was not
	Wishes    Wishes
	Peer      Peer
	Judgement Judgement
}

// Recipient is one forward-path, with what the sender wants to hear about it (RFC
// 3461 §4).
type Recipient struct {
	Address
	Notify   Notify
	Original string // ORCPT without its xtext, such as "rfc822;a@b.example"; "" if it was not given
}

// To is recipients about whom nothing is asked.
func To(addresses ...Address) []Recipient {
	list := make([]Recipient, len(addresses))
	for i, a := range addresses {
		list[i].Address = a
	}
	return list
}

// Notify says about which outcomes the sender wants a report (RFC 3461 §4.1). The
// zero value is what SMTP always did: about failure, perhaps about delay.
type Notify uint8

// The parts of a Notify. NotifyNever stands alone.
const (
	NotifyNever Notify = 1 << iota
	NotifySuccess
	NotifyFailure
	NotifyDelay
)

// Wishes are what a sender asked for with its message, beyond its being
// delivered. They travel with it to the next server that knows them.
type Wishes struct {
	Return     Return    // how much of the message a report gives back (RFC 3461 §4.3)
	EnvelopeID string    // ENVID without its xtext (RFC 3461 §4.4)
	RequireTLS bool      // only over verified TLS, all the way (RFC 8689)
	Priority   int8      // MT-PRIORITY, -9 to 9 (RFC 6710)
	HoldUntil  time.Time // FUTURERELEASE (RFC 4865); zero: at once
	By         time.Time // DELIVERBY (RFC 2852); zero: whenever it can be
	ByNotify   bool      // when By has passed, say so and go on; else give up and return it
	ByTrace    bool      // report also when it is passed on to a server that knows no By (RFC 2852 §4.1.4)
}

// Return is how much of a message a report about it gives back.
type Return uint8

// The values of a Return.
const (
	ReturnUnsaid Return = iota
	ReturnFull
	ReturnHeaders
)

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
	// Program is the app password that was given; 0: it was another proof.
	Program ProgramNumber
}

// Account is one person's (or one function's) account on the box.
type Account struct {
	ID      AccountID
	Address Address // its main address, which is also its login
	Name    string  // what stands beside the address
	Role    AccountRole
	Domains []string // canonical; those that a domain administrator looks after
	// Disabled: nobody logs in, with whatever they have; mail goes on to arrive.
	Disabled bool
	Quota    Quota
	Created  time.Time
}

// Target is one local recipient of a delivery.
type Target struct {
	Account AccountID
	Role    Role   // which mailbox; RoleNone means INBOX
	Flags   Flags  // set on arrival
	Prefix  []byte // header lines in front of the shared body: Return-Path, Delivered-To
}
