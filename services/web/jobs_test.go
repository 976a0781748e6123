package web

import (
	"context"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestJobsOfOnePerson: whoever asks again and again takes no place from others.
func TestJobsOfOnePerson(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	j := newJobs(func() time.Time { return now })
	start := func(by mail.AccountID) *job {
		t.Helper()
		now = now.Add(time.Second)
		task, err := j.start(by, by, func(context.Context, func(mail.Progress)) (mail.RestoredAsOf, error) {
			return mail.RestoredAsOf{}, nil
		})
		if err != nil {
			t.Fatalf("a job of account %s: %v", by, err)
		}
		j.running.Wait()
		return task
	}
	others := start(2)
	first := start(1)
	for range 3 * maxJobs {
		start(1)
	}
	latest := start(1)
	start(3)
	if len(j.all) > maxJobs {
		t.Errorf("%d jobs are kept; want %d", len(j.all), maxJobs)
	}
	if _, err := j.find(others.id, caller{Login: mail.Login{Account: 1}}); err == nil {
		t.Error("somebody else's job is found")
	}
	for task, want := range map[*job]bool{others: true, first: false, latest: true} {
		if _, err := j.find(task.id, caller{Login: mail.Login{Account: task.by}}); (err == nil) != want {
			t.Errorf("job of account %s: %v; want that it is kept: %v", task.by, err, want)
		}
	}
}
