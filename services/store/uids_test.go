package store_test

import (
	"context"
	"slices"
	"testing"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// TestUIDsWithoutRows lists a mailbox of which the rows are not in memory: blocks
// that are full and others, and what came and went since the last checkpoint.
func TestUIDsWithoutRows(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	box := newBox(t)
	box.opts.CacheRows = 1
	box.open()
	defer func() { box.close() }()
	if err := box.CreateAccount(ctx, 1); err != nil {
		t.Fatal(err)
	}
	var a *store.Account
	var inbox, other mail.Mailbox
	reopen := func() {
		t.Helper()
		box.close()
		box.open()
		var err error
		if a, err = box.Account(ctx, 1); err != nil {
			t.Fatal(err)
		}
		if inbox, err = a.Mailbox(ctx, mail.Inbox); err != nil {
			t.Fatal(err)
		}
		if other, err = a.Mailbox(ctx, "Sent"); err != nil {
			t.Fatal(err)
		}
	}
	spool := storetest.NewSpool(t)
	grow := func(m mail.Mailbox, n int) {
		t.Helper()
		for range n {
			d := storetest.NewDraft(t, spool, storetest.Message("x"))
			if _, err := a.Append(ctx, m.ID, []draft.Append{{Draft: d}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	var want []mail.UID
	check := func(when string) {
		t.Helper()
		if a.RowsInMemory(inbox.ID) {
			t.Errorf("%s: the rows are in memory before", when)
		}
		got, _, err := a.UIDs(ctx, inbox.ID)
		if err != nil || !slices.Equal(slices.Collect(got.All()), want) {
			t.Errorf("%s: got %s, %v; want %d", when, got, err, want)
		}
		if a.RowsInMemory(inbox.ID) {
			t.Errorf("%s: the rows are in memory", when)
		}
	}
	expunge := func(uids ...mail.UID) {
		t.Helper()
		if _, err := a.Expunge(ctx, inbox.ID, mail.SetOf(uids...), false); err != nil {
			t.Fatal(err)
		}
		want = slices.DeleteFunc(want, func(uid mail.UID) bool { return slices.Contains(uids, uid) })
		// Another mailbox takes their place in memory.
		for _, err := range a.Rows(ctx, other.ID, storetest.Every()) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	reopen()
	check("empty")
	grow(inbox, 70)
	grow(other, 5)
	for uid := range mail.UID(70) {
		want = append(want, uid+1)
	}
	reopen()
	check("in the index")
	expunge(1, 20, 40, 41, 70)
	check("expunged since")
	reopen()
	check("with holes")
	grow(inbox, 3)
	want = append(want, 71, 72, 73)
	check("new since")
	if _, err := a.Copy(ctx, other.ID, mail.SetOf[mail.UID](1, 2), inbox.ID); err != nil {
		t.Fatal(err)
	}
	want = append(want, 74, 75)
	check("copied since")
	expunge(2, 72, 75)
	check("expunged, of what is new")
	reopen()
	check("at the end")
	if _, err := a.Changes(ctx, inbox.ID, inbox.HighestModSeq); err != nil {
		t.Fatal(err)
	}
	check("when nothing has changed")
}
