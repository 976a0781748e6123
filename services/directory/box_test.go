package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/setup"
)

// mailboxes notes who has some.
type mailboxes struct {
	mu   sync.Mutex
	have map[mail.AccountID]bool // false: set aside
	fail error
	once bool                    // an account that was removed is not made again
	mail map[mail.AccountID]bool // who has had mail
	gone map[mail.AccountID]bool // whose mail is gone for good
}

func (m *mailboxes) CreateAccount(_ context.Context, id mail.AccountID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	if there, known := m.have[id]; m.once && known && !there {
		return mail.ErrNoAccount
	}
	m.have[id] = true
	return nil
}

func (m *mailboxes) RemoveAccount(_ context.Context, id mail.AccountID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	if there, known := m.have[id]; !known || !there {
		return mail.ErrNoAccount
	}
	m.have[id] = false
	return nil
}

func (m *mailboxes) RestoreAccount(_ context.Context, id mail.AccountID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.have[id]; !known && m.fail == nil {
		return mail.ErrNoAccount
	}
	m.have[id] = m.fail == nil
	return m.fail
}

func (m *mailboxes) RemovedAccounts(context.Context) ([]mail.RemovedAccount, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []mail.RemovedAccount
	for id := range mail.AccountID(100) {
		if there, known := m.have[id]; known && !there {
			list = append(list, mail.RemovedAccount{ID: id})
		}
	}
	return list, m.fail
}

func (m *mailboxes) Gone(_ context.Context, id mail.AccountID) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.gone[id], m.fail
}

func (m *mailboxes) Used(_ context.Context, from mail.AccountID) (map[mail.AccountID]bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	used := map[mail.AccountID]bool{}
	for id := range m.mail {
		if id >= from {
			used[id] = !m.have[id]
		}
	}
	return used, nil
}

func (m *mailboxes) has(id mail.AccountID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.have[id]
}

// testBox is a directory in a folder of its own.
type testBox struct {
	*Directory
	t    testing.TB
	path string
	fs   *durable.OS
	key  *auth.Key
	mail *mailboxes
	log  *journal.Journal
	open bool
}

// newBox opens a directory in the folder path, "" for a fresh one. Closing it
// runs Check.
func newBox(t testing.TB, path string) *testBox {
	t.Helper()
	if path == "" {
		path = t.TempDir()
	}
	b := &testBox{t: t, path: path, mail: &mailboxes{have: map[mail.AccountID]bool{}}}
	var err error
	if b.fs, err = durable.NewOS(path); err != nil {
		t.Fatal(err)
	}
	if b.key, err = auth.CreateKey(b.fs, auth.KeyFile); err != nil {
		t.Fatal(err)
	}
	b.start()
	t.Cleanup(func() {
		b.check()
		b.stop()
		_ = b.fs.Close()
	})
	return b
}

