package mail

import "time"

// ProgramNumber names one of an account's app passwords. An account never gives a number
// twice; 0 is none.
type ProgramNumber uint32

// AppPassword is what is known of a password for one mail program: never its text.
type AppPassword struct {
	Number   ProgramNumber
	Name     string    // which program it is for, in its owner's words
	Services []Service // that it opens; none: all
	Added    time.Time
}
