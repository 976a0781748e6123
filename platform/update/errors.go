package update

import "fmt"

// Reason is why an update is refused.
type Reason string

// The reasons.
const (
	Unreadable Reason = "unreadable" // not an update, or a damaged one
	Unsigned   Reason = "unsigned"   // signed by nobody that this box trusts
	Foreign    Reason = "foreign"    // for other hardware, or another product
	Expired    Reason = "expired"
	Downgrade  Reason = "downgrade" // not newer than what is there, or below the floor
	TooNew     Reason = "too new"   // a version between must be installed first
	NoSpace    Reason = "no space"
	Unwritable Reason = "unwritable" // the boot partition can't be written, or doesn't keep what was written
	NoOther    Reason = "no other"   // there is no version to go back to
)

// Error is an update, or a way back, that can't be had. Text is for the administrator: what is, and what to do.
type Error struct {
	Reason Reason
	Text   string
	Err    error // may be nil
}

func (e *Error) Error() string {
	if e.Err == nil {
		return "update: " + string(e.Reason) + ": " + e.Text
	}
	return fmt.Sprintf("update: %s: %s: %v", e.Reason, e.Text, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
