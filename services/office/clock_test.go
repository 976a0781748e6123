package office

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestUntilSure: errands wait until the date is known, and no longer.
func TestUntilSure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sure atomic.Bool
		o := &Office{options: Options{Sure: sure.Load}, log: slog.New(slog.DiscardHandler)}
		went := make(chan time.Time, 1)
		go func() {
			if o.untilSure(t.Context()) {
				went <- time.Now()
			}
		}()
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(went) != 0 {
			t.Error("it did not wait")
		}
		sure.Store(true)
		known := time.Now()
		if waited := (<-went).Sub(known); waited > sureEvery {
			t.Errorf("it went on %v after the date was known, want %v at most", waited, sureEvery)
		}

		sure.Store(false)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if o.untilSure(ctx) {
			t.Error("it went on though the date is not known")
		}
		if o := (&Office{}); !o.untilSure(ctx) {
			t.Error("without a clock to ask it waits")
		}
	})
}
