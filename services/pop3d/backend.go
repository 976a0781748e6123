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

// Rules say how long fetched mail stays and how often somebody may log in, and keep
// what has been fetched. Nothing of it waits but Fetched.
type Rules interface {
	// POP3 is what holds for one account.
	POP3(id mail.AccountID) mail.POP3
	// POP3Bounds is what holds for all.
	POP3Bounds() mail.POP3Bounds
	// Fetched notes that messages of an account's INBOX have been fetched just now;
	// durable on return.
	Fetched(id mail.AccountID, messages []mail.Fetched) error
}

// Trail hears what clients do with mail, for whoever asks later what became of a message.
// It must not wait.
type Trail interface {
	// Read: a client has been sent a whole message.
	Read(v *mail.Visit, row *mail.Row)
	// Left: messages have gone from a mailbox; into is "".
	Left(v *mail.Visit, from mail.MailboxID, gone mail.UIDSet, into string)
}

// Authenticator decides who a client is; *auth.Authenticator is one.
type Authenticator interface {
	// Password checks what USER and PASS send.
	Password(ctx context.Context, peer netip.Addr, login, password string) (mail.Login, error)
	// HasAPOP reports whether anybody can log in by APOP; it must not wait.
	HasAPOP() bool
	// APOP checks a digest over the timestamp of the greeting.
	APOP(ctx context.Context, peer netip.Addr, login, timestamp, digest string) (mail.Login, error)
	// Clear reports whether a session may send a password itself.
	Clear(peer netip.Addr, tls bool) bool
	// Mechanisms that may be used with or without TLS, best first.
	Mechanisms(tls bool) []string
	// External reports whether EXTERNAL may be used too: the client has shown a
	// certificate that somebody here has.
	External(state *tls.ConnectionState) bool
	// Start begins one, of a name in upper case.
	Start(mechanism string, peer netip.Addr, state *tls.ConnectionState) (auth.Exchange, error)
}
