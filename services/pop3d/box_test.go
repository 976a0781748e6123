package pop3d

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/mailtest"
	"github.com/sanduk-mail/sanduk/services/message"
	"github.com/sanduk-mail/sanduk/services/reception"
)

// What maild hands in fits.
var _ Authenticator = (*auth.Authenticator)(nil)

// The accounts that every test has.
const (
	alice mail.AccountID = 1
	bob   mail.AccountID = 2
)

// messages is what stands in alice's INBOX: the sizes are in the dialogues.
func messages() []string {
	return []string{
		"Subject: one\r\n\r\nfirst line\r\n.second line\r\n..\r\n.\r\nlast\r\n", // 55 bytes
		"Subject: two\r\n\r\nno line end",                                       // 27 bytes, 29 as sent
		"Subject: three\n\nbare\nline ends\n",                                   // 31 bytes, 35 as sent
	}
}

// box is a POP3 server over a store in memory.
type box struct {
	t         testing.TB
	store     *mailtest.Store
	server    *Server
	plain     *mailtest.Listener // as on port 110
	implicit  *mailtest.Listener // as on port 995
	clientTLS *tls.Config
	log       *logBuffer
	trouble   trouble
}

// trouble is what goes wrong in the store; nil for nothing.
type trouble struct {
	mu                  sync.Mutex
	open, rows, expunge error // Open, Rows, Expunge
	read                error // in the middle of a message
	account             error // the server's Open
	mailboxes           error // Mailbox
}

// logBuffer keeps the log for the end of a test that fails.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// newBox starts a server; change may alter its options first.
func newBox(t testing.TB, change ...func(*Options)) *box {
	t.Helper()
	b := &box{
		t: t, store: mailtest.NewStore(t, alice, bob), log: new(logBuffer),
		plain: mailtest.Listen(110), implicit: mailtest.Listen(995),
	}
	b.store.Put(alice, mail.Inbox, mail.Flags{}, messages()...)
	var serverTLS *tls.Config
	serverTLS, b.clientTLS = mailtest.TLS(t)
	people := map[string]mailtest.Person{
		"alice@example.test": {Password: "secret with spaces ", Login: mail.Login{Account: alice, Address: mail.Address{Local: "alice", Domain: "example.test"}}},
		"bob":                {Password: "hidden", Login: mail.Login{Account: bob, Address: mail.Address{Local: "bob", Domain: "example.test"}}},
		"ghost":              {Password: "boo", Login: mail.Login{Account: 99}},
	}
	options := Options{
		Open: b.open,
		Auth: &mailtest.Logins{People: people, InClear: true},
		TLS:  serverTLS, Version: "1.2",
		Log: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&options)
	}
	b.server = New(options)
	var serving sync.WaitGroup
	for l, mode := range map[*mailtest.Listener]Mode{b.plain: {}, b.implicit: {ImplicitTLS: true}} {
		serving.Go(func() {
			if err := b.server.Serve(l, mode); !errors.Is(err, reception.ErrClosed) {
				t.Errorf("Serve: %v; want ErrClosed", err)
			}
		})
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := b.server.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		serving.Wait()
		if n := b.server.Panics(); n != 0 {
			t.Errorf("%d sessions panicked", n)
		}
		if n := len(b.server.open); n != 0 {
			t.Errorf("%d maildrops are still locked", n)
		}
		if strings.Contains(b.log.String(), "secret") || strings.Contains(b.log.String(), "hidden") {
			t.Error("a password stands in the log")
		}
		if t.Failed() {
			t.Logf("log:\n%s", b.log)
		}
	})
	return b
}

// runner plays dialogues against the box, in the clear.
func (b *box) runner() mailtest.Runner {
	return mailtest.Runner{
		Dial: b.plain.Dial,
		TLS:  b.clientTLS,
		Stop: func() { go func() { _ = b.server.Shutdown(context.Background()) }() },
	}
}

func (b *box) open(ctx context.Context, id mail.AccountID) (Account, error) {
	if err := b.trouble.get(&b.trouble.account); err != nil {
		return nil, err
	}
	a, err := b.store.Account(ctx, id)
	if err != nil {
		return nil, err
	}
	return &troubled{a, &b.trouble}, nil
}

func (t *trouble) get(err *error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return *err
}

// troubled is an Account that fails as the box says.
type troubled struct {
	Account
	trouble *trouble
}

func (a *troubled) Mailbox(ctx context.Context, name string) (mail.Mailbox, error) {
	if err := a.trouble.get(&a.trouble.mailboxes); err != nil {
		return mail.Mailbox{}, err
	}
	return a.Account.Mailbox(ctx, name)
}

func (a *troubled) Rows(ctx context.Context, id mail.MailboxID, set mail.UIDSet) iter.Seq2[mail.Row, error] {
	if err := a.trouble.get(&a.trouble.rows); err != nil {
		return func(yield func(mail.Row, error) bool) { yield(mail.Row{}, err) }
	}
	return a.Account.Rows(ctx, id, set)
}

func (a *troubled) Open(ctx context.Context, id mail.MailboxID, uid mail.UID) (*message.Stored, error) {
	if err := a.trouble.get(&a.trouble.open); err != nil {
		return nil, err
	}
	m, err := a.Account.Open(ctx, id, uid)
	if broken := a.trouble.get(&a.trouble.read); err == nil && broken != nil {
		return message.NewStored(m.Row, nil, brokenReader{m, broken}, m.Size(), m.Digest, m.Close), nil
	}
	return m, err
}

func (a *troubled) Expunge(ctx context.Context, id mail.MailboxID, set mail.UIDSet, onlyDeleted bool) (mail.UIDSet, error) {
	if err := a.trouble.get(&a.trouble.expunge); err != nil {
		return nil, err
	}
	return a.Account.Expunge(ctx, id, set, onlyDeleted)
}

// brokenReader reads ten bytes and then fails.
type brokenReader struct {
	io.ReaderAt
	err error
}

// Verify tells of damage; what else fails is seen only by reading.
func (b brokenReader) Verify(off, n int64) error {
	if off+n > 10 && errors.Is(b.err, mail.ErrDamaged) {
		return b.err
	}
	return nil
}

func (b brokenReader) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) <= 10 {
		return b.ReaderAt.ReadAt(p, off)
	}
	n, _ := b.ReaderAt.ReadAt(p[:max(0, 10-off)], off) // the point is the error that follows
	return n, b.err
}
