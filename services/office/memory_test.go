package office

import (
	"math"
	"testing"
)

// TestMemoryPlan: a small box keeps less, and no machine more than is of use.
func TestMemoryPlan(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		machine             Memory
		cache, own, limited int64
	}{
		{256 << 20, 8 << 20, 160 << 20, 160 << 20},
		{512 << 20, 16 << 20, 160 << 20, 160 << 20},
		{1 << 30, 32 << 20, 160 << 20, 192 << 20},
		{2 << 30, 64 << 20, 160 << 20, 256 << 20},
		{64 << 30, 64 << 20, 160 << 20, 256 << 20},
		{64 << 30, 64 << 20, math.MaxInt64, math.MaxInt64},
		{0, 64 << 20, 160 << 20, 256 << 20},
	} {
		if got := test.machine.cache(); got != test.cache {
			t.Errorf("of %d MiB each cache has %d bytes; want %d", test.machine>>20, got, test.cache)
		}
		if got := test.machine.CollectorLimit(test.own); got != test.limited {
			t.Errorf("of %d MiB the collector's limit is %d; want %d", test.machine>>20, got, test.limited)
		}
	}
}
