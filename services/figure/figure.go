// Package figure sets what a benchmark measures beside the limit that it is to keep. It is for tests; nothing of the
// box imports it.
//
// In: what has been measured. Out: metrics of the benchmark, with names by which scripts/bench knows a figure. They are
// the whole convention, so a benchmark can do without this package:
//
//	unit>=N, unit<=N      this is a figure, and N is its limit
//	or:unit>=N            enough in place of the row's first figure
//	%name                 how far something is used up, 0 to 100: cpu, disk. From 90 on, it is what bounds a row
//	                      that keeps no limit.
//	anything else         stands beside
//
// A benchmark with figures is called BenchmarkFigure…, with one sub-benchmark for each row of the table, named for
// people ("_" is shown as a space). It is run once (b.N is 1), and does itself what makes a figure steady on a busy
// machine: short runs of everything that is compared, in turns, and their medians ([InTurn]).
//
// The functions may be called from any goroutine.
package figure

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// AtLeast reports a figure that is to reach a limit, as "unit>=limit".
func AtLeast(b *testing.B, got float64, unit string, limit float64) {
	b.ReportMetric(got, fmt.Sprintf("%s>=%g", unit, limit))
}

// AtMost reports a figure that is to stay under a limit, as "unit<=limit".
func AtMost(b *testing.B, got float64, unit string, limit float64) {
	b.ReportMetric(got, fmt.Sprintf("%s<=%g", unit, limit))
}

// OrAtLeast reports a figure that is enough in place of the row's first one.
func OrAtLeast(b *testing.B, got float64, unit string, limit float64) {
	AtLeast(b, got, "or:"+unit, limit)
}

// Turns are results by turn, and in each turn by run.
type Turns [][]float64

// InTurn calls all the functions one after the other, so many times over, and gives what they returned. A machine that
// is busy with something else for a while is so for all of them.
func InTurn(turns int, runs ...func() float64) Turns {
	all := make(Turns, turns)
	for i := range all {
		for _, run := range runs {
			all[i] = append(all[i], run())
		}
	}
	return all
}

// Median is the median of what a run returned in all turns.
func (t Turns) Median(run int) float64 {
	var all []float64
	for _, turn := range t {
		all = append(all, turn[run])
	}
	return median(all)
}

// Ratio is the median of how many times the one run's result was the other's in the same turn.
func (t Turns) Ratio(run, other int) float64 {
	var all []float64
	for _, turn := range t {
		all = append(all, turn[run]/turn[other])
	}
	return median(all)
}

// median is the middle one, of an even number the lower: the worse of two rates.
func median(all []float64) float64 {
	slices.Sort(all)
	return all[(len(all)-1)/2]
}

// Busy adds up how busy the processors were which this process may use, by whomever: on a machine that others use too,
// a server is bounded by the processors when nothing is left of them. The zero value is empty.
type Busy struct{ busy, all uint64 }

// During adds the time of a run, and gives what it returned.
func (l *Busy) During(tb testing.TB, run func() float64) float64 {
	tb.Helper()
	before, err := readBusy()
	if err != nil {
		tb.Fatal(err)
	}
	result := run()
	after, err := readBusy()
	if err != nil {
		tb.Fatal(err)
	}
	l.busy += after.busy - before.busy
	l.all += after.all - before.all
	return result
}

// Percent is how busy they were, 0 to 100.
func (l *Busy) Percent() float64 { return 100 * float64(l.busy) / float64(max(1, l.all)) }

// readBusy adds up /proc/stat (proc(5)) over the processors of this thread.
func readBusy() (Busy, error) {
	var l Busy
	var mine unix.CPUSet
	if err := unix.SchedGetaffinity(0, &mine); err != nil {
		return l, fmt.Errorf("figure: which processors: %w", err)
	}
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return l, fmt.Errorf("figure: %w", err)
	}
	for line := range bytes.Lines(stat) {
		f := bytes.Fields(line)
		if len(f) < 9 || !bytes.HasPrefix(f[0], []byte("cpu")) {
			continue
		}
		number, err := strconv.Atoi(string(f[0][len("cpu"):]))
		if err != nil || !mine.IsSet(number) { // the first line is the sum
			continue
		}
		// user nice system idle iowait irq softirq steal; guest is counted in user.
		for i, field := range f[1:9] {
			n, err := strconv.ParseUint(string(field), 10, 64)
			if err != nil {
				return l, fmt.Errorf("figure: /proc/stat: %w", err)
			}
			l.all += n
			if i != 3 && i != 4 {
				l.busy += n
			}
		}
	}
	return l, nil
}
