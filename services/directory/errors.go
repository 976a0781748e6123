package directory

import (
	"errors"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// What the directory answers beyond the errors of package mail.
var (
	// ErrNotSetUp: before the set-up there is nothing to change.
	ErrNotSetUp = errors.New("the box has not been set up yet")
	// ErrSetUp: the set-up was done already; it is done once.
	ErrSetUp = errors.New("the box has been set up already")
	// ErrNoToken: there is no such token, or no longer.
	ErrNoToken = errors.New("there is no such token")
	// ErrInUse: another process has the data directory, on a box the mail service.
	ErrInUse = errors.New("the data directory is in use by a running mail service")
	// ErrLost: this box was set up, but its disk has lost who is in the office.
	ErrLost = errors.New("this box was set up, but its disk has lost the list of people and settings. Nothing has been changed. " +
		"Copy the data directory as it is, look the disk over, and put the box back from a backup")
	// ErrNewer: a record or index was written by a later version of the box.
	ErrNewer = mail.ErrNewer
)
