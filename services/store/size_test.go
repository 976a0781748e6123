package store_test

import (
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// TestCanonicalSizeLasts: it is the same in memory, in the index, and in an
// index that is made anew from the log; and is found out of messages from before
// it was noted.
func TestCanonicalSizeLasts(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.open()
	ctx := t.Context()
	if err := b.Store.CreateAccount(ctx, 1); err != nil {
		t.Fatal(err)
	}
	a, err := b.Store.Account(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	inbox, err := a.Mailbox(ctx, mail.Inbox)
	if err != nil {
		t.Fatal(err)
	}
	var messages []draft.Append
	for _, text := range storetest.Ugly() {
		messages = append(messages, draft.Append{Draft: storetest.NewDraft(t, storetest.NewSpool(t), text), Internal: time.Now()})
	}
	if _, err := a.Append(ctx, inbox.ID, messages); err != nil {
		t.Fatal(err)
	}
	wantSizes(t, b.Store, true)
	b.close()
	b.open()
	wantSizes(t, b.Store, true)
	b.close()
	if err := os.RemoveAll(b.files.Path("accounts")); err != nil {
		t.Fatal(err)
	}
	b.open()
	wantSizes(t, b.Store, true)
	b.close()

	for version := 1; version <= store.SchemaVersion; version++ {
		t.Run(fmt.Sprintf("v%d", version), func(t *testing.T) {
			b := newBoxAt(t, copyDir(t, fmt.Sprintf("testdata/v%d", version)))
			b.open()
			defer b.close()
			wantSizes(t, b.Store, false)
		})
	}
}

// wantSizes compares the canonical sizes of accounts 1 to 3 with what counting
// gives; rows of ordinary messages say them, or of older boxes' none.
func wantSizes(t *testing.T, s *store.Store, said bool) {
	t.Helper()
	seen := 0
	for id := mail.AccountID(1); id <= 3; id++ {
		a, err := s.Account(t.Context(), id)
		if err != nil {
			continue
		}
		boxes, err := a.Mailboxes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range boxes {
			for r, err := range a.Rows(t.Context(), m.ID, storetest.Every()) {
				if err != nil {
					t.Fatal(err)
				}
				seen++
				opened, err := a.Open(t.Context(), m.ID, r.UID)
				if err != nil {
					t.Fatal(err)
				}
				var want message.Canonical
				if _, err := io.Copy(&want, opened.Reader()); err != nil {
					t.Fatal(err)
				}
				_ = opened.Close() // only read from
				got, err := a.CanonicalSize(t.Context(), m.ID, r.UID)
				if err != nil || got != want.Size() || r.Canonical != 0 && r.Canonical != got {
					t.Errorf("message %d of %s: CanonicalSize = %d, %v, row says %d; want %d", r.UID, m.Name, got, err, r.Canonical, want.Size())
				}
				if small := want.Size()-r.Size < 100; said != (r.Canonical != 0) && small {
					t.Errorf("message %d of %s: row says %d; want that it says it: %t", r.UID, m.Name, r.Canonical, said)
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no messages were looked at")
	}
}
