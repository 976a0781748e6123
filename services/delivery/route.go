package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/srs"
)

// Directory knows the office's addresses. It answers from memory.
type Directory interface {
	// Look finds what an address stands for. Its errors are mail.ErrNotOurDomain,
	// mail.ErrNoSuchAddress, or the directory's own trouble.
	Look(ctx context.Context, to mail.Address) (mail.Found, error)
	// Rules are what applies to an account's mail; mail.ErrNoAccount.
	Rules(ctx context.Context, account mail.AccountID) (mail.Rules, error)
	// Owns says whether the account may send as this address.
	Owns(ctx context.Context, account mail.AccountID, from mail.Address) (bool, error)
}

// Recipient says whether the message of this envelope may go to this address. It
// is asked at RCPT, and what it refuses is never accepted and bounced later. Of
// the envelope there are From, Peer and Size.
func (m *Mailroom) Recipient(ctx context.Context, envelope *mail.Envelope, to mail.Address) error {
	x, ok := m.asked.Get().(*expansion)
	if !ok {
		x = &expansion{}
	}
	defer m.takeBack(x)
	if err := x.begin(ctx, m, envelope, nil); err != nil {
		return err
	}
	if err := x.maySend(); err != nil {
		return err
	}
	return x.recipient(mail.Recipient{Address: to})
}

// takeBack keeps the memory of an expansion for the next recipient that is asked
// about, unless it was one of many.
func (m *Mailroom) takeBack(x *expansion) {
	if len(x.accounts) > 1 || len(x.local) > 1 {
		return
	}
	clear(x.accounts)
	clear(x.local)
	*x = expansion{accounts: x.accounts, local: x.local[:0]}
	m.asked.Put(x)
}

// recipient takes one recipient in, or says why not.
func (x *expansion) recipient(to mail.Recipient) error {
	found, err := x.room.directory.Look(x.ctx, to.Address)
	nobody := errors.Is(err, mail.ErrNoSuchAddress)
	switch {
	case (nobody || err == nil && found.CatchAll) && x.room.srs != nil && srs.Is(to.Local):
		return x.report(to)
	case err == nil:
		local, outside := len(x.local), len(x.outside)
		if err := x.listing(&found, to); err != nil {
			return err
		}
		x.arrive(to, found.Kind, len(x.local)-local, x.outside[outside:])
		return nil
	case nobody:
		return &mail.Refusal{Status: mail.Status5_1_1NoSuchMailbox, Text: "Nobody here has this address", Cause: err}
	case errors.Is(err, mail.ErrNotOurDomain):
		return x.elsewhere(to, err)
	}
	return fmt.Errorf("route: resolve %s: %w", to, err)
}

// elsewhere takes in what somebody sends out of the office.
func (x *expansion) elsewhere(to mail.Recipient, cause error) error {
	spare, unknown := x.spare(to.Address)
	switch {
	case unknown:
		return &mail.Refusal{Status: mail.Status5_1_1NoSuchMailbox, Text: "This server, a spare one of the domain, knows of nobody with this address", Cause: cause}
	case spare && x.circles():
		return &mail.Refusal{Status: mail.Status5_4_6Loop, Text: "This message has been here before: the domain's own server sends its mail back to its spare one"}
	case !spare && !x.from.inside():
		// RFC 5321 §7.8: a host that passes on anybody's mail is soon nobody's friend.
		return &mail.Refusal{Status: mail.Status5_7_1NotPermitted, Text: "This server takes mail for its own domains only", Cause: cause}
	case x.from.rules.LocalOnly:
		return &mail.Refusal{Status: mail.Status5_7_1NotPermitted, Text: "Your account sends mail inside the office only", Cause: cause}
	case !x.room.leaves():
		return &mail.Refusal{Status: mail.Status5_4_0NoRouteToOutside, Text: "This box does not send mail outside the office", Cause: cause}
	}
	x.out(outward{to: to, from: x.envelope.From})
	return nil
}

// report takes in what another server reports about forwarded mail (package srs):
// it goes back to the sender. Reports have the null path (RFC 5321 §4.5.5); for
// anything else the address would be a way to send mail through this box.
func (x *expansion) report(to mail.Recipient) error {
	if !x.envelope.From.IsZero() {
		return &mail.Refusal{Status: mail.Status5_7_1NotPermitted, Text: "This address takes reports about forwarded mail only, and they have no sender"}
	}
	sender, err := x.room.srs.Reverse(to.Address, time.Now())
	if err != nil {
		return &mail.Refusal{Status: mail.Status5_1_1NoSuchMailbox, Text: "This address for reports was not given out here, or has expired", Cause: err}
	}
	found, err := x.room.directory.Look(x.ctx, sender)
	switch {
	case err == nil:
		return x.listing(&found, to)
	case errors.Is(err, mail.ErrNoSuchAddress):
		return &mail.Refusal{Status: mail.Status5_1_1NoSuchMailbox, Text: "Nobody here has this address any more", Cause: err}
	case !errors.Is(err, mail.ErrNotOurDomain):
		return fmt.Errorf("route: resolve %s: %w", sender, err)
	case !x.room.leaves():
		return &mail.Refusal{Status: mail.Status5_4_0NoRouteToOutside, Text: "This box does not send mail outside the office", Cause: err}
	}
	x.out(outward{to: mail.Recipient{Address: sender, Notify: mail.NotifyNever}})
	return nil
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
