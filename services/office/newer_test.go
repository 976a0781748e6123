package office

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/collect"
	"github.com/sanduk-mail/sanduk/services/directory"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/queue"
)

// TestNewer starts the box on what a later version of its software has written, in each
// of the places where it may: it is refused, the screen says which version to start, and
// that one goes on.
func TestNewer(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	o := startOffice(t, data)
	o.setUpNow(t, 0)
	if err := o.submit(t, "bob@"+testDomain, letter); err != nil {
		t.Fatal(err)
	}
	if err := o.stop(); err != nil {
		t.Fatal(err)
	}
	record := func(f journal.Family, kind uint8, payload string) func(t *testing.T, data string) {
		return func(t *testing.T, data string) {
			files, err := durable.NewOS(filepath.Join(data, "mail"))
			if err != nil {
				t.Fatal(err)
			}
			j, err := journal.Open(files, journal.Options{Logger: slog.New(slog.DiscardHandler), Ring: journal.NoRing})
			if err != nil {
				t.Fatal(err)
			}
			err = j.Commit(t.Context(), &journal.Entry{Family: f, Type: kind, Prepare: func(journal.Slot) ([]byte, error) { return []byte(payload), nil }})
			if err := errors.Join(err, j.Close()); err != nil {
				t.Fatal(err)
			}
			j.Release()
		}
	}
	value := func(file, bucket, key string, value []byte) func(t *testing.T, data string) {
		return func(t *testing.T, data string) {
			db, err := bbolt.Open(filepath.Join(data, "mail", file), 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			err = db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(bucket)).Put([]byte(key), value) })
			if err := errors.Join(err, db.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	version := binary.BigEndian.AppendUint32(nil, crc32.Checksum([]byte("99"), crc32.MakeTable(crc32.Castagnoli)))
	id := "0123456789abcdef"
	item := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(id+"\x63rest")))
	for name, write := range map[string]func(t *testing.T, data string){
		"directory's record":  record(journal.FamilyDirectory, 99, "\x01{}"),
		"directory's payload": record(journal.FamilyDirectory, 2, "\x02{}"),
		"store's op":          record(journal.FamilyStore, 1, "\x01\x01\x01\x09\x01\x63"),
		"store's payload":     record(journal.FamilyStore, 1, "\x02"),
		"queue's record":      record(journal.FamilyQueue, 99, "\x01"),
		"queue's payload":     record(journal.FamilyQueue, 1, "\x63"),
		"collected record":    record(journal.FamilyCollect, 99, "\x01"),
		"directory's index":   value(directory.File, "meta", "version", append(version, "99"...)),
		"queue's index":       value(queue.File, "items", id, append(item, "\x63rest"...)),
		"collected index":     value(collect.File, "meta", "version", []byte{99}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			copied := t.TempDir()
			if err := os.CopyFS(copied, os.DirFS(data)); err != nil {
				t.Fatal(err)
			}
			write(t, copied)
			machine := &testMachine{}
			o, err := Open(t.Context(), Options{Data: copied, Version: "test", Dev: true, Machine: machine, Log: slog.New(slog.DiscardHandler)})
			if err == nil {
				_ = o.Close() // the test fails anyway
			}
			if !errors.Is(err, mail.ErrNewer) {
				t.Errorf("Open = %v; want %v", err, mail.ErrNewer)
			}
			if n := len(machine.screens); n == 0 || machine.screens[n-1].State != cantStartNewer {
				t.Errorf("the screen says %+v; want %q", machine.screens, cantStartNewer)
			}
		})
	}
}
