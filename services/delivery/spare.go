package delivery

import (
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// Spare knows the domains of others for which this box is a spare mail server. It
// answers from memory.
type Spare interface {
	// Spare says whether the box takes mail for this address while the domain's own
	// server can't be reached, and whether the address is known not to be there.
	Spare(to mail.Address) (spare, unknown bool)
}

// spare says whether mail for an address elsewhere is taken from anybody (RFC 5321
// §2.3.10: a relay by agreement). What people of the office write goes there as
// anywhere; they too hear at once of an address that is not there.
func (x *expansion) spare(to mail.Address) (spare, unknown bool) {
	if x.room.spare == nil {
		return false, false
	}
	return x.room.spare.Spare(to)
}

// maxVisits is how often a message may have been taken by this box: once when it was
// sent or forwarded from here, and once as a spare server.
const maxVisits = 2

// circles reports whether a message for a spare domain has come back here too often: its
// own server then has this one as the way to itself.
func (x *expansion) circles() bool {
	if x.body == nil || x.from.made {
		return false
	}
	by, visits := " by "+x.room.place.Hostname()+" ", 0
	for field, err := range message.Fields(x.body.Reader(), maxTrail) {
		if err != nil {
			break // what is too long or can't be read here is for others to refuse
		}
		if strings.EqualFold(field.Name, "Received") && strings.Contains(strings.ReplaceAll(field.Value(), "\t", " "), by) {
			visits++
		}
	}
	return visits >= maxVisits
}
