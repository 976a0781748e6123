package office

import (
	"context"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/collect/moving"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/web"
)

// openMover makes who copies mailboxes from other servers; nobody does while the
// office is open only to read.
func (o *Office) openMover() error {
	if o.onlyRead != nil {
		return nil
	}
	index, err := moving.OpenIndex(o.files.Path("mail/" + moving.File))
	if err != nil {
		return fmt.Errorf("office: open what was moved in: %w", err)
	}
	o.close = append(o.close, index.Close)
	o.mover = moving.New(moving.Options{
		Index: index, Draft: o.spool.New, MaxSize: mail.MaxMessage, Roots: o.options.Outgoing.Roots, Pause: giveWay, Log: o.log.With("protocol", "move"),
		Left:    func(v *mail.Visit, from mail.MailboxID, gone mail.UIDSet) { o.trail.Left(v, from, gone, "") },
		Account: func(ctx context.Context, id mail.AccountID) (moving.Account, error) { return o.store.Account(ctx, id) },
	})
	o.close = append(o.close, o.mover.Close)
	return nil
}

// movers is the mover as the pages see it, if there is one.
func (o *Office) movers() web.Mover {
	if o.mover == nil {
		return nil
	}
	return o.mover
}
