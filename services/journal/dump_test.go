package journal_test

import (
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
)

// dumped gives the payloads that Dump shows, and what is damaged.
func dumped(t *testing.T, fsys durable.FS) (payloads []string, damage int) {
	t.Helper()
	err := journal.Dump(t.Context(), fsys, func(f journal.Found) error {
		switch {
		case f.Damage != "":
			damage++
		case f.Record.Family != journal.FamilyJournal:
			payloads = append(payloads, string(f.Record.Payload))
		default:
			if _, err := journal.Describe(f.Record); err != nil {
				t.Errorf("record %d: %v", f.Record.LSN, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return payloads, damage
}

// TestDumpAfterCrash cuts the power at many points: Dump shows everything that a
// recovery finds, also what is only in the ring, and writes nothing.
func TestDumpAfterCrash(t *testing.T) {
	t.Parallel()
	opts := ringOptions()
	opts.Segment = 20000
	disk, _ := filled(t, opts, 60)
	for point := 0; point <= disk.Ops(); point += 7 {
		for _, chance := range []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(uint64(point))} {
			after := disk.Crash(point, chance)
			before := after.Ops()
			if _, err := after.ReadDir("log"); err != nil {
				continue // the power went before there was a log
			}
			got, _ := dumped(t, after)
			if after.Ops() != before {
				t.Fatalf("crash behind operation %d: Dump wrote to the disk", point)
			}
			j, err := journal.Open(after, opts)
			if err != nil {
				t.Fatal(err)
			}
			want := payloads(replay(t, j, 1))
			if all := strings.Join(got, " "); !strings.HasPrefix(all, want) {
				t.Fatalf("crash behind operation %d: Dump shows\n%.200s; recovery finds\n%.200s", point, all, want)
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			j.Release()
		}
	}
}

func TestDumpDamage(t *testing.T) {
	t.Parallel()
	opts := options()
	disk := crashfs.New()
	j := open(t, disk, opts)
	for range 3 {
		mustPut(t, j, strings.Repeat("x", 200))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j.Release()
	if got, damage := dumped(t, disk); len(got) != 3 || damage != 0 {
		t.Fatalf("%d records, %d damaged; want 3 and none", len(got), damage)
	}
	f, err := disk.OpenFile("log/00000001.seg", 2, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("turned"), 64+300+88+50); err != nil { // within the second record's payload
		t.Fatal(err)
	}
	if got, damage := dumped(t, disk); len(got) != 2 || damage != 1 {
		t.Errorf("%d records, %d damaged; want 2 and 1", len(got), damage)
	}
	if _, err := f.WriteAt([]byte("turned"), 3); err != nil {
		t.Fatal(err)
	}
	if got, damage := dumped(t, disk); len(got) != 0 || damage != 1 {
		t.Errorf("without a segment header: %d records, %d damaged; want that the segment can't be read", len(got), damage)
	}
}
