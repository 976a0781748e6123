package mail

import "time"

// POP3 is what holds for an account when its mail is fetched by POP3. The zero
// value: nothing.
type POP3 struct {
	Leave      Leave
	LoginDelay time.Duration // least time from one log-in to the next; whole seconds
}

// Leave says how long mail that was fetched by POP3 stays in INBOX. The zero value:
// until somebody deletes it.
type Leave struct {
	Enforced bool
	Days     int // from the day of the first fetch on; 0: until the session that fetched it ends
}

// PersonPOP3 is what holds for one person.
type PersonPOP3 struct {
	Who Address
	POP3
}

// POP3Bounds is what can be said of POP3 to somebody who may yet be anybody.
type POP3Bounds struct {
	Strictest    POP3 // the shortest Leave of all accounts, and the longest LoginDelay
	LeaveDiffers bool // not all accounts have that Leave
	DelayDiffers bool // not all have that LoginDelay
}

// Fetched is a message that was fetched by POP3.
type Fetched struct {
	UIDValidity UIDValidity
	UID         UID
	Email       EmailID
}
