package store_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// filledBox is one that was closed, with an account whose index knows of so many
// messages. deliver brings it one more, and gives its thread.
func filledBox(t *testing.T, many int) (b *box, deliver func(fields ...string) mail.ThreadID) {
	t.Helper()
	ctx := context.Background()
	b = newBox(t).open()
	if err := b.CreateAccount(ctx, 1); err != nil {
		t.Fatal(err)
	}
	spool := storetest.NewSpool(t)
	deliver = func(fields ...string) mail.ThreadID {
		t.Helper()
		d := storetest.NewDraft(t, spool, storetest.Message("text", fields...))
		if err := b.Deliver(ctx, &mail.Envelope{ID: mail.NewID(time.Now()), Received: time.Now()}, []mail.Target{{Account: 1}}, d); err != nil {
			t.Fatal(err)
		}
		a, err := b.Account(ctx, 1)
		if err != nil {
			t.Fatal(err)
		}
		inbox, err := a.Mailbox(ctx, mail.Inbox)
		if err != nil {
			t.Fatal(err)
		}
		var thread mail.ThreadID
		for r, err := range a.Rows(ctx, inbox.ID, mail.SetOf(inbox.UIDNext-1)) {
			if err != nil {
				t.Fatal(err)
			}
			thread = r.Thread
		}
		return thread
	}
	for i := range many {
		if got := deliver(fmt.Sprintf("Message-ID: <%d@old.test>", i), "Subject: old"); got != mail.ThreadID(i+1) {
			t.Fatalf("message %d is in thread %d", i, got)
		}
	}
	return b, deliver
}

// TestFilterFull: threads of an account that there was no room for in the filter are found
// all the same.
func TestFilterFull(t *testing.T) {
	t.Parallel()
	const many = 100
	box, deliver := filledBox(t, many)
	box.close()
	box.open()
	defer box.close()
	box.FilterRoom(many / 2)
	a, err := box.Account(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.FillThreadKeys(many / 7); err == nil || a.Filtered() {
		t.Errorf("a filter with room for %d keys has taken %d: %v, %t", many/2, many, err, a.Filtered())
	}
	for i := range many {
		if got := deliver(fmt.Sprintf("In-Reply-To: <%d@old.test>", i), "Subject: Re: old"); got != mail.ThreadID(i+1) {
			t.Errorf("the answer to message %d is in thread %d; want %d", i, got, i+1)
		}
	}
}

// TestFilterReadOnly: on a disk that takes no writes nobody asks an index for thread keys,
// so damage among them, which can't be mended there, does not end the store.
func TestFilterReadOnly(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	box, _ := filledBox(t, 300)
	if err := box.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	at, err := box.ThreadKeysPage(1)
	if err != nil || at == 0 {
		t.Fatalf("thread keys begin at %d, %v", at, err)
	}
	box.close()
	f, err := os.OpenFile(box.files.Path("accounts/1/index.db"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xff}, 4096), at); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	box.jopts.ReadOnly, box.opts.ReadOnly = syscall.EROFS, true
	box.open()
	defer box.journal.Release()
	if u, err := box.Usage(ctx, 1); err != nil || u.Messages != 300 {
		t.Errorf("the account has %+v, %v", u, err)
	}
	select {
	case <-box.Failed():
		t.Error("the store ends for what nobody has asked for")
	case <-time.After(ahead):
	}
	if err := box.Store.Close(); err != nil {
		t.Error(err)
	}
	if err := box.journal.Close(); err != nil {
		t.Error(err)
	}
}

// TestFilterWithoutIndex: an account that no checkpoint has written yet has no index, and that is no news.
func TestFilterWithoutIndex(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	var log bytes.Buffer // slog's handler takes turns; it is read when nobody writes any more
	b.opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
	b.open()
	if err := b.CreateAccount(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	a, err := b.Account(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.FillThreadKeys(10); err != nil || !a.Filtered() {
		t.Errorf("fill: %v, filtered: %t", err, a.Filtered())
	}
	b.close()
	if strings.Contains(log.String(), "index") {
		t.Errorf("the log says %s; want nothing of indexes", log.String())
	}
}
