package store_test

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// small is a disk for the log that holds so many bytes and no more.
type small struct {
	disk     *crashfs.FS
	capacity int64
}

func (s *small) free() (int64, error) {
	free := s.capacity
	files, err := s.disk.ReadDir("log")
	if err != nil {
		return free, nil // there are none yet
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			return 0, err
		}
		free -= info.Size()
	}
	return free, nil
}

// TestNearlyFull fills a disk until mail is refused. Flags and deletions go on; when
// what was deleted before is due, its space comes back, with no more of the disk
// than is left, and mail is taken again: all that by one process.
func TestNearlyFull(t *testing.T) {
	t.Parallel()
	const reserve = 20_000
	disk := &small{disk: crashfs.New(), capacity: 150_000}
	k := &kept{rig: &rig{
		t: t, log: disk.disk, index: t.TempDir(), clock: storetest.NewClock(), segment: 6000, free: disk.free, reserve: reserve,
	}}
	k.start()
	defer func() { k.abandon() }()
	if err := k.store.CreateAccount(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	k.append(30)
	k.live(1)
	k.expunge(mail.UIDSet{{First: 1, Last: 24}})
	k.live(25)
	a, err := k.store.Account(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	deliver := func(i int) error {
		d := storetest.NewDraft(t, storetest.NewSpool(t), storetest.Message(noise(i, 2000), fmt.Sprintf("Subject: letter %d", i)))
		_, err := a.Append(t.Context(), 1, []draft.Append{{Draft: d}})
		return err
	}
	taken := 0
	for err = deliver(100); err == nil; err = deliver(100 + taken) {
		if taken++; taken > 100 {
			t.Fatal("the disk is never full")
		}
	}
	if !errors.Is(err, mail.ErrNoSpace) {
		t.Fatalf("on the full disk: %v; want ErrNoSpace", err)
	}
	// From here on there is what is left, and nothing that is removed counts.
	free, err := disk.free()
	if err != nil {
		t.Fatal(err)
	}
	var lock sync.Mutex
	left := free
	disk.disk.Fault(func(o crashfs.Op) error {
		lock.Lock()
		defer lock.Unlock()
		if o.Kind != crashfs.Write {
			return nil
		}
		if int64(o.New) > left {
			return syscall.ENOSPC
		}
		left -= int64(o.New)
		return nil
	})
	for i := range 20 {
		if _, err := a.SetFlags(t.Context(), 1, mail.SetOf[mail.UID](30), mail.FlagsReplace, mail.NewFlags([]string{`\Seen`, `\Flagged`}[i%2]), nil); err != nil {
			t.Errorf("SetFlags with %d bytes free: %v", free, err)
		}
	}
	if _, err := a.Expunge(t.Context(), 1, mail.SetOf[mail.UID](29), false); err != nil {
		t.Errorf("Expunge: %v", err)
	}
	if err := deliver(500); !errors.Is(err, mail.ErrNoSpace) {
		t.Errorf("a delivery meanwhile: %v; want ErrNoSpace", err)
	}
	k.live(7)
	if freed := k.upkeep.Health().Freed; freed < 24*2000*3/4 {
		t.Errorf("%d bytes came back; want most of 48,000", freed)
	}
	disk.disk.Fault(nil)
	for i := range 10 {
		if err := deliver(600 + i); err != nil {
			t.Errorf("with room again: %v", err)
		}
	}
	k.wantGood("after all", 5+taken+10)
	select {
	case <-k.journal.Failed():
		t.Error("the journal has given up")
	default:
	}
	k.restart(0)
	k.wantGood("after a start", 5+taken+10)
}
