package delivery

import (
	"context"
	"errors"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Directory knows the office's addresses.
type Directory interface {
	// Resolve finds the account that gets mail for an address. Its errors are
	// mail.ErrNotOurDomain, mail.ErrNoSuchAddress, or the directory's own trouble.
	Resolve(ctx context.Context, to mail.Address) (mail.AccountID, error)
	// Owns says whether the account may send as this address.
	Owns(ctx context.Context, account mail.AccountID, from mail.Address) (bool, error)
}

// Recipient says whether the message of this envelope may go to this address. It
// is asked at RCPT, and what it refuses is never accepted and bounced later. Of
// the envelope there are From, Peer and Size.
func (m *Mailroom) Recipient(ctx context.Context, envelope *mail.Envelope, to mail.Address) error {
	account, err := m.route(ctx, &envelope.Peer, to)
	if err != nil {
		return err
	}
	return m.fits(ctx, envelope, to, account)
}

// route decides where mail for one recipient goes.
func (m *Mailroom) route(ctx context.Context, peer *mail.Peer, to mail.Address) (mail.AccountID, error) {
	account, err := m.directory.Resolve(ctx, to)
	switch {
	case err == nil:
		return account, nil
	case errors.Is(err, mail.ErrNoSuchAddress):
		return 0, &mail.Refusal{Status: mail.Status5_1_1NoSuchMailbox, Text: "Nobody here has this address", Cause: err}
	case errors.Is(err, mail.ErrNotOurDomain) && peer.Login.Account == 0:
		// RFC 5321 §7.8: a host that passes on anybody's mail is soon nobody's friend.
		return 0, &mail.Refusal{Status: mail.Status5_7_1NotPermitted, Text: "This server takes mail for its own domains only", Cause: err}
	case errors.Is(err, mail.ErrNotOurDomain):
		return 0, &mail.Refusal{Status: mail.Status5_4_0NoRouteToOutside, Text: "This box does not send mail outside the office", Cause: err}
	}
	return 0, fmt.Errorf("route: resolve %s: %w", to, err)
}

// Sender says whether the peer may send as from: anybody may hand mail in from
// outside; who has logged in sends as himself, or with the null path (as read
// receipts do, RFC 8098 §3).
func (m *Mailroom) Sender(ctx context.Context, peer *mail.Peer, from mail.Address) error {
	if peer.Login.Account == 0 || from.IsZero() {
		return nil
	}
	owns, err := m.directory.Owns(ctx, peer.Login.Account, from)
	if err != nil {
		return fmt.Errorf("route: sender %s: %w", from, err)
	}
	if !owns {
		return &mail.Refusal{Status: mail.Status5_7_1NotPermitted, Text: "You are logged in as " + peer.Login.Address.String() + " and can't send as somebody else"}
	}
	return nil
}
