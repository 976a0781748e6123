package store_test

import (
	"context"
	"slices"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
)

// expungedBox is a box whose account has messages in no index, in the index and in
// deleted mailboxes, all gone, and n rows more in the index.
func expungedBox(t testing.TB, n int) (*box, *store.Account) {
	b, _, a := undoBox(t)
	ctx := context.Background()
	fillMany(t, a, 1, 10)
	expunge := func(first, last mail.UID) {
		t.Helper()
		set := mail.SetOfRanges(mail.Range[mail.UID]{First: first, Last: last})
		if _, err := a.Expunge(ctx, 1, set, false); err != nil {
			t.Fatal(err)
		}
	}
	drop := func(name string) {
		t.Helper()
		m, err := a.CreateMailbox(ctx, name, mail.RoleNone)
		if err != nil {
			t.Fatal(err)
		}
		fillMany(t, a, m.ID, 7)
		if err := a.DeleteMailbox(ctx, m.ID); err != nil {
			t.Fatal(err)
		}
	}
	expunge(1, 3)
	drop("first")
	if err := b.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	first, _ := b.FillExpunged(1, 1, n, 300)
	fillMany(t, a, 1, 10)
	expunge(first+mail.UID(n), first+mail.UID(n)+2)
	drop("second")
	expunge(4, 6)
	return b, a
}

// TestExpungedPages: whatever the size of the pages, they have everything once, in
// the same order, and none looks at more than it may.
func TestExpungedPages(t *testing.T) {
	t.Parallel()
	const n = 25_000
	_, a := expungedBox(t, n)
	q := mail.ExpungedQuery{Mailbox: 1, Moved: true}
	all := listExpunged(t, a, mail.ExpungedQuery{Moved: true})
	if want := n + 9 + 14; len(all) != want {
		t.Errorf("%d messages are listed; want %d", len(all), want)
	}
	for i := 1; i < len(all); i++ {
		x, y := all[i-1], all[i]
		if x.Row.ModSeq < y.Row.ModSeq || x.Row.ModSeq == y.Row.ModSeq && x.UID >= y.UID {
			t.Fatalf("%+v comes before %+v", x.Place, y.Place)
		}
	}
	inbox := slices.DeleteFunc(placesOf(all), func(p mail.Place) bool { return p.Mailbox != 1 })
	if got := placesOf(listExpunged(t, a, q)); !slices.Equal(got, inbox) {
		t.Errorf("of INBOX %d are listed; want %d, as among all", len(got), len(inbox))
	}
	for _, limit := range []int{1, 7} {
		q := mail.ExpungedQuery{Moved: true, Limit: limit}
		for i := 0; i < 40; i += limit {
			page, err := a.Expunged(t.Context(), q)
			if err != nil || !page.More || !slices.Equal(placesOf(page.Messages), placesOf(all[i:i+limit])) {
				t.Fatalf("page of %d at %d: %v, %v; want %v", limit, i, placesOf(page.Messages), err, placesOf(all[i:i+limit]))
			}
			q.After = page.Next
		}
	}
	for _, mark := range []mail.ExpungedMark{{Place: mail.Place{Mailbox: 1 << 40}}, {Place: mail.Place{UID: 1<<32 - 1}}} {
		if got := listExpunged(t, a, mail.ExpungedQuery{Moved: true, After: mark}); len(got) != 0 {
			t.Errorf("after %+v %d messages are listed; want none", mark, len(got))
		}
	}
	if got := len(listExpunged(t, a, mail.ExpungedQuery{})); got < n/2-300 || got > n/2+300+23 {
		t.Errorf("%d messages are listed that were not moved; want half of them", got)
	}
	none := mail.ExpungedQuery{Before: all[0].At.AddDate(-1, 0, 0)}
	if got, want := a.Looked(none), 20_000; got != want {
		t.Errorf("a page looks at %d messages; want %d at most", got, want)
	}
}

// BenchmarkExpunged lists the first page and one from the middle, of a million
// messages that were taken away.
func BenchmarkExpunged(bench *testing.B) {
	const n = 1_000_000
	b, a := expungedBox(bench, n)
	for name, q := range map[string]mail.ExpungedQuery{
		"first":  {Limit: 50},
		"middle": {Limit: 50, After: mail.ExpungedMark{ModSeq: n / 300 / 2, Place: mail.Place{Mailbox: 1}}},
		"none":   {Before: b.opts.Now().AddDate(-1, 0, 0)},
	} {
		bench.Run(name, func(bench *testing.B) {
			for bench.Loop() {
				if _, err := a.Expunged(context.Background(), q); err != nil {
					bench.Fatal(err)
				}
			}
		})
	}
}
