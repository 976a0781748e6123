package pop3d

import (
	"context"
	"crypto/tls"
	"iter"
	"net/netip"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// Account is one account's mail, as far as POP3 needs it.
type Account interface {
	// Mailbox finds a mailbox by its name.
	Mailbox(ctx context.Context, name string) (mail.Mailbox, error)
	// Rows yields what is known of the messages in set that exist, by UID.
	Rows(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet) iter.Seq2[mail.Row, error]
	// CanonicalSize is the size of a message when every line ends in CRLF; a row's
	// Canonical is that, or 0. mail.ErrNoMessage when it is gone.
	CanonicalSize(ctx context.Context, mailbox mail.MailboxID, uid mail.UID) (int64, error)
	// Open opens a message; the caller closes it. mail.ErrNoMessage when it is gone.
	Open(ctx context.Context, mailbox mail.MailboxID, uid mail.UID) (*message.Stored, error)
	// Expunge removes the messages of set, only those with \Deleted if
	// onlyDeleted, durable on return. What is gone already is passed over. A
	// very large set is removed in several steps: an error may come after some.
	Expunge(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet, onlyDeleted bool) (mail.UIDSet, error)
}

// Authenticator decides who a client is; *auth.Authenticator is one.
type Authenticator interface {
	// Password checks what USER and PASS send.
	Password(ctx context.Context, peer netip.Addr, login, password string) (mail.Login, error)
	// Clear reports whether a session may send a password itself.
	Clear(peer netip.Addr, tls bool) bool
	// Mechanisms that may be used with or without TLS, best first.
	Mechanisms(tls bool) []string
	// Start begins one, of a name in upper case.
	Start(mechanism string, peer netip.Addr, state *tls.ConnectionState) (auth.Exchange, error)
}
