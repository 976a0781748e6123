package sharing

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestWatch: a Watch wakes for the own account, for those that share with it from when
// they do until they don't, and for the grants themselves.
func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, 1, 2, 3)
		ctx, stop := context.WithCancel(o.ctx)
		go o.shares.Run(ctx)
		synctest.Wait()
		b := o.open(2)
		w := b.Watch()
		check := func(what string, want bool) {
			t.Helper()
			synctest.Wait()
			got := false
			select {
			case <-w.C:
				got = true
			default:
			}
			if got != want {
				t.Errorf("%s: awake %v; want %v", what, got, want)
			}
		}
		check("nothing", false)
		o.fill(2, "INBOX", mail.Flags{}, 1)
		check("own mail", true)
		o.fill(1, "INBOX", mail.Flags{}, 1)
		check("another's mail", false)
		o.give(1, "INBOX", 2, "lr")
		check("a grant", true)
		o.fill(1, "INBOX", mail.Flags{}, 1)
		check("mail of who shares", true)
		o.give(3, "INBOX", 0, "lr")
		check("a grant to anyone", true)
		o.fill(3, "INBOX", mail.Flags{}, 1)
		check("mail of who shares with anyone", true)
		o.give(1, "INBOX", 2, "")
		check("the end of a grant", true)
		o.fill(1, "INBOX", mail.Flags{}, 1)
		check("mail of who shares no longer", false)
		o.book.remove(3, true)
		check("the end of an account", true)
		o.book.remove(3, false)
		check("its return", true)
		o.fill(3, "INBOX", mail.Flags{}, 1)
		check("mail of who has returned", true)
		late := b.Watch()
		o.fill(3, "INBOX", mail.Flags{}, 1)
		synctest.Wait()
		select {
		case <-late.C:
		default:
			t.Error("a Watch of after the grant sleeps")
		}
		late.Close()
		late.Close()
		<-w.C
		w.Close()
		o.fill(3, "INBOX", mail.Flags{}, 1)
		o.fill(2, "INBOX", mail.Flags{}, 1)
		o.give(1, "INBOX", 2, "lr")
		check("after Close", false)
		if n := len(o.shares.followers.all); n != 0 {
			t.Errorf("%d followers are left", n)
		}
		stop()
		synctest.Wait()
	})
}

// TestWatchAgain: an account that could not be opened when it was to be watched is
// watched later.
func TestWatchAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, 1, 2)
		ctx, stop := context.WithCancel(o.ctx)
		o.give(1, "INBOX", 2, "lr")
		open := o.shares.opt.Open
		var broken atomic.Bool
		broken.Store(true)
		o.shares.opt.Open = func(ctx context.Context, id mail.AccountID) (Mail, error) {
			if id == 1 && broken.Load() {
				return nil, mail.ErrDamaged
			}
			return open(ctx, id)
		}
		go o.shares.Run(ctx)
		w := o.open(2).Watch()
		time.Sleep(2 * followAgain)
		synctest.Wait()
		broken.Store(false)
		time.Sleep(2 * followAgain)
		synctest.Wait()
		select {
		case <-w.C:
		default:
			t.Error("nobody was told that there is more to see")
		}
		o.fill(1, "INBOX", mail.Flags{}, 1)
		select {
		case <-w.C:
		default:
			t.Error("an account that is well again is not watched")
		}
		w.Close()
		stop()
		synctest.Wait()
	})
}
