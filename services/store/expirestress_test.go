package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// TestExpireStress has everything go and come back at the same time, and asks at
// the end whether every message that is there has its body, in the index and in
// one that is made from the log.
func TestExpireStress(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := newBox(t)
	clock := storetest.NewClock()
	b.opts.Now, b.jopts.Now = clock.Now, clock.Now
	b.jopts.Segment = 1 << 16
	b.open()
	if err := b.CreateAccount(ctx, 1); err != nil {
		t.Fatal(err)
	}
	a := accountOf(t, b)
	other, err := a.CreateMailbox(ctx, "other", mail.RoleNone)
	if err != nil {
		t.Fatal(err)
	}
	allowed := func(err error) {
		if err != nil && !errors.Is(err, mail.ErrGone) && !errors.Is(err, mail.ErrNoMailbox) && !errors.Is(err, mail.ErrMailboxExists) {
			t.Error(err)
		}
	}
	boxes := []mail.MailboxID{1, other.ID}
	const rounds = 60
	var wait, background sync.WaitGroup
	over := make(chan struct{})
	for n := range 3 {
		rng := rand.New(rand.NewPCG(1, uint64(n)))
		wait.Go(func() {
			for i := range rounds {
				id := boxes[rng.IntN(2)]
				switch rng.IntN(6) {
				case 0:
					fillMany(t, a, id, 5)
				case 1:
					from := mail.UID(rng.IntN(60) + 1)
					_, err := a.Expunge(ctx, id, mail.SetOfRanges(mail.Range[mail.UID]{First: from, Last: from + 15}), false)
					allowed(err)
				case 2:
					from := mail.UID(rng.IntN(60) + 1)
					_, err := a.Move(ctx, id, mail.SetOfRanges(mail.Range[mail.UID]{First: from, Last: from + 5}), boxes[rng.IntN(2)])
					allowed(err)
				case 3:
					page, err := a.Expunged(ctx, mail.ExpungedQuery{Moved: true, Limit: 30})
					allowed(err)
					if len(page.Messages) > 0 {
						_, err = a.Restore(ctx, placesOf(page.Messages), 0)
						allowed(err)
					}
				case 4:
					m, err := a.CreateMailbox(ctx, fmt.Sprintf("tmp%d.%d", n, i), mail.RoleNone)
					allowed(err)
					_, err = a.Copy(ctx, id, mail.SetOfRanges(mail.Range[mail.UID]{First: 1, Last: 1000}), m.ID)
					allowed(err)
					allowed(a.DeleteMailbox(ctx, m.ID))
				case 5:
					list, err := a.DeletedMailboxes(ctx)
					allowed(err)
					if len(list) > 0 {
						_, err = a.RestoreMailbox(ctx, list[rng.IntN(len(list))].ID)
						allowed(err)
					}
				}
			}
		})
	}
	background.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
			}
			expireAll(t, b.Store, 1)
			compact(t, b.journal, b.Store)
			if err := b.Checkpoint(); err != nil {
				t.Error(err)
			}
		}
	})
	wait.Wait()
	close(over)
	background.Wait()
	read := func() {
		t.Helper()
		list, err := a.Mailboxes(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			uids, _, err := a.UIDs(ctx, m.ID)
			if err != nil {
				t.Fatal(err)
			}
			for uid := range uids.All() {
				sum(t, a, m.ID, uid)
			}
		}
		for _, e := range listExpunged(t, a, mail.ExpungedQuery{Moved: true, Back: true}) {
			if e.Subject == "" {
				t.Errorf("%v has lost its body", e.Place)
			}
		}
	}
	read()
	b.close()
	if err := os.Remove(b.files.Path("accounts/1/index.db")); err != nil {
		t.Fatal(err)
	}
	b.open()
	a = accountOf(t, b)
	read()
	b.close()
}
