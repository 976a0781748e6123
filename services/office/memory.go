package office

import "math"

// Memory is what the machine has, in bytes; 0: not known, taken for ample. Here it is
// decided how much of it is filled with what could be read again: the summaries
// that SORT and THREAD go by, and the texts that lists were told in. The rows in
// memory fit the smallest box and are the same everywhere.
type Memory int64

const (
	// smallestMachine is that of which maild's unit limits the collector.
	smallestMachine = 512 << 20
	// ampleCache is what each cache holds at most: some 250,000 summaries, the texts
	// of some 100,000 messages. More finds nothing more in an office's day.
	ampleCache = 64 << 20
	// cacheShare of the machine is each cache: 16 MiB of the smallest.
	cacheShare = 32
)

// cache is how many bytes each of the two may hold.
func (m Memory) cache() int64 {
	if m <= 0 {
		return ampleCache
	}
	return min(int64(m)/cacheShare, ampleCache)
}

// CollectorLimit is how much memory a process may use before it collects its garbage
// eagerly (runtime/debug.SetMemoryLimit), given the limit for the smallest machine:
// more by what the caches hold more, which else would have it collect all the time.
// No limit stays none.
func (m Memory) CollectorLimit(smallest int64) int64 {
	if smallest == math.MaxInt64 {
		return smallest
	}
	return smallest + 2*max(0, m.cache()-Memory(smallestMachine).cache())
}
