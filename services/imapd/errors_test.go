package imapd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

func TestReplyTo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err    error
		status Status
		code   string
		logged bool
	}{
		{mail.ErrNoMailbox, NO, "NONEXISTENT", false},
		{mail.ErrMailboxExists, NO, "ALREADYEXISTS", false},
		{mail.ErrMailboxName, NO, "CANNOT", false},
		{mail.ErrMailboxInUse, NO, "CANNOT", false},
		{mail.ErrNoMessage, NO, "EXPUNGEISSUED", false},
		{mail.ErrTooLarge, NO, "TOOBIG", false},
		{mail.ErrOverQuota, NO, "OVERQUOTA", false},
		{mail.ErrKeywords, NO, "LIMIT", false},
		{mail.ErrTooMany, NO, "LIMIT", false},
		{mail.ErrDenied, NO, "AUTHENTICATIONFAILED", false},
		{mail.ErrTryLater, NO, "UNAVAILABLE", false},
		{mail.ErrNoAccount, BYE, "", false},
		{mail.ErrNoSpace, NO, "UNAVAILABLE", true},
		{mail.ErrClosed, BYE, "UNAVAILABLE", true},
		{auth.ErrNeedsTLS, NO, "PRIVACYREQUIRED", false},
		{auth.ErrMechanism, NO, "CANNOT", false},
		{auth.ErrMalformed, BAD, "", false},
		{context.Canceled, BYE, "UNAVAILABLE", true},
		{&wire.SyntaxError{Text: "x"}, BAD, "", false},
		{&wire.TooLargeError{Size: 2, Limit: 1}, BAD, "", false},
		{&wire.FatalError{Text: "x"}, BYE, "", false},
		{wire.ErrLineTooLong, BAD, "TOOBIG", false},
		{errors.New("index page 7 is damaged"), NO, "UNAVAILABLE", true},
	} {
		for _, err := range []error{test.err, fmt.Errorf("do this and that: %w", test.err)} {
			got := replyTo(err)
			if got.Status != test.status || got.Code != test.code || (got.Cause != nil) != test.logged {
				t.Errorf("replyTo(%v): got %s [%s], logged %v; want %s [%s], logged %v", err, got.Status, got.Code, got.Cause != nil, test.status, test.code, test.logged)
			}
			if got.Text == "" || strings.Contains(got.Text, "damaged") {
				t.Errorf("replyTo(%v): the client reads %q", err, got.Text)
			}
		}
	}
}

// faulty is an account that fails where it is told to.
type faulty struct {
	Account
	changes *atomic.Bool // Changes fails
}

var errDisk = errors.New("input/output error")

func (f faulty) Changes(ctx context.Context, mailbox mail.MailboxID, since mail.ModSeq) (mail.Changes, error) {
	if f.changes.Load() {
		return mail.Changes{}, errDisk
	}
	return f.Account.Changes(ctx, mailbox, since)
}

func (f faulty) Search(context.Context, mail.MailboxID, mail.Query) (mail.UIDSet, error) {
	return nil, errDisk
}

// Open fails for message 2, and gives a body for message 3 that breaks off.
func (f faulty) Open(ctx context.Context, mailbox mail.MailboxID, uid mail.UID) (*message.Stored, error) {
	m, err := f.Account.Open(ctx, mailbox, uid)
	switch {
	case err != nil:
		return nil, err
	case uid == 2:
		_ = m.Close() // it was not read
		return nil, errDisk
	case uid == 3:
		return message.NewStored(m.Row, nil, io.NewSectionReader(m, 0, m.Size()/2), m.Size(), m.Digest, m.Close), nil
	}
	return m, nil
}

