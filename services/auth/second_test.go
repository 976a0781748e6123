package auth

import (
	"context"
	"errors"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestSecondFactorLocksOut: a wrong second factor counts as several wrong passwords do,
// and for passwords too; who has to wait isn't looked at.
func TestSecondFactorLocksOut(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	a := p.authenticator(Options{})
	from := peer(7)
	looks := 0
	try := func(right bool) error {
		return a.SecondFactor(t.Context(), from, "alice@example.test", func(context.Context) (bool, error) {
			looks++
			return right, nil
		})
	}
	if err := try(true); err != nil {
		t.Fatal(err)
	}
	for range freeFailures/secondWeight + 1 {
		if err := try(false); !errors.Is(err, mail.ErrDenied) {
			t.Fatalf("a wrong one: %v", err)
		}
	}
	before := looks
	if err := try(true); !errors.Is(err, mail.ErrTryLater) || looks != before {
		t.Errorf("after the allowance: %v, %d looks", err, looks-before)
	}
	if err := a.SecondFactor(t.Context(), peer(9), "nobody@example.test", func(context.Context) (bool, error) { return true, nil }); !errors.Is(err, mail.ErrDenied) {
		t.Errorf("nobody: %v", err)
	}
}
