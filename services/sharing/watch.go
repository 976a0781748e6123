package sharing

import (
	"context"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// followAgain is how soon an account is asked again for its changes that could not be
// opened for them.
const followAgain = time.Minute

// followers are the Watches that are open.
type followers struct {
	mu    sync.Mutex
	all   map[*follower]bool
	again chan struct{} // some follower lacks an account; capacity 1
}

// follower is one Watch: a channel that hangs on the log-in's account and on those that
// have opened a mailbox to it.
type follower struct {
	account *Account
	c       chan struct{}

	mu    sync.Mutex
	stops map[mail.AccountID]func() // nil: closed
}

// Watch wakes its owner after every change of the own account and of those that have
// opened mailboxes to it, and when such grants come or go.
func (a *Account) Watch() *mail.Watch {
	f := &follower{account: a, c: make(chan struct{}, 1)}
	f.stops = map[mail.AccountID]func(){a.id: a.WatchOn(f.c)}
	all := &a.shares.followers
	all.mu.Lock()
	all.all[f] = true
	all.mu.Unlock()
	// Behind that: a grant that comes now finds the follower, or is found by it.
	f.follow(context.Background())
	return mail.NewWatch(f.c, func() {
		all.mu.Lock()
		delete(all.all, f)
		all.mu.Unlock()
		f.close()
	})
}

func (f *follower) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, stop := range f.stops {
		stop()
	}
	f.stops = nil
}

// follow hangs the channel on the accounts that open mailboxes to the log-in now, and
// reports whether that are others than before.
func (f *follower) follow(ctx context.Context) (changed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stops == nil {
		return false
	}
	shares := f.account.shares
	now := map[mail.AccountID]bool{f.account.id: true}
	for _, owner := range owners(shares.opt.Directory.Received(f.account.id)) {
		now[owner] = true
	}
	for owner, stop := range f.stops {
		if !now[owner] {
			stop()
			delete(f.stops, owner)
		}
	}
	for owner := range now {
		if f.stops[owner] != nil {
			continue
		}
		m, err := shares.open(ctx, owner)
		if err != nil {
			select {
			case shares.followers.again <- struct{}{}:
			default:
			}
			continue
		}
		f.stops[owner] = m.WatchOn(f.c)
		changed = true
	}
	return changed
}

// wake has the owner of the Watch ask again.
func (f *follower) wake() {
	select {
	case f.c <- struct{}{}:
	default: // a wake-up is waiting there already
	}
}

// Run has all Watches follow the grants as they come and go, until ctx ends.
func (s *Shares) Run(ctx context.Context) {
	w := s.opt.Directory.WatchShares()
	defer w.Close()
	for {
		granted := true
		select {
		case <-ctx.Done():
			return
		case <-w.C:
		case <-s.followers.again:
			granted = false
			select {
			case <-ctx.Done():
				return
			case <-w.C:
				granted = true
			case <-time.After(followAgain):
			}
		}
		for _, f := range s.followers.list() {
			if f.follow(ctx) || granted {
				f.wake()
			}
		}
	}
}

func (l *followers) list() []*follower {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]*follower, 0, len(l.all))
	for f := range l.all {
		list = append(list, f)
	}
	return list
}
