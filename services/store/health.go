package store

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// maxFindings is how many damaged messages are told of one by one: who has more
// replaces the disk first.
const maxFindings = 20

// damageToDo is what to do about a disk that does not give back what it got.
const damageToDo = "Put it back from a backup (boxctl import), and have the disk looked at: one bad place is often the first of many."

// Health is how the disk's contents are, as far as the background knows.
type Health struct {
	Space journal.Usage // zero until the first compaction since the start
	Freed int64         // bytes given back since the box was set up
	// LastScrub is when everything had last been read; zero: never yet.
	LastScrub time.Time
	// NextScrub is when reading everything begins again at the latest; zero: it is
	// going on.
	NextScrub time.Time
	Damage    []Hurt           // messages that can't be read any more
	Log       []journal.Damage // places of the log that are not what was written
	// Trouble is why the last pass could not do all that was due; nil: it could.
	Trouble error
	Low     bool  // the disk fills
	Free    int64 // bytes free on the disk, where that is known

	reserve, outside int64 // free bytes, see UpkeepOptions; where Free is known
}

// Hurt is a message whose body is damaged on the disk.
type Hurt struct {
	Account  mail.AccountID
	Mailbox  string
	UID      mail.UID
	Subject  string // "" when that can't be read either
	Received time.Time
	ID       mail.ID
	Body     journal.BodyRef
}

// String is for the log.
func (h Hurt) String() string {
	return fmt.Sprintf("%s (UID %d, id %s)", h.Text("account "+h.Account.String()), h.UID, h.ID)
}

// Text says which message of whom it is, in a sentence for people.
func (h Hurt) Text(person string) string {
	what := "a message whose subject can't be read"
	if h.Subject != "" {
		what = fmt.Sprintf("the message %q", h.Subject)
	}
	return fmt.Sprintf("%s: %s of %s in folder %s is damaged on the disk", person, what, h.Received.UTC().Format("2 January 2006, 15:04 UTC"), h.Mailbox)
}

// Health says how things are. It waits for nothing.
func (u *Upkeep) Health() Health {
	log := u.store.journal.Damage()
	u.healthLock.Lock()
	defer u.healthLock.Unlock()
	h := u.health
	h.Damage, h.Log = slices.Clone(h.Damage), log
	if u.opts.Free != nil {
		if free, err := u.opts.Free(); err == nil {
			h.Free, h.Low = free, free < u.low()
			h.reserve = cmp.Or(u.opts.Reserve, journal.DefaultReserve)
			h.outside = cmp.Or(u.opts.Outside, h.reserve)
		}
	}
	return h
}

// Findings says what is wrong, the worst first, and what to do; nothing when all is
// well. person names whose account it is.
func (h Health) Findings(person func(mail.AccountID) string) []mail.Finding {
	var list []mail.Finding
	for i, d := range h.Damage {
		if i == maxFindings {
			list = append(list, mail.Finding{
				What: fmt.Sprintf("%d more messages are damaged on the disk.", len(h.Damage)-i),
				ToDo: "Replace the disk now. boxctl check --data DIR lists all of them.",
			})
			break
		}
		list = append(list, mail.Finding{What: d.Text(person(d.Account)) + ".", ToDo: damageToDo})
	}
	if len(h.Log) > 0 && len(h.Damage) == 0 {
		list = append(list, mail.Finding{
			What: "The disk does not give back all that was written to it. No message that anybody has is known to be hurt.",
			ToDo: "Make a backup, then have the disk looked at. boxctl check --data DIR says where it is.",
		})
	}
	if h.Low {
		list = append(list, h.lowFinding())
	}
	if h.Trouble != nil {
		list = append(list, mail.Finding{
			What: fmt.Sprintf("What the box does by itself for its mail could not be finished: %v.", h.Trouble),
			ToDo: "It is tried again within the hour. If this stays, see whether the disk is full, and restart the box.",
		})
	}
	return list
}

// lowFinding says how full the disk is, and who has to wait for that.
func (h Health) lowFinding() mail.Finding {
	what := fmt.Sprintf("The disk is nearly full: %d MB are free. Below %d MB mail from outside is turned away, to come again later.", h.Free>>20, h.outside>>20)
	switch {
	case h.Free < h.reserve:
		what = fmt.Sprintf("The disk is full: %d MB are free, which are kept so that mail can be deleted. New mail is turned away, to come again later; reading and deleting go on.", h.Free>>20)
	case h.Free < h.outside:
		what = fmt.Sprintf("The disk is nearly full: %d MB are free. Mail from outside is turned away, to come again later; mail within the office, reading and deleting go on.", h.Free>>20)
	}
	return mail.Finding{
		What: what,
		ToDo: "Put a larger disk in, or have mail deleted that is no longer needed: its space comes back when it can't be undone any more.",
	}
}
