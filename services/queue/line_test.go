package queue

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestLineReturns: when several Hops could not be reached and then a server answers, what
// waited for them goes at once; what a server has put off does not.
func TestLineReturns(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, b *bench) {
		var up atomic.Bool
		b.remote.answer = func(job *mail.Job, to mail.Address) mail.Attempt {
			switch {
			case job.Hop == "grey.test":
				return defer451(job, to)
			case !up.Load():
				return nobody(job, to)
			}
			return accept(job, to)
		}
		b.enqueue(item("alice@box.test", "a@grey.test"))
		synctest.Wait()
		for i := range 5 {
			b.enqueue(item("alice@box.test", fmt.Sprintf("a@h%d.test", i)))
		}
		time.Sleep(30 * time.Minute) // the next try would be at 51 minutes
		up.Store(true)
		grey := len(b.remote.tries("a@grey.test"))
		b.enqueue(item("alice@box.test", "a@new.test"))
		synctest.Wait()
		if n := b.q.Stats().Items; n != 1 {
			t.Errorf("%d messages wait when the line is back; want the one that was put off", n)
		}
		if n := len(b.remote.tries("a@grey.test")); n != grey {
			t.Errorf("what was put off was tried again with the line")
		}
	})
}

// broken is a message that is not what was written.
type broken struct{ mail.Content }

func (broken) ReadAt([]byte, int64) (int, error) {
	return 0, fmt.Errorf("read: %w", journal.ErrDamaged)
}

// TestDamagedMessage: a message that is found damaged while it is sent fails at once, and
// its sender hears of it.
func TestDamagedMessage(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, b *bench) {
		b.remote.answer = func(job *mail.Job, to mail.Address) mail.Attempt {
			c, err := job.Open()
			if err != nil {
				t.Error(err)
				return refuse(job, to)
			}
			defer c.Close()
			w := c.(*watched)
			w.Content = broken{w.Content}
			if _, err := c.ReadAt(make([]byte, 10), 0); err != nil {
				return nobody(job, to) // as a connection that had to be cut
			}
			return accept(job, to)
		}
		b.enqueue(item("alice@box.test", "bob@far.test"))
		synctest.Wait()
		got := b.post.list()
		if n := b.q.Stats().Items; n != 0 || len(got) != 1 || got[0].report.Recipients[0].Status != mail.Status5_6_0BadContent {
			t.Errorf("%d messages wait, reports %+v; want one that says that it is damaged", n, got)
		}
	})
}
