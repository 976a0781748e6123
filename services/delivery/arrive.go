package delivery

import "github.com/sanduk-mail/sanduk/services/mail"

// arrival is a recipient of the office of whom the sender wants to hear.
type arrival struct {
	to   mail.Recipient
	fate mail.Fate
}

// arrive notes what is to be reported of a recipient of the office who has been reached,
// by so many new mailboxes here and recipients elsewhere (RFC 3461 §5.2.7). Of junk
// nothing is reported: its sender is mostly somebody else, who has not asked.
func (x *expansion) arrive(to mail.Recipient, kind mail.ListingKind, mailboxes int, outside []outward) {
	if to.Notify&mail.NotifySuccess == 0 || x.envelope.From.IsZero() || x.collected || x.envelope.Judgement.Junk || x.room.post == nil {
		return
	}
	a := arrival{to, mail.FateDelivered}
	switch {
	case mailboxes == 0 && len(outside) == 1 && outside[0].to.Notify&mail.NotifySuccess != 0:
		return // it is passed on whole, with the wish: the way out reports
	case kind == mail.ListingGroup || mailboxes+len(outside) > 1:
		a.fate = mail.FateExpanded
	}
	x.arrived = append(x.arrived, a)
}

// arrivals are the reports as the queue makes them: in one record with the message, so
// that whoever reads one has the message, and nobody reads two.
func (x *expansion) arrivals() []mail.Outbound {
	var list []mail.Outbound
	for _, fate := range []mail.Fate{mail.FateDelivered, mail.FateExpanded} {
		out := mail.Outbound{From: x.envelope.From, Fate: fate}
		for _, a := range x.arrived {
			if a.fate == fate {
				out.To = append(out.To, a.to)
			}
		}
		if out.To != nil {
			list = append(list, out)
		}
	}
	return list
}
