package fetched

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
)

func message(uid mail.UID) mail.Fetched {
	return mail.Fetched{UIDValidity: 7, UID: uid, Email: mail.EmailID(uid) + 100}
}

// TestNote: the first day counts, for each account and each message apart.
func TestNote(t *testing.T) {
	t.Parallel()
	b := Open(crashfs.New(), "mail/fetched")
	for _, n := range []struct {
		id  mail.AccountID
		day Day
		uid mail.UID
	}{{1, 100, 1}, {1, 101, 2}, {1, 102, 1}, {2, 103, 1}} {
		if err := b.Note(n.id, n.day, []mail.Fetched{message(n.uid)}); err != nil {
			t.Fatal(err)
		}
	}
	check := func(id mail.AccountID, records int, want map[mail.Fetched]Day) {
		t.Helper()
		got, n, err := b.Read(id)
		if err != nil || !maps.Equal(got, want) || n != records {
			t.Errorf("account %s: %v in %d records, %v; want %v in %d", id, got, n, err, want, records)
		}
	}
	check(1, 3, map[mail.Fetched]Day{message(1): 100, message(2): 101})
	check(2, 1, map[mail.Fetched]Day{message(1): 103})
	check(3, 0, nil)
	if err := b.Keep(1, func(m mail.Fetched, _ Day) bool { return m.UID == 2 }); err != nil {
		t.Fatal(err)
	}
	check(1, 1, map[mail.Fetched]Day{message(2): 101})
	if ids, err := b.Accounts(); err != nil || !slices.Equal(ids, []mail.AccountID{1, 2}) {
		t.Errorf("Accounts = %v, %v; want 1 and 2", ids, err)
	}
	if err := errors.Join(b.Forget(1), b.Forget(3)); err != nil {
		t.Fatal(err)
	}
	check(1, 0, nil)
	if got := DayOf(time.Unix(86400*5-1, 0)); got != 4 {
		t.Errorf("DayOf = %d; want 4", got)
	}
}

// TestPowerCut: at whatever operation of the disk the power goes, what was noted is
// there, nothing is there that was not fetched, and the file can be written on.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	disk := crashfs.New()
	b := Open(disk, "fetched")
	synced := []int{disk.Ops()} // the operation behind which so many messages are durable
	for uid := range mail.UID(6) {
		if uid == 3 { // and one that is made anew in between
			if err := b.Keep(1, func(mail.Fetched, Day) bool { return true }); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Note(1, Day(100+uid), []mail.Fetched{message(uid + 1)}); err != nil {
			t.Fatal(err)
		}
		synced = append(synced, disk.Ops())
	}
	for point := range crashfs.Points(synced[0], disk.Ops()) {
		safe := 0
		for n, at := range synced {
			if at <= point {
				safe = n
			}
		}
		for i, chance := range []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(uint64(point))} {
			again := Open(disk.Crash(point, chance), "fetched")
			if err := again.Note(1, 200, []mail.Fetched{message(50)}); err != nil {
				t.Fatalf("cut behind operation %d: %v", point, err)
			}
			days, _, err := again.Read(1)
			if err != nil || days[message(50)] != 200 {
				t.Fatalf("cut behind operation %d: %v, %v", point, days, err)
			}
			delete(days, message(50))
			if len(days) < safe || len(days) > safe+1 {
				t.Errorf("cut behind operation %d, chance %d: %d messages are noted; want %d, or the next one too", point, i, len(days), safe)
			}
			for m, day := range days {
				if day != Day(99+m.UID) {
					t.Errorf("cut behind operation %d: message %d was fetched on day %d", point, m.UID, day)
				}
			}
		}
	}
}

// TestTrouble: a disk that fails is told of, and what was there before stays; a file
// of a later version is left alone; one that is something else is begun anew.
func TestTrouble(t *testing.T) {
	t.Parallel()
	disk := crashfs.New()
	b := Open(disk, "fetched")
	if err := b.Note(1, 100, []mail.Fetched{message(1)}); err != nil {
		t.Fatal(err)
	}
	disk.Fault(func(crashfs.Op) error { return syscall.EIO })
	if err := b.Note(1, 100, []mail.Fetched{message(2)}); !errors.Is(err, syscall.EIO) {
		t.Errorf("on a disk that fails: %v", err)
	}
	disk.Fault(func(crashfs.Op) error { return nil })
	if days, _, err := b.Read(1); err != nil || days[message(1)] != 100 {
		t.Errorf("after that: %v, %v", days, err)
	}
	write := func(text string) {
		t.Helper()
		f, err := disk.OpenFile("fetched/1", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
		if err == nil {
			_, err = f.WriteAt([]byte(text), 0)
		}
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	write(magic + "\x02")
	if err := b.Note(1, 100, []mail.Fetched{message(1)}); !errors.Is(err, mail.ErrNewer) {
		t.Errorf("a later version: Note = %v", err)
	}
	if _, _, err := b.Read(1); !errors.Is(err, mail.ErrNewer) {
		t.Errorf("a later version: Read = %v", err)
	}
	for _, text := range []string{"", "sk", "something else altogether"} {
		write(text)
		if err := b.Note(1, 100, []mail.Fetched{message(1)}); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if days, n, err := b.Read(1); err != nil || n != 1 || days[message(1)] != 100 {
			t.Errorf("%q: %v in %d records, %v", text, days, n, err)
		}
	}
	if err := b.Note(1, 100, make([]mail.Fetched, MaxRecords)); !errors.Is(err, ErrFull) {
		t.Errorf("too many: %v", err)
	}
}

// FuzzDecode: no file of any content is taken for more than it has.
func FuzzDecode(f *testing.F) {
	f.Add(appendRecord(append([]byte(magic), version), message(1), 100))
	f.Add([]byte(magic + "\x02"))
	f.Fuzz(func(t *testing.T, text []byte) {
		days, records, err := decode(text)
		if err == nil && (len(days) > records || records > len(text)/recordSize) {
			t.Errorf("%d messages in %d records of %d bytes", len(days), records, len(text))
		}
		for m, day := range days {
			if !bytes.Contains(text, appendRecord(nil, m, day)) {
				t.Errorf("%v on day %d stands nowhere", m, day)
			}
		}
	})
}
