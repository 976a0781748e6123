package store_test

import (
	"testing"
)

// TestGone: an account is gone when it was removed and its mail has expired; one
// in which nothing ever happened is not used.
func TestGone(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.open()
	defer b.close()
	ctx := t.Context()
	if err := b.CreateAccount(ctx, 1); err != nil {
		t.Fatal(err)
	}
	check := func(when string, gone, used, removed bool) {
		t.Helper()
		if got, err := b.Gone(ctx, 1); err != nil || got != gone {
			t.Errorf("%s: Gone = %t, %v; want %t", when, got, err, gone)
		}
		all, err := b.Used(ctx, 1)
		if got, ok := all[1]; err != nil || ok != used || got != removed {
			t.Errorf("%s: Used = %v, %v; want %t, removed %t", when, all, err, used, removed)
		}
	}
	check("made", false, false, false)
	a, err := b.Account(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Subscribe(ctx, "x", true); err != nil {
		t.Fatal(err)
	}
	check("in use", false, true, false)
	if all, err := b.Used(ctx, 2); err != nil || len(all) != 0 {
		t.Errorf("Used from 2 on = %v, %v; want none", all, err)
	}
	if err := b.RemoveAccount(ctx, 1); err != nil {
		t.Fatal(err)
	}
	check("removed", false, true, true)
	if err := b.Expire(ctx, 1, 1<<40); err != nil {
		t.Fatal(err)
	}
	check("expired", true, true, true)
}
