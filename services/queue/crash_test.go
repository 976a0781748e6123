package queue

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/report"
)

// moments are disk operations that there had been when something happened.
type moments struct {
	mu       sync.Mutex
	accepted map[string]int // told that it is durable
	sent     map[string]int // the other server said 250
	recorded map[string]int // and that was recorded
}

// TestCrash cuts the power behind every disk operation of a queue at work. What was
// accepted is sent, once; twice only where the cut falls between the other server's 250
// and our record of it.
func TestCrash(t *testing.T) {
	t.Parallel()
	var disk *crashfs.FS
	m := moments{accepted: map[string]int{}, sent: map[string]int{}, recorded: map[string]int{}}
	reports := map[string]int{}
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		disk = b.disk.(*crashfs.FS)
		b.open()
		r := rand.New(rand.NewPCG(1, 2))
		b.remote.answer = func(job *mail.Job, to mail.Address) mail.Attempt {
			m.mu.Lock()
			defer m.mu.Unlock()
			switch {
			case to.Local == "no":
				return refuse(job, to)
			case r.IntN(2) == 0:
				return defer451(job, to)
			}
			m.sent[to.String()] = disk.Ops()
			return accept(job, to)
		}
		b.run()
		for i := range 12 {
			to := []string{fmt.Sprintf("a@h%d.test", i), fmt.Sprintf("b@g%d.test", i)}
			if i%3 == 0 {
				to[1] = fmt.Sprintf("no@g%d.test", i)
			}
			b.enqueue(item("alice@box.test", to...))
			for _, s := range to {
				m.accepted[s] = disk.Ops()
			}
			time.Sleep(time.Duration(i%3) * time.Minute)
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if n := b.q.Stats().Items; n != 0 {
			t.Fatalf("%d items are left", n)
		}
		for _, p := range b.post.list() {
			if to := p.report.Recipients[0]; to.Action == report.ActionFailed {
				reports[to.Final.String()]++
			}
		}
		b.close()
	})
	if len(reports) != 4 {
		t.Fatalf("%d reports; want 4", len(reports))
	}
	recordedAt(t, disk, &m)
	for point := range crashfs.Points(0, disk.Ops()) {
		for i, chance := range []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(uint64(point))} {
			checkCrash(t, fmt.Sprintf("crash behind operation %d, chance %d", point, i), disk.Crash(point, chance), point, &m)
		}
		if t.Failed() {
			return
		}
	}
}

