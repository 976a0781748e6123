package queue

import (
	"slices"
	"testing"
	"time"
)

// TestPriority: of what is due the priority decides, then the time; what is not due
// stands in nobody's way, whatever its priority.
func TestPriority(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	l := &lane{key: laneKey{hop: "far.test"}, pos: -1}
	at := func(seconds int, priority int8) *job {
		j := &job{lane: l, next: now.Add(time.Duration(seconds) * time.Second).UnixNano(), priority: priority}
		l.add(j)
		return j
	}
	old, urgent, later, gone, slow := at(-20, 0), at(-1, 4), at(60, 9), at(-30, 9), at(-40, -4)
	if next, ok := l.at(1, now, always); !ok || next > now.UnixNano() {
		t.Fatalf("at = %d, %v; want it due", next, ok)
	}
	l.remove(gone)
	var got []*job
	for range 3 {
		got = append(got, l.take())
	}
	if want := []*job{urgent, old, slow}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
	if next, ok := l.at(1, now, always); !ok || next != later.next || l.waiting() != 1 {
		t.Errorf("at = %d, %v with %d waiting; want %d", next, ok, l.waiting(), later.next)
	}
	l.remove(later)
	if _, ok := l.at(1, now, always); ok {
		t.Error("an empty lane has something to send")
	}
}

// always is a window that is never closed.
func always(at int64) int64 { return at }
