package office

import (
	"context"

	"github.com/sanduk-mail/sanduk/services/collect"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/setup"
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
	if err := c.o.room.Outside(body.Size()); err != nil {
		return false, err // it stays at the provider
	}
	return c.o.mailroom.Collect(ctx, m, body, posting{o: c.o, with: note})
}

// sourceBook is the directory's list of mailboxes at providers.
type sourceBook struct{ o *Office }

// Collections are those of now.
func (b sourceBook) Collections() []setup.Collection {
	box, _ := b.o.directory.Box()
	return box.Collect
}

// ParseCollection reads one.
func (b sourceBook) ParseCollection(ctx context.Context, document []byte, password string) (setup.Collection, error) {
	box, _ := b.o.directory.Box()
	known := func(a mail.Address) bool {
		_, err := b.o.directory.Look(ctx, a)
		return err == nil
	}
	return setup.ParseCollection(document, password, box.Domains, known)
}

// SetCollection adds or replaces one.
func (b sourceBook) SetCollection(ctx context.Context, c setup.Collection) error {
	defer b.o.collector.Changed()
	return b.o.directory.SetCollection(ctx, c)
}

// RemoveCollection ends one.
func (b sourceBook) RemoveCollection(ctx context.Context, protocol setup.Protocol, host, user string) error {
	defer b.o.collector.Changed()
	return b.o.directory.RemoveCollection(ctx, protocol, host, user)
}
