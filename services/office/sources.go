package office

import (
	"context"

	"github.com/sanduk-mail/sanduk/services/collect"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// sources are the mailboxes at providers from which mail is collected now. While the
// disk takes no writes there are none: what can't be kept is not fetched.
func (o *Office) sources() []collect.Source {
	if o.readOnly.Load() {
		return nil
	}
	box, _ := o.directory.Box()
	list := make([]collect.Source, len(box.Collect))
	for i, c := range box.Collect {
		list[i] = collect.SourceOf(c)
	}
	return list
}

// collecting is the office as mail is collected into it.
type collecting struct{ o *Office }

// Knows says whether mail can be for an address.
func (c collecting) Knows(ctx context.Context, to mail.Address) error {
	_, err := c.o.directory.Look(ctx, to)
	return err
}

// Collect delivers a collected message by the office's rules, in one record with
// the note that it was collected.
func (c collecting) Collect(ctx context.Context, m *mail.Collected, body *draft.Draft, note *journal.Entry) (sorted bool, err error) {
	return c.o.mailroom.Collect(ctx, m, body, posting{c.o, note})
}
