package mail

import "time"

// Way is by whom mail goes out.
type Way string

// The ways.
const (
	WayUsual     Way = ""          // as all mail that has no way of its own
	WayDirect    Way = "direct"    // to the recipients' own servers
	WaySmartHost Way = "smarthost" // by a provider's server, which sends it on
)

// RouteTLS is how a smart host is spoken to.
type RouteTLS string

// How smart hosts are spoken to.
const (
	RouteSTARTTLS RouteTLS = "starttls" // port 587
	RouteImplicit RouteTLS = "implicit" // port 465
	RouteClear    RouteTLS = "none"     // port 25, for a server in the same house
)

// KeyPin is the SHA-256 of a server's public key; the zero KeyPin pins nothing.
type KeyPin [32]byte

// Route is what holds for mail to a domain: which way it goes, and when it is tried.
type Route struct {
	Domain string // canonical; "" is all mail that no other Route is for
	Below  bool   // also for all domains that end in it
	Way    Way
	// Of a smart host.
	Host     string // its name or address
	Port     uint16
	TLS      RouteTLS
	Pin      KeyPin // if set, it stands in place of the check by authorities
	User     string // "" logs in nowhere
	Password string
	FallBack bool // goes direct while the smart host can't be reached

	Retries Retries
}

// Retries is when mail is tried again, and for how long. Zero fields: as usual.
type Retries struct {
	Pauses []time.Duration // after the first try, the second, …
	Then   time.Duration   // after each later one
	Delay  time.Duration   // after this the sender is told that it takes long
	GiveUp time.Duration   // after this it is sent back
}

// IsZero says that all is as usual.
func (r *Retries) IsZero() bool {
	return len(r.Pauses) == 0 && r.Then == 0 && r.Delay == 0 && r.GiveUp == 0
}

// RouteTrial is what came of trying a Route without sending anything.
type RouteTrial struct {
	Well   bool
	Server string // that was tried last, with its address where there is one
	TLS    string // as in Attempt
	Pin    KeyPin // of the key that the server showed; zero: it showed none
	Text   string // what was found, in words
	Advice string // what to do about it; "" where nothing is to be done
}
