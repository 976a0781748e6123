package imapd

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// worn is an account of which the disk has lost the end of message 3, and all of
// message 2.
type worn struct{ Account }

func (w worn) Open(ctx context.Context, mailbox mail.MailboxID, uid mail.UID) (*message.Stored, error) {
	m, err := w.Account.Open(ctx, mailbox, uid)
	switch {
	case err != nil:
		return nil, err
	case uid == 2:
		_ = m.Close() // it was not read
		return nil, fmt.Errorf("open message: %w", mail.ErrDamaged)
	case uid == 3:
		return message.NewStored(m.Row, nil, wornBody{m, 40}, m.Size(), m.Digest, m.Close), nil
	}
	return m, nil
}

// wornBody can be read up to good.
type wornBody struct {
	io.ReaderAt
	good int64
}

func (b wornBody) Verify(off, n int64) error {
	if off+n > b.good {
		return fmt.Errorf("body: %w", mail.ErrDamaged)
	}
	return nil
}

func (b wornBody) ReadAt(p []byte, off int64) (int, error) {
	if err := b.Verify(off, int64(len(p))); err != nil {
		return 0, err
	}
	return b.ReaderAt.ReadAt(p, off)
}

// TestDamagedMessage fetches messages of which some are damaged on the disk: the
// others come, the session goes on, what can still be had of them is given, and the
// client is told that trying again won't help.
func TestDamagedMessage(t *testing.T) {
	t.Parallel()
	b := newBox(t, func(o *Options) {
		open := o.Open
		o.Open = func(ctx context.Context, id mail.AccountID) (Account, error) {
			a, err := open(ctx, id)
			return worn{a}, err
		}
	})
	b.fixture()
	const damaged = "NO [CORRUPTION] A message is damaged on the server's disk and can't be read; all others can. Ask your administrator to put it back from a backup"
	b.runner().Run(t, "damaged", `
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK .*/
C: b SELECT INBOX
S: ...
S: /b OK .*/
C: c UID FETCH 1:4 (BODY.PEEK[]<0.10>)
S: * 1 FETCH (UID 1 BODY[]<0> {10}
S: /.*\)/
S: /\* 3 FETCH .UID 3 BODY.*/
S: /.*\)/
S: /\* 4 FETCH .UID 4 BODY.*/
S: /.*\)/
S: c `+damaged+`
C: d UID FETCH 3 (UID BODY.PEEK[])
S: d `+damaged+`
C: e UID FETCH 3 (BODY.PEEK[]<30.20>)
S: e `+damaged+`
C: f UID FETCH 2:3 (RFC822.SIZE)
S: /\* 2 FETCH .*/
S: /\* 3 FETCH .*/
S: f OK UID FETCH completed
C: g UID FETCH 1 (BODY.PEEK[]<0.7>)
S: * 1 FETCH (UID 1 BODY[]<0> {7}
S: /.*\)/
S: g OK UID FETCH completed
C: h UID COPY 2:3 Archive
S: /h OK .*/
C: i LOGOUT
S: /\* BYE .*/
S: /i OK .*/
`)
}
