package mail

import (
	"errors"
	"time"
)

// What is said to people who ask for something about waiting mail that can't be done.
var (
	// ErrNotWaiting: there is no such message in the queue, or no longer.
	ErrNotWaiting = errors.New("no such message in the queue")
	// ErrSending: a connection is open for it at this moment.
	ErrSending = errors.New("the message is being sent right now: try again in a moment")
	// ErrNothingToChange: none of its recipients is in a state in which that can be done.
	ErrNothingToChange = errors.New("there is nothing to change about this message")
	// ErrHeldBack: somebody holds it back, so that it can't be tried.
	ErrHeldBack = errors.New("the message is held back")
	// ErrNotYet: it waits for the time for which its sender has left it.
	ErrNotYet = errors.New("the message waits for the time that its sender has named: release it first")
	// ErrUndecided: it waits for a decision because of a rule on contents.
	ErrUndecided = errors.New("the message waits for a decision")
)

// Waiting is a message on its way out, as people see it. The JSON names are those of
// the API.
type Waiting struct {
	ID         string             `json:"id"`
	Message    string             `json:"message"` // the ID under which it was received, as the log has it
	From       string             `json:"from"`    // "" is the null path
	Accepted   time.Time          `json:"accepted"`
	Size       int64              `json:"size"`
	Priority   int                `json:"priority,omitempty"`
	HoldUntil  *time.Time         `json:"hold_until,omitempty"`
	By         *time.Time         `json:"by,omitempty"`
	RequireTLS bool               `json:"require_tls,omitempty"`
	To         []WaitingRecipient `json:"to"`
}

// WaitingRecipient is one recipient of it.
type WaitingRecipient struct {
	Address  string           `json:"address"`
	Original string           `json:"original,omitempty"` // what the sender knows it by
	Hop      string           `json:"hop"`
	State    string           `json:"state"` // queued, held, delivered, relayed, failed, dropped
	Tries    int              `json:"tries"`
	Next     *time.Time       `json:"next,omitempty"` // of a queued one
	Attempts []WaitingAttempt `json:"attempts"`       // oldest first; the last two dozen
}

// WaitingAttempt is one try, in the other server's words.
type WaitingAttempt struct {
	At     time.Time     `json:"at"`
	Took   time.Duration `json:"took_ns"`
	Server string        `json:"server,omitempty"`
	Addr   string        `json:"addr,omitempty"`
	TLS    string        `json:"tls,omitempty"`
	Fate   string        `json:"fate"` // relayed, deferred, failed
	Reply  string        `json:"reply"`
}

// WaitingFilter says which waiting mail is wanted: that for which all of it holds.
type WaitingFilter struct {
	Held    bool
	Hop     Hop
	Address string // part of the sender's or a recipient's address, in any case
	After   ID     // behind this one; zero: from the first
	Limit   int    // 0: 100
}

// WaitingStats is how the queue stands.
type WaitingStats struct {
	Messages int         `json:"messages"`
	Sending  int         `json:"sending"`
	Opens    *time.Time  `json:"opens,omitempty"` // when mail may leave again, while it may not
	Hops     []HopCounts `json:"hops"`
}

// HopCounts is how the mail for one Hop stands.
type HopCounts struct {
	Hop     string     `json:"hop"`           // "": all that go by Via
	Via     string     `json:"via,omitempty"` // a smart host
	Waiting int        `json:"waiting"`
	Sending int        `json:"sending"`
	Dead    bool       `json:"dead"`            // nobody answers there
	Probe   *time.Time `json:"probe,omitempty"` // when it is asked again, where nobody answers
	Reply   string     `json:"reply,omitempty"` // of the last time that nobody answered
}

// String is the fate in a word.
func (f Fate) String() string {
	names := []string{"unknown", "delivered", "relayed", "deferred", "failed", "expanded"}
	if int(f) < len(names) {
		return names[f]
	}
	return names[0]
}
