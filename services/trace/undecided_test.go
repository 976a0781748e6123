package trace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// logAt logs lines of a time of their own.
func logAt(b *Book, at time.Time, what string, args ...any) {
	r := slog.NewRecord(at, slog.LevelInfo, what, 0)
	r.Add(args...)
	_ = b.Handler(slog.DiscardHandler).Handle(context.Background(), r)
}

// refusedMessage logs what the box says of a message that it doesn't take.
func refusedMessage(b *Book, at time.Time, peer, subject string) mail.ID {
	id := mail.NewID(at)
	logAt(b, at, "message received", "verb", "receive", "id", id, "peer", peer, "from", "flood@far.test")
	logAt(b, at, "message judged", "verb", "judge", "id", id, "peer", peer)
	logAt(b, at, "message refused", "verb", "judge", "id", id, "peer", peer, "err", errors.New("554 5.7.1 No"), slog.Group(Private, "from", "flood@far.test", "subject", subject, "to", []string{"alice@office.test"}))
	return id
}

// TestFlood sends a day of refused mail, ten a second, from one peer and from many: the
// trace keeps its bound of it, says how much was left out, and has what others sent.
func TestFlood(t *testing.T) {
	t.Parallel()
	for name, peers := range map[string]int{"one peer": 1, "many peers": 5000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t, Options{Files: crashfs.New(), Log: quiet(), Keep: 100 * 365 * 24 * time.Hour})
			const minutes, each = 24 * 60, 60
			kept := 0
			for i := range minutes * each {
				at := noon.Add(time.Duration(i) * time.Minute / each)
				id := refusedMessage(b, at, fmt.Sprintf("192.0.2.%d", i%peers), "Flood")
				if i%500 == 0 {
					b.undecided.sum(at)
					if err := b.write(true); err != nil {
						t.Fatal(err)
					}
				}
				if i == 1000*each {
					logAt(b, at, "message received", "verb", "receive", "id", id, "peer", "203.0.113.5", "from", "ben@partner.test")
					logAt(b, at, "message delivered", "verb", "commit", "id", id, "mailboxes", 1, slog.Group(Private, "subject", "Invoice", "to", []string{"alice@office.test"}))
				}
			}
			lone := refusedMessage(b, noon.Add(minutes*time.Minute), "198.51.100.9", "Lone")
			b.undecided.end(noon.Add(minutes * time.Minute))
			if err := b.write(true); err != nil {
				t.Fatal(err)
			}
			b.disk.Lock()
			kept = b.current.steps
			for _, s := range b.segments {
				kept += int(s.steps)
			}
			b.disk.Unlock()
			most := 3*(refusedBurst+refusedMinute*minutes+1) + (maxSummaries+1)*(minutes/int(sumEvery.Minutes())+1) + 2
			if kept > most {
				t.Errorf("%d steps of %d are kept, want %d at most", kept, 3*minutes*each, most)
			}
			found, _, err := b.Find(t.Context(), Query{Text: "invoice"})
			if err != nil || len(found) != 1 || len(found[0].Steps) < 2 {
				t.Errorf("the letter in between: %+v, %v", found, err)
			}
			if peers == 1 {
				if m, err := b.Steps(t.Context(), lone); err != nil || len(m.Steps) != 3 {
					t.Errorf("what somebody else sent has %d steps, %v; want 3", len(m.Steps), err)
				}
			}
			found, _, err = b.Find(t.Context(), Query{Limit: 20})
			if err != nil {
				t.Fatal(err)
			}
			told := false
			for _, m := range found {
				told = told || strings.HasPrefix(m.Steps[0].What, "many messages")
			}
			if !told {
				t.Error("nothing says that messages were left out")
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestUndecidedIsBounded(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	for i := range 3 * maxUndecided {
		logAt(b, noon, "message received", "verb", "receive", "id", mail.NewID(noon), "peer", fmt.Sprint(i))
	}
	if n := len(b.undecided.steps); n > maxUndecided {
		t.Errorf("%d messages are undecided, want %d at most", n, maxUndecided)
	}
	b.undecided.sum(noon.Add(decideTime + time.Second))
	if n := len(b.undecided.steps); n != 0 {
		t.Errorf("%d are undecided after that time, want none", n)
	}
	if got := find(t, b, Query{}); len(got) != 3*maxUndecided {
		t.Errorf("%d messages are found, want all %d", len(got), 3*maxUndecided)
	}
}