func (b *testBox) start() {
	b.t.Helper()
	index, err := OpenIndex(filepath.Join(b.path, File))
	if err != nil {
		b.t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	if b.log, err = journal.Open(b.fs, journal.Options{Logger: quiet}); err != nil {
		b.t.Fatal(err)
	}
	if b.Directory, err = Open(b.t.Context(), index, b.log, Options{Key: b.key, Mailboxes: b.mail, Logger: quiet}); err != nil {
		b.t.Fatal(err)
	}
	b.open = true
}

func (b *testBox) stop() {
	b.t.Helper()
	if !b.open {
		return
	}
	b.open = false
	if err := errors.Join(b.Close(), b.log.Close()); err != nil {
		b.t.Errorf("close: %v", err)
	}
	b.log.Release()
}

func (b *testBox) check() {
	b.t.Helper()
	if !b.open {
		return
	}
	report, err := b.Check(context.Background())
	if err != nil {
		b.t.Errorf("Check: %v", err)
	}
	for _, p := range report.Problems {
		b.t.Errorf("Check: %s", p)
	}
}

const (
	testPassword = "seven green bottles"
	testDocument = `{
		"hostname": "mail.example.test", "domains": ["example.test", "сандук.test"],
		"admin": {"address": "admin@example.test", "password": "` + testPassword + `"},
		"accounts": [{"address": "Alice@Example.test", "name": "Alice", "password": "` + testPassword + `"}],
		"timezone": "Europe/Tirane",
		"outbound": {"mode": "smarthost", "host": "smtp.example.net", "user": "office", "password": "secret at the provider"},
		"collect": [{"protocol": "pop3", "host": "pop.example.net", "user": "office", "password": "another secret", "into": "example.test"},
			{"protocol": "imap", "host": "imap.example.net", "user": "alice", "password": "a third secret", "every": "10m", "into": "alice@example.test"}],
		"trusted_networks": ["10.1.0.0/16"], "submission_extra_port": 26}`
)

func testSetup(t testing.TB) *setup.Setup {
	t.Helper()
	s, err := setup.Parse([]byte(testDocument))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newOffice is a box that has been set up.
func newOffice(t testing.TB) *testBox {
	t.Helper()
	b := newBox(t, "")
	if err := b.SetUp(t.Context(), testSetup(t)); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *testBox) resolve(address string) (mail.AccountID, error) {
	b.t.Helper()
	a, err := mail.ParseAddress(address)
	if err != nil {
		b.t.Fatalf("%q: %v", address, err)
	}
	return b.Resolve(b.t.Context(), a)
}

func (b *testBox) mustAdd(address string) mail.Account {
	b.t.Helper()
	a, err := mail.ParseAddress(address)
	if err != nil {
		b.t.Fatal(err)
	}
	account, err := b.AddAccount(b.t.Context(), mail.Account{Address: a, Name: "Somebody"}, testPassword)
	if err != nil {
		b.t.Fatalf("AddAccount(%s): %v", address, err)
	}
	return account
}

// copyDir copies a data directory as a crash would have left it.
func copyDir(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// summary is all that readers can see, for comparing.
func (b *testBox) summary() string {
	b.t.Helper()
	ctx := context.Background()
	accounts, err := b.Accounts(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	box, setUp := b.Box()
	text := fmt.Sprintf("%v %+v\n", setUp, box)
	for _, a := range accounts {
		c, err := b.Credential(ctx, a.Address.String())
		if (err != nil) != a.Disabled {
			b.t.Errorf("Credential(%s), disabled %v: %v", a.Address, a.Disabled, err)
		}
		tokens, err := b.Tokens(ctx, a.ID)
		if err != nil {
			b.t.Errorf("Tokens(%s): %v", a.ID, err)
		}
		rules, err := b.Rules(ctx, a.ID)
		if err != nil {
			b.t.Errorf("Rules(%s): %v", a.ID, err)
		}
		programs, only, err := b.AppPasswords(a.ID)
		if err != nil {
			b.t.Errorf("AppPasswords(%s): %v", a.ID, err)
		}
		passkeys, err := b.Passkeys(a.ID)
		if err != nil {
			b.t.Errorf("Passkeys(%s): %v", a.ID, err)
		}
		text += fmt.Sprintf("%+v\n", passkeys)
		text += fmt.Sprintf("%+v %v %x\n", programs, only, c.Programs)
		text += fmt.Sprintf("%+v %v %v\n", rules, b.Shares(a.ID), b.Received(a.ID))
		text += fmt.Sprintf("%d %s %q %v %v %s %x %v %v\n", a.ID, a.Address, a.Name, a.Role, a.Disabled, a.Created.Format(time.RFC3339), c.Record[:min(8, len(c.Record))], tokens, a.Domains)
	}
	listings, err := b.Listings(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	domains, err := b.Domains(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, name := range []domain.Name{"example.test", "b.test", "c.test"} {
		keys, err := b.SigningKeys(name)
		text += fmt.Sprintf("%s signs with %q %v\n", name, keys, err)
	}
	return text + fmt.Sprintf("%+v\n%+v\n", listings, domains)
}
