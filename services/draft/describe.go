package draft

import (
	"log/slog"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// maxNamed is how many recipients of a message are named for the trace: more than come at
// once. The trace keeps them in as many steps as they need.
const maxNamed = 5000

// Describe is what people know a message by, for whoever looks for it later: a group
// that only the trace reads (trace.Private), as subjects are nothing for a log. The
// draft is finished.
func (d *Draft) Describe(envelope *mail.Envelope) slog.Attr {
	to := make([]string, 0, min(len(envelope.To), maxNamed))
	for _, r := range envelope.To[:cap(to)] {
		to = append(to, r.String())
	}
	about := []any{"from", envelope.From.String()} // what a long list of recipients may push out of the trace comes last
	if d != nil {
		about = append(about, "size", d.Size())
		if g := d.Digest(); g != nil {
			about = append(about, "subject", g.Subject(), "message_id", g.MessageID)
			if from := g.Envelope.From; len(from) > 0 {
				about = append(about, "author", from[0].Mailbox+"@"+from[0].Host)
			}
		}
	}
	about = append(about, "recipients", len(envelope.To), "to", to)
	return slog.Group("private", about...)
}
