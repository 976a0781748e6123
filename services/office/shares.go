package office

import (
	"context"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/sharing"
)

// newShares makes what opens accounts together with the mailboxes of others.
func (o *Office) newShares() *sharing.Shares {
	return sharing.New(sharing.Options{
		Directory: o.directory, Draft: o.spool.New, Log: o.log.With("protocol", "imap"),
		Open: func(ctx context.Context, id mail.AccountID) (sharing.Mail, error) {
			account, err := o.store.Account(ctx, id)
			if err != nil {
				return nil, err
			}
			return searched{account, o.search, id}, nil
		},
		Deleted: func(ctx context.Context, id mail.AccountID) ([]mail.DeletedMailbox, error) {
			account, err := o.store.Account(ctx, id)
			if err != nil {
				return nil, err
			}
			return account.DeletedMailboxes(ctx)
		},
	})
}
