package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// held is a message to two accounts that is acknowledged and comes to neither before
// letGo is called: somebody is reading in the first.
func held(t *testing.T) (b *box, second mail.AccountID, letGo func()) {
	t.Helper()
	ctx := context.Background()
	b = newBox(t)
	b.opts = store.LateFrom(b.opts, 2)
	b.open()
	var targets []mail.Target
	for id := range mail.AccountID(2) {
		if err := b.CreateAccount(ctx, id+1); err != nil {
			t.Fatal(err)
		}
		targets = append(targets, mail.Target{Account: id + 1})
	}
	letGo, err := b.HoldUp(1)
	if err != nil {
		t.Fatal(err)
	}
	d := storetest.NewDraft(t, storetest.NewSpool(t), storetest.Message("to both", "Subject: both"))
	if err := b.Deliver(ctx, &mail.Envelope{ID: mail.NewID(time.Now()), Received: time.Now()}, targets, d); err != nil {
		t.Fatal(err)
	}
	return b, 2, letGo
}

// ahead gives a function that does not wait time to be done before it should.
const ahead = 100 * time.Millisecond

// TestRebuildBehindAcknowledgement: an account that is made anew while a message is
// acknowledged and not yet in it has it afterwards.
func TestRebuildBehindAcknowledgement(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	box, id, letGo := held(t)
	done := make(chan error, 1)
	go func() { done <- box.Rebuild(ctx, id) }()
	select {
	case err := <-done:
		t.Errorf("Rebuild = %v before all that was acknowledged was there", err)
		done <- err
	case <-time.After(ahead):
	}
	letGo()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if u, err := box.Usage(ctx, id); err != nil || u.Messages != 1 {
		t.Errorf("it has %+v, %v; want the message", u, err)
	}
	box.close()
}

// TestUsedBehindAcknowledgement: an account whose first message is acknowledged is one
// that has been used, whose number is nobody else's.
func TestUsedBehindAcknowledgement(t *testing.T) {
	t.Parallel()
	box, id, letGo := held(t)
	time.AfterFunc(ahead, letGo)
	used, err := box.Used(context.Background(), id)
	if _, ok := used[id]; err != nil || !ok {
		t.Errorf("Used = %v, %v; want account %s among them", used, err, id)
	}
	box.close()
}
