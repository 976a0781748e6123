package store_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// TestDamagedMessage damages messages on the disk. Whoever opens or reads them is
// told that it is that, Verify knows before anything is read, and the others, and
// searches, are as before.
func TestDamagedMessage(t *testing.T) {
	t.Parallel()
	k := newKept(t)
	defer func() { k.abandon() }()
	spool := storetest.NewSpool(t)
	a, err := k.store.Account(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, size := range []int{500, 3000, journal.LargeBody + 5000, 2000} {
		d := storetest.NewDraft(t, spool, storetest.Message(noise(i, size), "Subject: red"))
		if _, err := a.Append(t.Context(), 1, []draft.Append{{Draft: d}}); err != nil {
			t.Fatal(err)
		}
	}
	hurtBody(t, k, 2)
	hurtBody(t, k, 3)
	for uid := mail.UID(1); uid <= 4; uid++ {
		m, err := a.Open(t.Context(), 1, uid)
		if err != nil {
			t.Fatal(err)
		}
		verified := m.Verify(0, m.Size())
		_, read := io.Copy(io.Discard, m.Reader())
		if want := uid == 2 || uid == 3; errors.Is(verified, mail.ErrDamaged) != want || errors.Is(read, mail.ErrDamaged) != want {
			t.Errorf("message %d: Verify says %v, reading %v; want damage: %t", uid, verified, read, want)
		}
		if err := m.Verify(0, 20); uid == 3 && err != nil {
			t.Errorf("message 3: its beginning: %v; want it to be whole", err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	set, err := a.Search(t.Context(), 1, mail.Header{Name: "Subject", Value: "red"})
	if err != nil || !set.Contains(1) || !set.Contains(4) {
		t.Errorf("Search = %v, %v; want messages 1 and 4 at least", set, err)
	}
}

// TestCheckDamagedMessage has a message damaged. Check names it in words that help
// whoever looks after the box, also when the index has been made anew from that
// log, which the numbers that were moved on don't make wrong.
func TestCheckDamagedMessage(t *testing.T) {
	t.Parallel()
	k := newKept(t)
	defer func() { k.abandon() }()
	spool := storetest.NewSpool(t)
	a, err := k.store.Account(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		d := storetest.NewDraft(t, spool, storetest.Message(noise(i, 3000), "Subject: red"))
		if _, err := a.Append(t.Context(), 1, []draft.Append{{Draft: d}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Copy(t.Context(), 1, mail.SetOf[mail.UID](2), 4); err != nil {
		t.Fatal(err)
	}
	hurtBody(t, k, 2)
	k.restart(0)
	for _, after := range []string{"the damage", "a rebuild"} {
		if after == "a rebuild" {
			if err := k.store.Rebuild(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
		}
		report, err := k.store.Check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		named := false
		for _, p := range report.Problems {
			named = named || strings.Contains(p.Text, "damaged on the disk (UID 2, ") && strings.HasSuffix(p.Text, ", and 1 copy)")
			if strings.Contains(p.Text, "count differently") || strings.Contains(p.Text, "next UID") {
				t.Errorf("after %s: %s", after, p.Text)
			}
		}
		if !named {
			t.Errorf("after %s: %v; want message 2 and its copy named", after, report.Problems)
		}
	}
}
