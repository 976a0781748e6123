package queue

import (
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestCheck: what the index has is what the log has, or Check says what is not.
func TestCheck(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.open()
	defer b.close()
	var list []*Item
	for range 4 {
		list = append(list, item("b@box.test", "a@far.test"))
	}
	b.enqueue(list...)
	if err := b.q.Hold(t.Context(), list[0].ID); err != nil {
		t.Fatal(err)
	}
	if r, err := b.q.Check(t.Context()); err != nil || r.Items != 4 || len(r.Problems) > 0 {
		t.Fatalf("Check = %+v, %v; want nothing", r, err)
	}
	b.q.mu.Lock()
	changed := *b.q.all[list[0].ID].item
	changed.From = mail.Address{Local: "x", Domain: "y.test"}
	b.q.all[list[0].ID].item = &changed
	b.q.unplan(b.q.all[list[1].ID])
	delete(b.q.all, list[1].ID)
	lost := *b.q.all[list[2].ID].item
	lost.Body = journal.BodyRef{Segment: 77, Ordinal: 7}
	b.q.all[list[2].ID].item = &lost
	b.q.mu.Unlock()
	r, err := b.q.Check(t.Context())
	if err != nil || len(r.Problems) != 4 {
		t.Fatalf("Check = %+v, %v; want 4 problems", r, err)
	}
	got := map[string]int{}
	for _, p := range r.Problems {
		for _, words := range []string{"something else", "can't be read", "does not have"} {
			if strings.Contains(p.Text, words) {
				got[words]++
			}
		}
	}
	if got["something else"] != 2 || got["can't be read"] != 1 || got["does not have"] != 1 {
		t.Errorf("problems %v", r.Problems)
	}
}

// TestPast: every attempt is remembered, also by an index that was made from the log,
// up to a bound.
func TestPast(t *testing.T) {
	t.Parallel()
	it := &Item{To: make([]Recipient, 1)}
	for i := range maxPast + 5 {
		r := Recipient{Tries: i + 1, Last: mail.Attempt{Took: time.Duration(i)}}
		it = it.with(verbAttempt, []recipientChange{{0, r}})
		it = it.with(verbRetry, []recipientChange{{0, r}})
	}
	past := it.To[0].Past
	if len(past) != maxPast || past[0].Took != 5 || past[maxPast-1].Took != maxPast+4 {
		t.Errorf("%d attempts, from %d on; want %d from 5 on", len(past), past[0].Took, maxPast)
	}
}
