package imapd

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/mailtest"
	"github.com/sanduk-mail/sanduk/services/store/memstore"
)

// alice is the account that every test has; her password is "secret".
const alice mail.AccountID = 1

// testMaxSize is the largest message in tests.
const testMaxSize = 1 << 20

// box is an IMAP server over a store in memory.
type box struct {
	t         testing.TB
	store     *memstore.Store
	account   Account // alice's
	rights    acl
	spool     *draft.Spool
	server    *Server
	plain     *mailtest.Listener // as on port 143
	implicit  *mailtest.Listener // as on port 993
	serverTLS *tls.Config
	clientTLS *tls.Config
	log       *logBuffer
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

// String is the end of the log.
func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.buf.String()
	return text[max(0, len(text)-4000):]
}

// newBox starts a server; change may alter its options first.
func newBox(t testing.TB, change ...func(*Options)) *box {
	t.Helper()
	b := &box{t: t, store: memstore.New(nil), log: &logBuffer{}, plain: mailtest.Listen(143), implicit: mailtest.Listen(993)}
	dir, err := durable.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if b.spool, err = draft.NewSpool(dir, "spool", nil); err != nil {
		t.Fatal(err)
	}
	if err := b.store.CreateAccount(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	if b.account, err = b.store.Account(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	b.serverTLS, b.clientTLS = mailtest.TLS(t)
	options := Options{
		Open: func(ctx context.Context, id mail.AccountID) (Account, error) {
			account, err := b.store.Account(ctx, id)
			if err != nil {
				return nil, err
			}
			return b.rights.open(account), nil
		},
		Auth:    &fakeAuth{clear: true},
		Draft:   b.spool.New,
		MaxSize: testMaxSize,
		TLS:     b.serverTLS,
		Version: "1.0-test",
		Log:     slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&options)
	}
	b.server = New(options)
	var serving sync.WaitGroup
	serving.Go(func() { _ = b.server.Serve(b.plain, Mode{}) })
	serving.Go(func() { _ = b.server.Serve(b.implicit, Mode{ImplicitTLS: true}) })
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
		Stop: func() {
			go func() { _ = b.server.Shutdown(context.Background()) }()
		},
	}
}

// mailbox finds one of alice's mailboxes.
func (b *box) mailbox(name string) mail.Mailbox {
	b.t.Helper()
	m, err := b.account.Mailbox(context.Background(), name)
	if err != nil {
		b.t.Fatalf("mailbox %s: %v", name, err)
	}
	return m
}

// put appends messages to a mailbox; lines may end in LF.
func (b *box) put(name string, flags mail.Flags, texts ...string) {
	b.t.Helper()
	var messages []draft.Append
	for _, text := range texts {
		d := b.spool.New(int64(len(text)) * 2)
		defer d.Discard()
		if _, err := d.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n"))); err != nil {
			b.t.Fatal(err)
		}
		if err := d.Finish(); err != nil {
			b.t.Fatal(err)
		}
		messages = append(messages, draft.Append{Draft: d, Flags: flags, Internal: testDate()})
	}
	if _, err := b.account.Append(context.Background(), b.mailbox(name).ID, messages); err != nil {
		b.t.Fatalf("append to %s: %v", name, err)
	}
}

func testDate() time.Time {
	return time.Date(2026, time.February, 1, 10, 0, 0, 0, time.FixedZone("", 3600))
}

// What the process will hand in fits.
var (
	_ Authenticator = (*auth.Authenticator)(nil)
	_ Account       = (*memstore.Account)(nil)
)

// fakeAuth knows alice@example.test and her password, "secret".
type fakeAuth struct{ clear bool }

func (f *fakeAuth) Clear(_ netip.Addr, tls bool) bool { return tls || f.clear }

func (f *fakeAuth) Password(_ context.Context, _ netip.Addr, login, password string) (mail.Login, error) {
	switch {
	case login == "later@example.test":
		return mail.Login{}, mail.ErrTryLater
	case login != "alice@example.test" || password != "secret":
		return mail.Login{}, mail.ErrDenied
	}
	return mail.Login{Account: alice, Address: mail.Address{Local: "alice", Domain: "example.test"}}, nil
}

func (f *fakeAuth) External(*tls.ConnectionState) bool { return false }

func (f *fakeAuth) Mechanisms(bool) []string { return []string{"SCRAM-SHA-256", "PLAIN", "LOGIN"} }

func (f *fakeAuth) Start(mechanism string, peer netip.Addr, _ *tls.ConnectionState) (auth.Exchange, error) {
	if mechanism != "PLAIN" {
		return nil, auth.ErrMechanism
	}
	return &fakePlain{f: f, peer: peer}, nil
}

// fakePlain is RFC 4616.
type fakePlain struct {
	f     *fakeAuth
	peer  netip.Addr
	login mail.Login
}

func (x *fakePlain) Next(ctx context.Context, response []byte) ([]byte, bool, error) {
	if response == nil {
		return nil, false, nil
	}
	parts := strings.Split(string(response), "\x00")
	if len(parts) != 3 {
		return nil, false, auth.ErrMalformed
	}
	login, err := x.f.Password(ctx, x.peer, parts[1], parts[2])
	x.login = login
	return nil, err == nil, err
}

func (x *fakePlain) Login() mail.Login { return x.login }
