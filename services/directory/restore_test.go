package directory

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/mail"
)

func TestRestoreAccount(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	bob := b.mustAdd("bob@example.test")
	before, err := b.Credential(ctx, "bob@example.test")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.AddToken(ctx, Token{Hash: [32]byte{1}, Owner: bob.ID, Name: "script"}); err != nil {
		t.Fatal(err)
	}
	if err := b.RemoveAccount(ctx, bob.ID); err != nil {
		t.Fatal(err)
	}
	list, err := b.RemovedAccounts(ctx)
	if err != nil || len(list) != 1 || list[0].ID != bob.ID || list[0].Address != bob.Address || list[0].Name != bob.Name {
		t.Errorf("RemovedAccounts = %+v, %v", list, err)
	}
	b.stop()
	b.start()
	got, err := b.RestoreAccount(ctx, bob.ID, mail.Address{}, "")
	if err != nil || !reflect.DeepEqual(got, bob) {
		t.Errorf("RestoreAccount = %+v, %v; want %+v", got, err, bob)
	}
	if !b.mail.has(bob.ID) {
		t.Error("the mailboxes are not back")
	}
	if c, err := b.Credential(ctx, "bob@example.test"); err != nil || string(c.Record) != string(before.Record) {
		t.Errorf("Credential = %+v, %v; want that of before", c, err)
	}
	if _, err := b.Token(ctx, [32]byte{1}); !errors.Is(err, mail.ErrDenied) {
		t.Errorf("Token = %v, want ErrDenied", err)
	}
	if again, err := b.RestoreAccount(ctx, bob.ID, mail.Address{}, ""); err != nil || !reflect.DeepEqual(again, bob) {
		t.Errorf("RestoreAccount again = %+v, %v", again, err)
	}
	if _, err := b.RestoreAccount(ctx, 99, mail.Address{}, ""); !errors.Is(err, mail.ErrNoAccount) {
		t.Errorf("RestoreAccount of nobody = %v, want ErrNoAccount", err)
	}
}

// Somebody else has the address by now.
func TestRestoreAccountAs(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	bob := b.mustAdd("bob@example.test")
	if err := b.RemoveAccount(ctx, bob.ID); err != nil {
		t.Fatal(err)
	}
	b.mustAdd("bob@example.test")
	other := mail.Address{Local: "Robert", Domain: "example.test"}
	for _, try := range []struct {
		address  mail.Address
		password string
		want     error
	}{
		{mail.Address{}, "", mail.ErrAddressTaken},
		{other, "", mail.ErrPasswordNeeded},
		{other, "short", auth.ErrWeakPassword},
		{mail.Address{Local: "robert", Domain: "example.net"}, "eight brown bottles", mail.ErrNotOurDomain},
		{mail.Address{Local: "a b", Domain: "example.test"}, "eight brown bottles", mail.ErrAddress},
	} {
		if _, err := b.RestoreAccount(ctx, bob.ID, try.address, try.password); !errors.Is(err, try.want) {
			t.Errorf("RestoreAccount as %s = %v, want %v", try.address, err, try.want)
		}
		if b.mail.has(bob.ID) {
			t.Fatal("the mailboxes are back without the account")
		}
	}
	b.mail.fail = iotest.ErrTimeout
	if _, err := b.RestoreAccount(ctx, bob.ID, other, "eight brown bottles"); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("RestoreAccount = %v, want the mailboxes' error", err)
	}
	b.mail.fail = nil
	got, err := b.RestoreAccount(ctx, bob.ID, other, "eight brown bottles")
	if err != nil || got.ID != bob.ID || got.Address.String() != "robert@example.test" {
		t.Errorf("RestoreAccount = %+v, %v", got, err)
	}
	b.stop()
	b.start()
	if id, err := b.resolve("robert@example.test"); err != nil || id != bob.ID {
		t.Errorf("Resolve = %v, %v; want %v", id, err, bob.ID)
	}
}

