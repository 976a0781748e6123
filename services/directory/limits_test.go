package directory

import (
	"errors"
	"fmt"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestGoldenLimits: the records of what may be sent, on top of the others.
func TestGoldenLimits(t *testing.T) {
	t.Parallel()
	s := replayGolden(t, emptyState(), "testdata/records-1.txt")
	s = replayGolden(t, replayGolden(t, s, "testdata/records-2.txt"), "testdata/records-3.txt")
	if got, want := fmt.Sprint(s.limits), "map[a0:{2000 -1} a3:{0 50}]"; got != want {
		t.Errorf("limits = %s; want %s", got, want)
	}
}

// TestSetLimits: what was set holds after every start, and goes with who it was set for.
func TestSetLimits(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	everybody, one := mail.Limits{Messages: 50}, mail.Limits{Messages: mail.NoLimit, Recipients: 7}
	if err := errors.Join(b.SetLimits(ctx, 0, everybody), b.SetLimits(ctx, 2, one)); err != nil {
		t.Fatal(err)
	}
	if err := b.SetLimits(ctx, 99, one); !errors.Is(err, mail.ErrNoAccount) {
		t.Errorf("SetLimits of nobody = %v; want ErrNoAccount", err)
	}
	for _, wrong := range []mail.Limits{{Messages: -2}, {Recipients: maxLimit + 1}} {
		if _, ok := errors.AsType[*mail.RuleError](b.SetLimits(ctx, 2, wrong)); !ok {
			t.Errorf("SetLimits(%+v) is taken", wrong)
		}
	}
	for range 2 {
		if b.Limits(0) != everybody || b.Limits(2) != one || b.Limits(1) != (mail.Limits{}) {
			t.Errorf("Limits = %+v, %+v, %+v", b.Limits(0), b.Limits(2), b.Limits(1))
		}
		b.check()
		b.stop()
		b.start()
	}
	if got, want := b.Limits(2).Or(b.Limits(0)).Or(mail.StandardLimits()), one; got != want {
		t.Errorf("what holds for one is %+v; want %+v", got, want)
	}
	if err := b.SetLimits(ctx, 0, mail.Limits{}); err != nil || b.Limits(0) != (mail.Limits{}) {
		t.Errorf("taken back: %v, %+v", err, b.Limits(0))
	}
}
