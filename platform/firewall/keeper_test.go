package firewall

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestKeeper(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // the timer of a retry is no meeting of goroutines
		var policy Policy
		var around Surroundings
		trouble := errors.New("no such module")
		type rules struct {
			Policy
			Surroundings
		}
		var made []rules
		k := NewKeeper(KeeperOptions{
			Policy: func() Policy { return policy },
			Around: func() (Surroundings, error) { return around, nil },
			Apply: func(p Policy, a Surroundings) error {
				mu.Lock()
				defer mu.Unlock()
				if trouble == nil {
					made = append(made, rules{p, a})
				}
				return trouble
			},
			Log: slog.New(slog.DiscardHandler),
		})
		ctx, cancel := context.WithCancel(t.Context())
		go k.Run(ctx)
		synctest.Wait()
		mu.Lock()
		trouble = nil
		mu.Unlock()
		time.Sleep(retryTime)
		synctest.Wait()
		if len(made) != 1 {
			t.Fatalf("rules were made %d times; want once when it was possible", len(made))
		}
		for range 3 { // nothing is different
			k.Look()
			synctest.Wait()
		}
		if len(made) != 1 {
			t.Errorf("rules were made %d times although nothing has changed", len(made))
		}
		policy.SetUp = true
		k.Look()
		synctest.Wait()
		around.OnLink = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		k.Look()
		synctest.Wait()
		if len(made) != 3 || !made[2].SetUp || len(made[2].OnLink) != 1 {
			t.Errorf("rules are %+v; want those of each change", made)
		}
		cancel()
	})
}
