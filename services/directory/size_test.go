package directory

import (
	"errors"
	"fmt"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestGoldenSizes: the records of sizes and traces must be read for ever.
func TestGoldenSizes(t *testing.T) {
	t.Parallel()
	s := replayGolden(t, replayGolden(t, emptyState(), "testdata/records-1.txt"), "testdata/records-7.txt")
	if a, d := s.sizes[(&sizeRecord{ID: 1}).key()], s.sizes[".example.test"]; len(s.sizes) != 2 || a == nil || a.Bytes != 1<<20 || d == nil || d.Bytes != 20<<20 || !s.trace.HideClients {
		t.Errorf("sizes %v, trace %+v", s.sizes, s.trace)
	}
}

// TestSizes: a person's own bound goes before that of the domain, and all holds after
// every start.
func TestSizes(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	all, err := b.Accounts(ctx)
	if err != nil || len(all) < 2 {
		t.Fatal(all, err)
	}
	one, other := all[0], all[1]
	if err := errors.Join(
		b.SetSizeBound(ctx, mail.SizeBound{Who: one.Address.String(), Bytes: 1 << 20}),
		b.SetSizeBound(ctx, mail.SizeBound{Who: one.Address.Domain, Bytes: 2 << 20}), b.SetHideClients(ctx, true),
	); err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string]error{"nobody@" + one.Address.Domain: mail.ErrNoAccount, "x@else.test": mail.ErrNoAccount, "else.test": mail.ErrNoDomain, "no name": mail.ErrNoDomain} {
		if err := b.SetSizeBound(ctx, mail.SizeBound{Who: who, Bytes: 1 << 20}); !errors.Is(err, want) {
			t.Errorf("%s: %v; want %v", who, err, want)
		}
	}
	for _, bytes := range []int64{-1, leastSize - 1, mail.MaxMessage + 1} {
		if _, ok := errors.AsType[*mail.RuleError](b.SetSizeBound(ctx, mail.SizeBound{Who: one.Address.Domain, Bytes: bytes})); !ok {
			t.Errorf("%d bytes are taken", bytes)
		}
	}
	for range 2 {
		if got, want := fmt.Sprint(b.Largest(one.ID), b.Largest(other.ID), b.Largest(99), b.HidesClients(), len(b.SizeBounds())), "1048576 2097152 0 true 2"; got != want {
			t.Errorf("sizes %s; want %s", got, want)
		}
		b.check()
		b.stop()
		b.start()
	}
	if err := errors.Join(b.SetSizeBound(ctx, mail.SizeBound{Who: one.Address.String()}), b.SetHideClients(ctx, false)); err != nil || b.Largest(one.ID) != 2<<20 || b.HidesClients() {
		t.Errorf("taken back: %v, %d", err, b.Largest(one.ID))
	}
}
