package sharing

import (
	"context"
	"errors"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Expire ends the grants of mailboxes that were deleted and can't be put back any more.
// Call it now and then. What can't be looked at is passed over until the next time.
func (s *Shares) Expire(ctx context.Context) error {
	var failed []error
	for _, owner := range s.opt.Directory.Sharers() {
		if err := s.expire(ctx, owner); err != nil && !errors.Is(err, mail.ErrNoAccount) {
			failed = append(failed, fmt.Errorf("forget shares of account %s: %w", owner, err))
		}
	}
	return errors.Join(failed...)
}

func (s *Shares) expire(ctx context.Context, owner mail.AccountID) error {
	shares := s.opt.Directory.Shares(owner) // first: what is shared later is there
	account, err := s.opt.Open(ctx, owner)
	if err != nil {
		return err
	}
	there, err := account.Mailboxes(ctx)
	if err != nil {
		return err
	}
	deleted, err := s.opt.Deleted(ctx, owner)
	if err != nil {
		return err
	}
	known := map[mail.MailboxID]bool{}
	for _, m := range deleted {
		known[m.ID] = true
	}
	for _, m := range there {
		known[m.ID] = true
	}
	for _, share := range shares {
		if known[share.Mailbox] {
			continue
		}
		// One that was put back between the two lists is in neither.
		if _, err := account.MailboxByID(ctx, share.Mailbox); err == nil {
			continue
		}
		if err := s.opt.Directory.ForgetMailbox(ctx, owner, share.Mailbox); err != nil {
			return err
		}
		known[share.Mailbox] = true // all its grants went at once
	}
	return nil
}
