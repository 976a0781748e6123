package directory

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// spoil garbles the first record of the kind in the log.
func (b *testBox) spoil(k kind) {
	b.t.Helper()
	done := false
	err := journal.Dump(b.t.Context(), b.fs, func(f journal.Found) error {
		if done || f.Damage != "" || f.Record.Family != journal.FamilyDirectory || f.Record.Type != uint8(k) {
			return nil
		}
		done = true
		name := filepath.Join(b.path, "log", "00000001.seg")
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for i := f.Offset + 8; i < f.Offset+f.Length; i++ {
			data[i] ^= 0x5a
		}
		return os.WriteFile(name, data, 0o600)
	})
	if err != nil || !done {
		b.t.Fatalf("spoil a record of kind %d: %t, %v", k, done, err)
	}
}

// try opens the directory, which may fail.
func (b *testBox) try() error {
	b.t.Helper()
	index, err := OpenIndex(filepath.Join(b.path, File))
	if err != nil {
		return err
	}
	log, err := journal.Open(b.fs, journal.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return errors.Join(err, index.Close())
	}
	d, err := Open(b.t.Context(), index, log, Options{Key: b.key, Mailboxes: b.mail})
	if err == nil {
		err = d.Close()
	} else {
		err = errors.Join(err, index.Close())
	}
	err = errors.Join(err, log.Close())
	log.Release()
	return err
}

// TestSetUpIsLost: a box that was set up never comes up as a new one, whose page
// gives it to whoever is first.
func TestSetUpIsLost(t *testing.T) {
	t.Parallel()
	file := func(b *testBox) string { return filepath.Join(b.path, File) }
	for name, test := range map[string]struct {
		damage func(b *testBox) error
		want   error
	}{
		"the index":                    {func(b *testBox) error { return os.Remove(file(b)) }, nil},
		"the record":                   {func(b *testBox) error { b.spoil(kindSetUp); return nil }, nil},
		"both":                         {func(b *testBox) error { b.spoil(kindSetUp); return os.Remove(file(b)) }, ErrLost},
		"the record, and a wild index": {func(b *testBox) error { b.spoil(kindSetUp); return os.WriteFile(file(b), []byte("no database"), 0o600) }, ErrLost},
		"the log":                      {func(b *testBox) error { return os.RemoveAll(filepath.Join(b.path, "log")) }, ErrLost},
	} {
		b := newOffice(t)
		b.mustAdd("bob@example.test")
		b.stop()
		if err := test.damage(b); err != nil {
			t.Fatal(err)
		}
		for range 2 { // it must not be forgotten by the first start
			if err := b.try(); !errors.Is(err, test.want) || err != nil && test.want == nil {
				t.Errorf("%s lost: Open = %v; want %v", name, err, test.want)
			}
		}
	}
}

// TestRecordIsLost: mail of somebody whose record is lost goes to nobody new.
func TestRecordIsLost(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	bob := b.mustAdd("bob@example.test")
	b.mail.mail = map[mail.AccountID]bool{1: true, 2: true, bob.ID: true}
	b.stop()
	b.spoil(kindAddAccount)
	if err := os.Remove(filepath.Join(b.path, File)); err != nil {
		t.Fatal(err)
	}
	b.start()
	for range 2 {
		a, err := b.Account(t.Context(), bob.ID)
		if err != nil || a.Address.String() != "recovered-"+bob.ID.String()+"@example.test" {
			t.Fatalf("the account of the mail is %v, %v", a, err)
		}
		b.stop()
		b.start()
	}
	if again := b.mustAdd("bob@example.test"); again.ID <= bob.ID {
		t.Errorf("somebody new has number %d; bob had %d", again.ID, bob.ID)
	}
}

// TestRemovalIsLost: who was removed does not come back by a damaged disk.
func TestRemovalIsLost(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	bob := b.mustAdd("bob@example.test")
	b.mail.once = true
	if err := b.RemoveAccount(t.Context(), bob.ID); err != nil {
		t.Fatal(err)
	}
	b.mustAdd("carol@example.test") // proves that the removal had been acknowledged
	b.stop()
	b.spoil(kindRemoveAccount)
	if err := os.Remove(filepath.Join(b.path, File)); err != nil {
		t.Fatal(err)
	}
	b.start()
	if err := b.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Account(t.Context(), bob.ID); !errors.Is(err, mail.ErrNoAccount) {
		t.Errorf("bob, who was removed, is there: %v", err)
	}
}

// TestEndOfShareIsLost: who may no longer read a mailbox does not read it again by a
// damaged disk.
func TestEndOfShareIsLost(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		record, index bool // is lost
		want          mail.Rights
	}{
		"the record": {true, false, 0}, "the index": {false, true, mail.RightRead}, "both": {true, true, 0},
	} {
		b := newOffice(t)
		ctx := t.Context()
		give := func(to mail.AccountID, rights mail.Rights) {
			t.Helper()
			if err := b.SetShares(ctx, 1, []mail.Share{{Owner: 1, Mailbox: 7, To: to, Rights: rights}}); err != nil {
				t.Fatal(err)
			}
		}
		bob := b.mustAdd("bob@example.test").ID
		give(2, 0) // the first record of its kind is the one that is lost
		give(bob, mail.RightRead)
		if !test.record && test.index {
			give(2, mail.RightRead)
		}
		b.stop()
		if test.record {
			b.spoil(kindSetShares)
		}
		if test.index {
			if err := os.Remove(filepath.Join(b.path, File)); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			b.start()
			if got := b.Rights(1, 7, 2); got != test.want {
				t.Errorf("%s lost: alice has %q; want %q", name, got, test.want)
			}
			if got, kept := b.Rights(1, 7, bob), !test.record || !test.index; (got == mail.RightRead) != kept {
				t.Errorf("%s lost: bob has %q; kept: %t", name, got, kept)
			}
			b.stop()
		}
		b.start()
		give(2, mail.RightRead)
		b.stop()
		b.start()
		if got := b.Rights(1, 7, 2); got != mail.RightRead {
			t.Errorf("%s lost: shared again, alice has %q", name, got)
		}
	}
}
