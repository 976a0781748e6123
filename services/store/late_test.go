package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// TestReadBehindAcknowledgement: whoever has been told that a message to many is there
// finds it in all accounts, whatever he asks and whoever delivers and reads beside him.
func TestReadBehindAcknowledgement(t *testing.T) {
	t.Parallel()
	const people, senders, messages = 20, 4, 15
	ctx := context.Background()
	box := newBox(t).open()
	defer box.close()
	var targets []mail.Target
	for i := range people {
		id := mail.AccountID(i + 1)
		if err := box.CreateAccount(ctx, id); err != nil {
			t.Fatal(err)
		}
		targets = append(targets, mail.Target{Account: id})
	}
	spool := storetest.NewSpool(t)
	var wg sync.WaitGroup
	for s := range senders {
		d := storetest.NewDraft(t, spool, storetest.Message("to all", fmt.Sprintf("Subject: %d", s)))
		wg.Go(func() {
			var since mail.Position
			for n := range messages {
				if err := box.Deliver(ctx, &mail.Envelope{ID: mail.NewID(time.Now()), Received: time.Now()}, targets, d); err != nil {
					t.Errorf("deliver: %v", err)
					return
				}
				least := int64(n + 1) // from this sender alone
				id := targets[(n*senders+s)%people].Account
				switch n % 3 {
				case 0:
					if u, err := box.Usage(ctx, id); err != nil || u.Messages < least {
						t.Errorf("usage after message %d: %+v, %v", least, u, err)
					}
				case 1:
					c, err := box.ChangedAccounts(ctx, since)
					if err != nil || len(c.Accounts) != people {
						t.Errorf("after a message to %d, %d accounts have changed, %v", people, len(c.Accounts), err)
					}
					since = c.Until
				}
				a, err := box.Account(ctx, id)
				if err != nil {
					t.Error(err)
					return
				}
				m, err := a.Mailbox(ctx, mail.Inbox)
				if err != nil || int64(m.Total) < least {
					t.Errorf("INBOX has %d messages after %d, %v", m.Total, least, err)
				}
			}
		})
	}
	wg.Wait()
}

// TestCloseBehindAcknowledgement: what was acknowledged last is in the indexes when the
// store is closed.
func TestCloseBehindAcknowledgement(t *testing.T) {
	t.Parallel()
	const people = 30
	ctx := context.Background()
	box := newBox(t).open()
	var targets []mail.Target
	for i := range people {
		if err := box.CreateAccount(ctx, mail.AccountID(i+1)); err != nil {
			t.Fatal(err)
		}
		targets = append(targets, mail.Target{Account: mail.AccountID(i + 1)})
	}
	d := storetest.NewDraft(t, storetest.NewSpool(t), storetest.Message("to all", "Subject: the last"))
	for n := range 5 {
		if err := box.Deliver(ctx, &mail.Envelope{ID: mail.NewID(time.Now()), Received: time.Now()}, targets, d); err != nil {
			t.Fatal(err)
		}
		if err := box.Store.Close(); err != nil {
			t.Fatal(err)
		}
		if err := box.journal.Close(); err != nil {
			t.Fatal(err)
		}
		box.journal.Release()
		box.open()
		for _, target := range targets {
			if u, err := box.Usage(ctx, target.Account); err != nil || u.Messages != int64(n+1) {
				t.Errorf("account %s has %+v, %v; want %d messages", target.Account, u, err, n+1)
			}
		}
	}
	box.close()
}

// TestThreadsBehindFilter: what the index knows of threads from before is found when the
// filter has it, and a message that belongs to none begins one.
func TestThreadsBehindFilter(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	box := newBox(t).open()
	if err := box.CreateAccount(ctx, 1); err != nil {
		t.Fatal(err)
	}
	spool := storetest.NewSpool(t)
	deliver := func(fields ...string) {
		t.Helper()
		d := storetest.NewDraft(t, spool, storetest.Message("text", fields...))
		if err := box.Deliver(ctx, &mail.Envelope{ID: mail.NewID(time.Now()), Received: time.Now()}, []mail.Target{{Account: 1}}, d); err != nil {
			t.Fatal(err)
		}
	}
	thread := func(uid mail.UID) mail.ThreadID {
		t.Helper()
		a, err := box.Account(ctx, 1)
		if err != nil {
			t.Fatal(err)
		}
		inbox, err := a.Mailbox(ctx, mail.Inbox)
		if err != nil {
			t.Fatal(err)
		}
		for r, err := range a.Rows(ctx, inbox.ID, mail.SetOf(uid)) {
			if err != nil {
				t.Fatal(err)
			}
			return r.Thread
		}
		t.Fatalf("message %d is missing", uid)
		return 0
	}
	const many = 200
	for i := range many {
		deliver(fmt.Sprintf("Message-ID: <%d@old.test>", i), "Subject: old")
	}
	box.close()
	box.open()
	defer box.close()
	a, err := box.Account(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.FillThreadKeys(many / 3); err != nil {
		t.Fatal(err)
	}
	for n, of := range []mail.UID{1, many / 2, many} {
		deliver(fmt.Sprintf("Message-ID: <%d@new.test>", n), fmt.Sprintf("In-Reply-To: <%d@old.test>", of-1), "Subject: Re: old")
		if got, want := thread(many+1+mail.UID(n)), thread(of); got != want {
			t.Errorf("the answer to message %d is in thread %d; want %d", of, got, want)
		}
	}
	deliver("Message-ID: <other@new.test>", "Subject: old")
	if got := thread(many + 4); got <= thread(many) {
		t.Errorf("a message of its own is in thread %d", got)
	}
	deliver("Message-ID: <answer@new.test>", "In-Reply-To: <other@new.test>", "Subject: old")
	if got, want := thread(many+5), thread(many+4); got != want {
		t.Errorf("the answer to a new message is in thread %d; want %d", got, want)
	}
}