// A crash between the mail's coming back and the account's leaves a removed one.
// TestExpire: what is kept of somebody who was removed goes with the mail, and not
// before; the address may be somebody else's by then.
func TestExpire(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	bob := b.mustAdd("bob@example.test")
	if err := b.RemoveAccount(t.Context(), bob.ID); err != nil {
		t.Fatal(err)
	}
	again := b.mustAdd("bob@example.test")
	if err := b.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := b.current.Load().accounts[bob.ID]; len(r.Credential) == 0 {
		t.Error("the password is gone before the mail")
	}
	if _, err := b.RestoreAccount(t.Context(), bob.ID, mail.Address{}, ""); !errors.Is(err, mail.ErrAddressTaken) {
		t.Errorf("RestoreAccount under an address that is taken = %v; want ErrAddressTaken", err)
	}
	b.mail.gone = map[mail.AccountID]bool{bob.ID: true}
	for range 2 {
		if err := b.Expire(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, when := range []string{"at once", "behind a restart", "out of the log"} {
		r := b.current.Load().accounts[bob.ID]
		if len(r.Credential) != 0 || r.Name != "" {
			t.Errorf("%s: of bob is kept %q, a credential of %d bytes", when, r.Name, len(r.Credential))
		}
		if _, err := b.RestoreAccount(t.Context(), bob.ID, mail.Address{Local: "b", Domain: "example.test"}, testPassword); !errors.Is(err, mail.ErrGone) {
			t.Errorf("%s: RestoreAccount = %v; want ErrGone", when, err)
		}
		if id, err := b.resolve("bob@example.test"); err != nil || id != again.ID {
			t.Errorf("%s: bob's address is that of %s, %v; want %s", when, id, err, again.ID)
		}
		b.stop()
		if when == "behind a restart" {
			if err := os.Remove(filepath.Join(b.path, File)); err != nil {
				t.Fatal(err)
			}
		}
		b.start()
	}
}

func TestRestoreIsCut(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	bob := b.mustAdd("bob@example.test")
	if err := b.RemoveAccount(ctx, bob.ID); err != nil {
		t.Fatal(err)
	}
	b.mail.have[bob.ID] = true
	if err := b.Settle(ctx); err != nil || b.mail.has(bob.ID) {
		t.Errorf("after Settle (%v) the mailboxes are %v", err, b.mail.have)
	}
	if _, err := b.RestoreAccount(ctx, bob.ID, mail.Address{}, ""); err != nil || !b.mail.has(bob.ID) {
		t.Errorf("RestoreAccount = %v, the mailboxes are %v", err, b.mail.have)
	}
}

// The new records' bytes, and what an old removal means.
func TestRestoreRecords(t *testing.T) {
	t.Parallel()
	for text, record := range map[string]any{
		`{"id":3,"at":"2026-03-01T00:00:00Z","keep":true}`: removeRecord{ID: 3, At: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Keep: true},
		`{"id":3}`: restoreRecord{ID: 3},
		`{"id":3,"local":"bob","domain":"example.test","credential":"AQI="}`: restoreRecord{ID: 3, Local: "bob", Domain: "example.test", Credential: auth.Record{1, 2}},
	} {
		b, err := encodeRecord(record)
		if err != nil || string(b) != "\x01"+text {
			t.Errorf("%+v is written as %q, %v; want %q", record, b, err, text)
		}
	}
	s := emptyState()
	s.box = &boxRecord{Domains: nil}
	s.accounts[1] = &accountRecord{ID: 1, Admin: true}
	s.accounts[2] = &accountRecord{ID: 2, Local: "bob", Domain: "example.test", Credential: auth.Record{1}}
	s.box.Domains = append(s.box.Domains, "example.test")
	s, _, err := s.apply(removeRecord{ID: 2, At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.apply(restoreRecord{ID: 2}); !errors.Is(err, mail.ErrPasswordNeeded) {
		t.Errorf("restoring what an old version removed: %v; want ErrPasswordNeeded", err)
	}
}
