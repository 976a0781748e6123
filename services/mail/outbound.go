package mail

import (
	"fmt"
	"io"
	"net/netip"
	"time"
)

// Hop names where mail goes next: the domain whose servers are asked for, or the
// one server that takes it all. Mail with the same Hop can share a connection, and
// what is wrong with one Hop is wrong for all its mail.
type Hop string

// Job is one message on its way to one Hop: what is to be said in one SMTP
// transaction, or several where a server limits their recipients.
type Job struct {
	ID     ID
	Hop    Hop
	From   Address // the zero Address is the null path
	To     []Recipient
	Wishes Wishes
	UTF8   bool  // needs SMTPUTF8
	Size   int64 // of the message in octets
	Try    int   // from 1
	// Open gives the message's bytes, lines ending in CRLF. Whoever calls it closes
	// what it gets; it may be called more than once.
	Open func() (Content, error)
}

// Content is the bytes of a message that is being sent.
type Content interface {
	io.ReaderAt
	io.Closer
}

// Fate is what has become of a recipient.
type Fate uint8

// The fates.
const (
	FateUnknown   Fate = iota
	FateDelivered      // it is in a mailbox of this box
	FateRelayed        // another server has taken responsibility for it
	FateDeferred       // not yet; it will be tried again
	FateFailed         // it never will be
	FateExpanded       // it has been passed on to all for whom its address stands
)

// Reply is what another server said (RFC 5321 §4.2). Code is 0 where none said
// anything: then Text says in our own words what was the matter.
type Reply struct {
	Code   int
	Status Status // 0 where the server gave none
	Text   string // of all lines, joined by blanks, cleaned of control characters
}

// String is the reply as a server would write it.
func (r Reply) String() string {
	switch {
	case r.Code == 0:
		return r.Text
	case r.Status == 0:
		return fmt.Sprintf("%d %s", r.Code, r.Text)
	}
	return fmt.Sprintf("%d %s %s", r.Code, r.Status, r.Text)
}

// Attempt is what one try did for one recipient.
type Attempt struct {
	To      int  // index in Job.To
	Fate    Fate // FateRelayed, FateDeferred or FateFailed
	Reply   Reply
	Status  Status // that a report gives: the server's, or ours where it gave none
	Server  string // the name of the server that was asked last; "" if none was reached
	Addr    netip.AddrPort
	TLS     string    // version, cipher and how it was verified; "" without TLS
	Reports bool      // the next server sends the reports that were asked for (RFC 3461 §5.2.2)
	At      time.Time // when the outcome was known
	Took    time.Duration
}

// Attempt is what a refusal by this box itself makes of a recipient.
func (r *Refusal) Attempt() Attempt {
	a := Attempt{Fate: FateFailed, Status: r.Status, Reply: Reply{Status: r.Status, Text: r.Text}}
	if r.Temporary() {
		a.Fate = FateDeferred
	}
	return a
}

// Outbound is what leaves the box of one message: recipients of other servers who
// get it with the same reverse-path and the same lines in front. Forwarding writes
// both anew, so one message can have several. With a Fate nothing leaves: the
// recipients have been served here, and the sender wants a report that says so (RFC 3461
// §5.2.7).
type Outbound struct {
	From   Address // the zero Address is the null path
	To     []Recipient
	Prefix []byte // header lines in front of the shared body
	Fate   Fate   // FateUnknown, FateDelivered or FateExpanded
}