// recordedAt finds when the outcomes were durable, by looking at the disk of each
// moment.
func recordedAt(t *testing.T, disk *crashfs.FS, m *moments) {
	for point := 1; point <= disk.Ops(); point++ {
		j, err := journal.Open(disk.Crash(point, crashfs.Nothing()), journal.Options{Logger: newBench(t).opts.Logger, Ring: journal.NoRing})
		if err != nil {
			t.Fatal(err)
		}
		err = j.Replay(t.Context(), journal.FamilyQueue, 1, func(r journal.Record) error {
			if verb(r.Type) != verbAttempt {
				return nil
			}
			c, err := decodeChange(r.Payload)
			for _, rc := range c.changes {
				to := rc.recipient.Address.String()
				if _, known := m.recorded[to]; rc.recipient.State == StateRelayed && !known {
					m.recorded[to] = point
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		_ = j.Close()
		j.Release()
	}
}

func checkCrash(t *testing.T, what string, disk *crashfs.FS, point int, m *moments) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.disk = disk
		b.path = filepath.Join(t.TempDir(), File)
		again := map[string]int{}
		var mu sync.Mutex
		b.remote.answer = func(job *mail.Job, to mail.Address) mail.Attempt {
			mu.Lock()
			defer mu.Unlock()
			again[to.String()]++
			if to.Local == "no" {
				return refuse(job, to)
			}
			return accept(job, to)
		}
		b.open()
		posted := reported(t, b.journal)
		b.run()
		time.Sleep(30 * time.Hour)
		synctest.Wait()
		if n := b.q.Stats().Items; n != 0 {
			t.Errorf("%s: %d items are left", what, n)
		}
		told := map[string]int{}
		for _, p := range b.post.list() {
			if to := p.report.Recipients[0]; to.Action == report.ActionFailed {
				told[to.Final.String()]++
			}
		}
		b.close()
		for to, accepted := range m.accepted {
			if to[:2] == "no" {
				if n := told[to] + posted[to]; accepted <= point && n != 1 {
					t.Errorf("%s: %d reports of %s", what, n, to)
				}
				continue
			}
			before := 0
			if at, ok := m.sent[to]; ok && at <= point {
				before = 1
			}
			total := before + again[to]
			if accepted <= point && total == 0 {
				t.Errorf("%s: %s is lost", what, to)
			}
			if between := before == 1 && (m.recorded[to] == 0 || m.recorded[to] > point); total > 1 && !between {
				t.Errorf("%s: %s was sent %d times", what, to, total)
			}
			if again[to] > 1 {
				t.Errorf("%s: %s was sent %d times after the start", what, to, again[to])
			}
		}
	})
}

// reported counts the reports of failures that the log says have been made.
func reported(t *testing.T, j *journal.Journal) map[string]int {
	failed, n := map[string]bool{}, map[string]int{}
	err := j.Replay(t.Context(), journal.FamilyQueue, 1, func(r journal.Record) error {
		if verb(r.Type) == verbAdd {
			return nil
		}
		c, err := decodeChange(r.Payload)
		for _, rc := range c.changes {
			to := rc.recipient.Address.String()
			if verb(r.Type) == verbReport && failed[to] {
				n[to]++
			}
			failed[to] = rc.recipient.State == StateFailed
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestRandom runs a queue through starts, servers that come and go, and people who
// change their mind: each recipient is relayed once or not at all, and of each that
// failed there is one report.
func TestRandom(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		synctest.Test(t, func(t *testing.T) { randomly(t, seed) })
	}
}

func randomly(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 7))
	var mu sync.Mutex
	b := newBench(t)
	relayed, failed := map[string]int{}, map[string]int{}
	b.remote.answer = func(job *mail.Job, to mail.Address) mail.Attempt {
		mu.Lock()
		n := r.IntN(10)
		mu.Unlock()
		time.Sleep(time.Duration(n) * time.Second)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case n < 4:
			relayed[to.String()]++
			return accept(job, to)
		case n < 5:
			failed[to.String()]++
			return refuse(job, to)
		case n < 8:
			return defer451(job, to)
		}
		return nobody(job, to)
	}
	b.open()
	b.run()
	var all []mail.ID
	dropped := map[mail.ID]bool{}
	hopOf := map[string]mail.ID{}
	for i := range 200 {
		mu.Lock()
		what, some := r.IntN(12), r.IntN(len(all)+1)
		mu.Unlock()
		var id mail.ID
		if some < len(all) {
			id = all[some]
		}
		ctx := context.Background()
		switch what {
		case 0, 1, 2, 3:
			to := []string{fmt.Sprintf("a%d@h%d.test", i, i%5), fmt.Sprintf("b%d@h%d.test", i, i%5), fmt.Sprintf("c%d@g%d.test", i, i%3)}
			it := item("alice@box.test", to[:1+i%3]...)
			b.enqueue(it)
			all = append(all, it.ID)
			for _, s := range to[:1+i%3] {
				hopOf[s] = it.ID
			}
		case 4:
			_ = b.q.Hold(ctx, id) // refused where it makes no sense
		case 5:
			_ = b.q.Release(ctx, id)
		case 6:
			_ = b.q.Retry(ctx, id)
		case 7:
			dropped[id] = b.q.Drop(ctx, id) == nil || dropped[id]
		case 8:
			b.q.Kick("")
		case 9:
			if err := b.q.Checkpoint(ctx); err != nil {
				t.Errorf("Checkpoint: %v", err)
			}
			if _, err := b.q.Over(ctx); err != nil {
				t.Errorf("Over: %v", err)
			}
		case 10:
			synctest.Wait()
			b.close()
			if i%2 == 0 {
				b.path = filepath.Join(t.TempDir(), File) // its index is lost
			}
			b.open()
			b.run()
		}
		time.Sleep(time.Duration(i%90) * time.Second)
	}
	for _, id := range all {
		_ = b.q.Release(context.Background(), id)
	}
	time.Sleep(7 * 24 * time.Hour)
	for _, id := range all { // those that were being sent when they should be released
		_ = b.q.Release(context.Background(), id)
	}
	time.Sleep(7 * 24 * time.Hour)
	synctest.Wait()
	if n := b.q.Stats().Items; n != 0 {
		items, _, _ := b.q.List(context.Background(), Filter{}, Page{})
		t.Errorf("seed %d: %d items are left: %+v", seed, n, items[0])
	}
	if n := len(b.q.lanes); n > 8 {
		t.Errorf("seed %d: %d lanes are left", seed, n)
	}
	told := map[string]int{}
	for _, p := range b.post.list() {
		for _, to := range p.report.Recipients {
			if to.Action.String() == "failed" {
				told[to.Final.String()]++
			}
		}
	}
	for to, id := range hopOf {
		switch {
		case relayed[to] > 1:
			t.Errorf("seed %d: %s was sent %d times", seed, to, relayed[to])
		case relayed[to] == 1 && told[to] > 0:
			t.Errorf("seed %d: %s was sent, and reported as failed", seed, to)
		case relayed[to] == 0 && told[to] != 1 && !dropped[id]:
			t.Errorf("seed %d: of %s, which was not sent, there are %d reports", seed, to, told[to])
		}
	}
	b.close()
}
