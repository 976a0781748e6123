package figure

import (
	"testing"
	"time"
)

func TestTurns(t *testing.T) {
	t.Parallel()
	own, other := 0.0, 0.0
	turns := InTurn(3,
		func() float64 { own += 10; return own },               // 10 20 30
		func() float64 { other = 5 - other; return other + 5 }) // 10 5 10
	if got := turns.Median(0); got != 20 {
		t.Errorf("Median(0) = %v; want 20", got)
	}
	if got := turns.Ratio(0, 1); got != 3 { // 1 4 3
		t.Errorf("Ratio = %v; want the median of the turns' ratios, 3", got)
	}
	if got := median([]float64{4, 1, 3, 2}); got != 2 {
		t.Errorf("median of 1 to 4 = %v; want the lower of the middle ones, 2", got)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	r := testing.Benchmark(func(b *testing.B) {
		AtLeast(b, 3, "msgs/s", 5000)
		AtMost(b, 4, "ms", 0.5)
		OrAtLeast(b, 5, "of-sink", 0.6)
	})
	for unit, want := range map[string]float64{"msgs/s>=5000": 3, "ms<=0.5": 4, "or:of-sink>=0.6": 5} {
		if got := r.Extra[unit]; got != want {
			t.Errorf("metric %q = %v; want %v (all: %v)", unit, got, want, r.Extra)
		}
	}
}

func TestBusy(t *testing.T) {
	t.Parallel()
	var busy Busy
	for began := time.Now(); busy.busy == 0 && time.Since(began) < 10*time.Second; { // the kernel counts in ticks
		if got := busy.During(t, func() float64 { return 7 }); got != 7 {
			t.Fatalf("During gave %v; want what was run gave, 7", got)
		}
	}
	if got := busy.Percent(); got <= 0 || got > 100 {
		t.Errorf("processors, of which one counted, were busy for %v %% of the time", got)
	}
}
