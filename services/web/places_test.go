package web

import (
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestPlacesFair holds that people with slow lines shut out neither each other nor who runs the box.
func TestPlacesFair(t *testing.T) {
	t.Parallel()
	var m places
	enter := func(own mail.AccountID, want bool) func() {
		t.Helper()
		leave, ok := m.enter(own)
		if ok != want {
			t.Fatalf("%d let in: %v; want %v", own, ok, want)
		}
		return leave
	}
	a := enter(1, true)
	enter(1, false)
	b := enter(2, true)
	enter(3, false)
	admin := enter(0, true)
	enter(0, false)
	a()
	c := enter(3, true)
	b()
	b = enter(0, true)
	enter(1, false)
	admin()
	enter(3, false)
	c()
	b()
	if m.all != 0 || len(m.own) != 0 {
		t.Errorf("%d, %v are left when all have gone", m.all, m.own)
	}
}
