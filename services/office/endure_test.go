package office

import (
	"context"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestEndure(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fails int // probes that fail
		ends  time.Duration
		said  int
		takes time.Duration
	}{
		{"a disk that takes writes", 0, time.Hour, 0, 0},
		{"one that comes back", 4, time.Hour, 1, 4 * probeEvery},
		{"one that does not", 1 << 30, time.Hour, 1, time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tt.ends)
				defer cancel()
				probes, said, began := 0, 0, time.Now()
				endure(ctx, func() error {
					if probes++; probes <= tt.fails {
						return syscall.EROFS
					}
					return nil
				}, func(error) { said++ })
				if took := time.Since(began); took != tt.takes || said != tt.said {
					t.Errorf("returned after %v, said it %d times; want %v, %d", took, said, tt.takes, tt.said)
				}
			})
		})
	}
}

// TestAliveReadOnly holds that PID 1's watchdog does not end what endures.
func TestAliveReadOnly(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir()).Office
	if err := o.Alive(t.Context()); err != nil {
		t.Errorf("Alive: %v", err)
	}
	if err := o.journal.Close(); err != nil {
		t.Fatal(err)
	}
	if err := o.Alive(t.Context()); err == nil {
		t.Error("alive without a journal")
	}
	o.readOnly.Store(true)
	if err := o.Alive(t.Context()); err != nil {
		t.Errorf("on a disk that takes no writes: %v", err)
	}
}
