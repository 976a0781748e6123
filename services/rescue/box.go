package rescue

import (
	"context"
	"io"
)

// Fault is what is wrong with the disk.
type Fault string

// The faults; the zero Fault is any other.
const (
	Missing  Fault = "missing"
	Damaged  Fault = "damaged"
	ReadOnly Fault = "read-only"
	Unclear  Fault = "unclear" // a person must say which one holds the mail
	Newer    Fault = "newer"   // its mail was written by a later version
)

// Act is something that the box can be told to do.
type Act string

// The acts.
const (
	Check    Act = "check"
	Restart  Act = "restart"
	Previous Act = "previous"
	Support  Act = "support"
	Erase    Act = "erase"
)

// Order is an act with what was typed for it.
type Order struct {
	Act  Act
	Code string
	Word string // that [Erase] wants
}

// Disk is what the box's disk says of itself. Numbers are -1 where it does not tell them.
type Disk struct {
	Device, Model, Serial string
	Known                 bool // else nothing below is told
	Failing               bool
	Replaced, Unreadable  int64 // places
	Worn                  int   // percent
	Celsius               int
	Hours                 int64
}

// State is how the box stands.
type State struct {
	Fault    Fault
	Problem  string // in sentences
	Said     string // what the disk check wrote
	Disk     *Disk  // nil: none is known
	Version  string
	Previous string // "": none
	Acts     []Act  // that can be done now
	Doing    string // what is under way, a sentence
	Done     string // how the last act ended, a sentence
	Ending   bool   // the box is about to start again
}

// Box is the machine. What it refuses for a reason that the person should know is a
// *mail.RuleError.
type Box interface {
	State(ctx context.Context) (State, error)
	// Do has it do something; [Support] has ended on return, everything else has begun.
	Do(ctx context.Context, o Order) error
	// Bundle is what Support has written.
	Bundle() (io.ReadCloser, error)
}