// TestFaults: what the store can't do is a temporary NO with words for the
// client and the cause in the log; other messages are answered all the same.
func TestFaults(t *testing.T) {
	t.Parallel()
	failing := new(atomic.Bool)
	b := newBox(t, func(o *Options) {
		open := o.Open
		o.Open = func(ctx context.Context, id mail.AccountID) (Account, error) {
			a, err := open(ctx, id)
			return faulty{a, failing}, err
		}
	})
	b.fixture()
	b.runner().Run(t, "faults", `
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK .*/
C: a1 ENABLE IMAP4rev2
S: * ENABLED IMAP4rev2
S: a1 OK ENABLE completed
C: b SELECT INBOX
S: ...
S: /b OK .*/
C: c SEARCH ALL
S: c NO [UNAVAILABLE] The server could not do that just now, please try again
C: d FETCH 1:2,4 (UID BODY.PEEK[HEADER.FIELDS (Subject)])
S: * 1 FETCH (UID 1 BODY[HEADER.FIELDS (Subject)] {27}
S: Subject: Plain greeting
S: 
S: )
S: * 4 FETCH (UID 4 BODY[HEADER.FIELDS (Subject)] {30}
S: Subject: Ünverschlüsselt
S: 
S: )
S: d NO [UNAVAILABLE] The server could not do that just now, please try again
2S: /\* OK .*/
2C: a LOGIN alice@example.test secret
2S: /a OK .*/
2C: b SELECT INBOX
2S: ...
2S: /b OK .*/
2C: c FETCH 3 BODY.PEEK[]
2S.
`)
	if !strings.Contains(b.log.String(), errDisk.Error()) {
		t.Errorf("the log does not have the cause:\n%s", b.log)
	}
	failing.Store(true)
	b.runner().Run(t, "push", `
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK .*/
C: b IDLE
S: + idling
C: DONE
S: b OK IDLE completed
C: c SELECT INBOX
S: ...
S: * NO [UNAVAILABLE] What is new in the mailbox can't be told just now
S: c OK [READ-WRITE] SELECT completed
C: d STORE 1 +FLAGS.SILENT (\Flagged)
S: d NO [UNAVAILABLE] The server could not do that just now, please try again
C: e UID COPY 1 Archive
S: * NO [UNAVAILABLE] What is new in the mailbox can't be told just now
S: /e OK \[COPYUID \d+ 1 1\] UID COPY completed/
`)
}

// TestFullDisk: reading works although nothing can be marked as read.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	b := newBox(t, func(o *Options) {
		open := o.Open
		o.Open = func(ctx context.Context, id mail.AccountID) (Account, error) {
			a, err := open(ctx, id)
			return full{a}, err
		}
	})
	b.put("INBOX", mail.Flags{}, plainMessage)
	b.runner().Run(t, "full", `
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK .*/
C: b SELECT INBOX
S: ...
S: /b OK .*/
C: c FETCH 1 BODY[TEXT]
S: * 1 FETCH (BODY[TEXT] {30}
S: Hello Alice,
S: this is plain.
S: )
S: c OK FETCH completed
C: d STORE 1 +FLAGS (\Seen)
S: d NO [UNAVAILABLE] The server's disk is full; reading and deleting still work
`)
}

// full is an account on a full disk.
type full struct{ Account }

func (full) SetFlags(context.Context, mail.MailboxID, mail.UIDSet, mail.FlagOp, mail.Flags, *mail.ModSeq) (mail.UIDSet, error) {
	return nil, fmt.Errorf("%w: 0 bytes are left", mail.ErrNoSpace)
}

// TestPushFault: a fault while pushing ends the session with words.
func TestPushFault(t *testing.T) {
	t.Parallel()
	failing := new(atomic.Bool)
	b := newBox(t, func(o *Options) {
		open := o.Open
		o.Open = func(ctx context.Context, id mail.AccountID) (Account, error) {
			a, err := open(ctx, id)
			return faulty{a, failing}, err
		}
	})
	r := b.runner()
	r.Stop = func() {
		failing.Store(true)
		b.put("INBOX", mail.Flags{}, plainMessage)
	}
	r.Run(t, "push", `
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK .*/
C: b SELECT INBOX
S: ...
S: /b OK .*/
C: c IDLE
S: + idling
stop
S: * BYE [UNAVAILABLE] The server can't follow the mailbox just now, please come back
S.
`)
}

// TestBinaryUnknown: an encoding that can't be undone is said, and ends nothing.
func TestBinaryUnknown(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.put("INBOX", mail.Flags{}, "Content-Transfer-Encoding: x-own\n\nabc\n", plainMessage)
	b.runner().Run(t, "binary", `
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK .*/
C: b SELECT INBOX
S: ...
S: /b OK .*/
C: c FETCH 1:2 BINARY.SIZE[1]
S: * 2 FETCH (BINARY.SIZE[1] 30)
S: c NO [UNKNOWN-CTE] A part has a transfer encoding that can't be undone
C: d FETCH 1 BINARY.PEEK[]<0.7>
S: * 1 FETCH (BINARY[]<0> ~{7}
S: Content)
S: d OK FETCH completed
`)
}
