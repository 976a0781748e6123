package reception

import (
	"testing"
	"time"
)

// TestPace: a burst goes through, what follows goes on at the rate for all sessions of
// an account together, others are not concerned, and rest brings the burst back.
func TestPace(t *testing.T) {
	t.Parallel()
	var p Pace
	begin := time.Unix(1_000_000, 0)
	now := begin
	for i := range paceBurst + paceDebt - 1 {
		if wait := p.Command(1, now); wait != 0 {
			t.Fatalf("command %d waits %v", i, wait)
		}
	}
	const more = 10 * paceRate
	for range more {
		now = now.Add(p.Command(1, now))
	}
	if took := now.Sub(begin); took < 9900*time.Millisecond || took > 10100*time.Millisecond {
		t.Errorf("%d more took %v; want 10 s", more, took)
	}
	if wait := p.Command(2, now); wait != 0 {
		t.Errorf("another account waits %v", wait)
	}
	now = now.Add(time.Hour)
	for i := range paceBurst {
		if wait := p.Command(1, now); wait != 0 {
			t.Fatalf("an hour later command %d waits %v", i, wait)
		}
	}
	if wait := p.Command(1, begin); wait != 0 { // a clock that goes back
		t.Errorf("with a clock that goes back: %v", wait)
	}
}
