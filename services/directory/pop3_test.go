package directory

import (
	"errors"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestGoldenPOP3: the records of what holds for POP3 must be read for ever.
func TestGoldenPOP3(t *testing.T) {
	t.Parallel()
	s := replayGolden(t, replayGolden(t, emptyState(), "testdata/records-1.txt"), "testdata/records-9.txt")
	if got, want := s.accounts[1].pop3(), (mail.POP3{Leave: mail.Leave{Enforced: true, Days: 14}}); got != want {
		t.Errorf("account 1: %+v; want %+v", got, want)
	}
	if got, want := s.accounts[3].pop3(), (mail.POP3{Leave: mail.Leave{Enforced: true}, LoginDelay: time.Minute}); got != want {
		t.Errorf("account 3: %+v; want %+v", got, want)
	}
}

// TestPOP3: what is set is there, also after a restart with and without the index;
// the bounds are those of all accounts; nonsense is refused.
func TestPOP3(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	if got := b.POP3Bounds(); got != (mail.POP3Bounds{}) {
		t.Errorf("bounds before: %+v", got)
	}
	week, now := mail.Leave{Enforced: true, Days: 7}, mail.Leave{Enforced: true}
	if err := errors.Join(b.SetLeave(ctx, 1, week), b.SetLeave(ctx, 2, now), b.SetLoginDelay(ctx, 1, time.Minute), b.SetLoginDelay(ctx, 2, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	if got, want := b.POP3(1), (mail.POP3{Leave: week, LoginDelay: time.Minute}); got != want {
		t.Errorf("account 1: %+v; want %+v", got, want)
	}
	want := mail.POP3Bounds{Strictest: mail.POP3{Leave: now, LoginDelay: time.Minute}, LeaveDiffers: true, DelayDiffers: true}
	if got := b.POP3Bounds(); got != want {
		t.Errorf("bounds: %+v; want %+v", got, want)
	}
	if got := b.POP3s(); len(got) != 2 {
		t.Errorf("listed: %+v", got)
	}
	for _, days := range []int{-1, maxLeave + 1} {
		if _, rule := errors.AsType[*mail.RuleError](b.SetLeave(ctx, 2, mail.Leave{Enforced: true, Days: days})); !rule {
			t.Errorf("%d days were taken", days)
		}
	}
	for _, delay := range []time.Duration{-time.Second, maxLoginDelay + time.Second} {
		if _, rule := errors.AsType[*mail.RuleError](b.SetLoginDelay(ctx, 2, delay)); !rule {
			t.Errorf("a delay of %v was taken", delay)
		}
	}
	if err := b.SetLeave(ctx, 99, week); !errors.Is(err, mail.ErrNoAccount) {
		t.Errorf("nobody: %v", err)
	}
	if err := errors.Join(b.SetLeave(ctx, 2, mail.Leave{}), b.SetLoginDelay(ctx, 2, 0)); err != nil || b.POP3(2) != (mail.POP3{}) {
		t.Errorf("ended: %+v, %v", b.POP3(2), err)
	}
}
