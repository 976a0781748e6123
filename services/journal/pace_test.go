package journal_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
)

// TestPaceAtRest: when nobody commits, whoever committed last, the background goes at its
// pace and gives way to nobody.
func TestPaceAtRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := open(t, crashfs.New(), options())
		synctest.Wait()
		pace := j.Pace(1000)
		for _, late := range []bool{false, true} {
			if err := j.Commit(context.Background(), &journal.Entry{
				Family: journal.FamilyStore, Late: late,
				Prepare: func(journal.Slot) ([]byte, error) { return []byte("change"), nil },
			}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			began := time.Now()
			if err := pace(context.Background(), 100); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took != 100*time.Millisecond {
				t.Errorf("behind a commit, late %t, 100 bytes of 1000 a second take %s", late, took)
			}
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
		j.Release()
	})
}
