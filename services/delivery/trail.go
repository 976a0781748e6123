package delivery

import (
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// maxTrail is how much of a header is looked at for where the message has been; it
// stands at the top.
const maxTrail = 256 << 10

// passed reports whether this box has passed the message on for an address before.
// It is asked only of what comes from outside without a log-in, where it could have
// come round.
//
// A Delivered-To counts if the next Received below it is ours, as this box writes
// them. A provider that holds mailboxes of the same domain writes Delivered-To too,
// and mail collected there has not been here.
func (x *expansion) passed(address mail.Address) bool {
	if x.round {
		return true
	}
	if x.body == nil || x.from.inside() {
		return false
	}
	if x.trail == nil {
		x.trail = map[mail.Address]bool{}
		by := " by " + x.room.place.Hostname() + " "
		var seen []mail.Address
		for field, err := range message.Fields(x.body.Reader(), maxTrail) {
			if err != nil {
				break // what is too long or can't be read here is for others to refuse
			}
			switch {
			case strings.EqualFold(field.Name, "Delivered-To") && len(seen) < maxSteps:
				if a, err := mail.ParseAddress(field.Value()); err == nil {
					seen = append(seen, a)
				}
			case strings.EqualFold(field.Name, "Received"):
				if strings.Contains(strings.ReplaceAll(field.Value(), "\t", " "), by) {
					for _, a := range seen {
						x.trail[a] = true
					}
				}
				seen = nil
			}
		}
	}
	return x.trail[address]
}
