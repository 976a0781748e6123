package mailtest

import (
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/memstore"
)

// Store is a mail store in memory, with a spool for what comes in.
type Store struct {
	*memstore.Store
	Spool *draft.Spool
	t     testing.TB
}

// NewStore makes a Store with these accounts; every account has the mailboxes
// that a new one has.
func NewStore(t testing.TB, accounts ...mail.AccountID) *Store {
	t.Helper()
	disk, err := durable.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.Close() }) // only the test's own files were in it
	spool, err := draft.NewSpool(disk, "spool", nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &Store{Store: memstore.New(nil), Spool: spool, t: t}
	for _, id := range accounts {
		if err := s.CreateAccount(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// Draft makes a finished draft of text as it is; it is discarded with the test.
func (s *Store) Draft(text string) *draft.Draft {
	s.t.Helper()
	d := s.Spool.New(int64(len(text)))
	s.t.Cleanup(d.Discard)
	if _, err := d.Write([]byte(text)); err != nil {
		s.t.Fatal(err)
	}
	if err := d.Finish(); err != nil {
		s.t.Fatal(err)
	}
	return d
}

// Put appends messages, byte for byte, to one of an account's mailboxes.
func (s *Store) Put(id mail.AccountID, mailbox string, flags mail.Flags, texts ...string) mail.Appended {
	s.t.Helper()
	account, err := s.Account(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	box, err := account.Mailbox(s.t.Context(), mailbox)
	if err != nil {
		s.t.Fatal(err)
	}
	var messages []draft.Append
	for _, text := range texts {
		messages = append(messages, draft.Append{Draft: s.Draft(text), Flags: flags, Internal: time.Date(2026, 11, 22, 9, 15, 0, 0, time.UTC)})
	}
	appended, err := account.Append(s.t.Context(), box.ID, messages)
	if err != nil {
		s.t.Fatalf("append to %s: %v", mailbox, err)
	}
	return appended
}
