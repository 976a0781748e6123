package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// TestHoles damages one record of the log after another while the indexes are
// lost too. The store opens all the same, has what does not depend on that
// record, agrees with itself, and goes on: no number is given out twice.
func TestHoles(t *testing.T) {
	t.Parallel()
	step := 3
	if testing.Short() {
		step = 7
	}
	for seed := range uint64(2) {
		for n := int(seed); ; n += step {
			if !holeAt(t, 20+seed, n) || t.Failed() {
				break
			}
		}
	}
}

// holeAt damages the nth record of family store; false when there are not so many.
func holeAt(t *testing.T, seed uint64, n int) bool {
	t.Helper()
	clock := storetest.NewClock()
	r := &rig{t: t, log: crashfs.New(), index: t.TempDir(), clock: clock, ring: journal.NoRing}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	for i, d := range script(t, seed, 40) {
		if err := do(r.store, d, clock.Now()); err != nil {
			t.Fatalf("deed %d: %v", i, err)
		}
	}
	before := numbers(t, r.store)
	r.abandon()
	records, flip, count, hit := 0, int64(0), 0, ""
	err := journal.Dump(t.Context(), r.log, func(f journal.Found) error {
		if f.Record.Family != journal.FamilyStore {
			return nil
		}
		if count++; records == n {
			flip, hit = f.Offset+f.Length/2, fmt.Sprintf("log/%08d.seg", f.Segment)
		}
		records++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n >= records-1 { // the last one would pass for a torn tail
		return false
	}
	what := fmt.Sprintf("seed %d, record %d of %d", seed, n, records)
	r.log.Flip(hit, flip)
	if err := os.RemoveAll(filepath.Join(r.index, "accounts")); err != nil {
		t.Fatal(err)
	}
	for start := range 2 { // the second has the index that the first has made
		if err := r.open(); err != nil {
			t.Fatalf("%s, start %d: open: %v", what, start, err)
		}
		checkHoled(t, r, what, before)
		if err := r.store.Checkpoint(); err != nil {
			t.Fatalf("%s, start %d: checkpoint: %v", what, start, err)
		}
		r.abandon()
	}
	return !t.Failed()
}

// numbers are what has been given out in the mailboxes of account 1.
func numbers(t *testing.T, s *store.Store) map[mail.MailboxID]mail.Mailbox {
	t.Helper()
	a, err := s.Account(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	list, err := a.Mailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[mail.MailboxID]mail.Mailbox{}
	for _, m := range list {
		all[m.ID] = m
	}
	return all
}

// checkHoled has account 1 used, and everything checked but the log itself.
func checkHoled(t *testing.T, r *rig, what string, before map[mail.MailboxID]mail.Mailbox) {
	t.Helper()
	a, err := r.store.Account(t.Context(), 1)
	if err != nil {
		t.Fatalf("%s: account: %v", what, err)
	}
	now := numbers(t, r.store)
	if now[1].Name != mail.Inbox {
		t.Errorf("%s: mailbox 1 is called %q; want INBOX", what, now[1].Name)
	}
	for id, m := range now {
		if was := before[id]; m.UIDNext >= was.UIDNext+1<<20 && m.UIDValidity <= was.UIDValidity {
			t.Errorf("%s: mailbox %s has UIDVALIDITY %d, before it %d: programs go on with what they know of it", what, id, m.UIDValidity, was.UIDValidity)
		}
		if m.UIDNext < before[id].UIDNext && m.UIDValidity == before[id].UIDValidity {
			t.Errorf("%s: mailbox %s gives UID %d out again, up to %d was", what, id, m.UIDNext, before[id].UIDNext-1)
		}
	}
	d := storetest.NewDraft(t, storetest.NewSpool(t), storetest.Message("new", "Subject: behind the hole"))
	if _, err := a.Append(t.Context(), 1, []draft.Append{{Draft: d}}); err != nil {
		t.Errorf("%s: append: %v", what, err)
	}
	report, err := r.store.Check(t.Context())
	if err != nil {
		t.Fatalf("%s: check: %v", what, err)
	}
	if len(report.Damage) == 0 {
		t.Errorf("%s: check does not see that the log is damaged", what)
	}
	for _, p := range report.Problems {
		if !p.Lost || strings.Contains(p.Text, "apply") {
			t.Errorf("%s: check: %s", what, p)
		}
	}
}
