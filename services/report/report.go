// Package report writes and reads delivery reports: the messages by which a server
// says what has become of another one.
//
// In comes what is known ([Message]), out goes a message of three parts (RFC 6522): words
// for people, fields for programs (RFC 3464; RFC 6533 where addresses are not ASCII), and
// the message or its header. [Parse] reads the fields of anybody's report; it believes
// nothing about sizes. Nothing here does I/O of its own, and all of it may be called from
// any goroutine.
//
// Standards: RFC 3464, RFC 6522, RFC 6533, RFC 3461 §6, RFC 3834 (Auto-Submitted),
// RFC 2852 (Deliver-By-Date), RFC 4865 (Future-Release-Request).
package report

import (
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Action is what a report says has been done (RFC 3464 §2.3.3).
type Action uint8

// The actions.
const (
	ActionNone Action = iota
	ActionFailed
	ActionDelayed
	ActionDelivered
	ActionRelayed
	ActionExpanded // delivered, and passed on to several
)

// String is the action as it stands in a report.
func (a Action) String() string {
	names := []string{"", "failed", "delayed", "delivered", "relayed", "expanded"}
	if int(a) < len(names) {
		return names[a]
	}
	return ""
}

// Report is what a delivery report says.
type Report struct {
	Reporting  string // name of the server that reports
	Arrival    time.Time
	EnvelopeID string // ENVID, as the sender gave it; "" if it did not
	// Release is until when the sender had the message wait (RFC 4865), By is when it
	// was to be delivered (RFC 2852); zero: nothing was said of that.
	Release, By time.Time
	Recipients  []Recipient
}

// Recipient is what a report says of one recipient.
type Recipient struct {
	Final    mail.Address
	Original string // as in ORCPT: "rfc822;a@b.example"; "" if not given
	Action   Action
	Status   mail.Status
	Server   string     // that said so; "" if none was reached
	Reply    mail.Reply // its words; Code 0: ours
	At       time.Time  // of the last try
	Until    time.Time  // of one that is delayed: how long it will be tried
}
