package mail

import (
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Range is a run of numbers, both ends included, First ≤ Last, First ≥ 1.
type Range[N ~uint32] struct{ First, Last N }

// Set is a set of numbers as ordered, separate, non-adjacent ranges: every
// set has exactly one form. The zero value is empty. Methods never change the
// receiver.
type Set[N ~uint32] []Range[N]

// UIDSet is a set of UIDs, SeqSet one of sequence numbers. They are different
// types so that one can't be taken for the other.
type (
	UIDSet = Set[UID]
	SeqSet = Set[SeqNum]
)

// SetOf makes a set of numbers in any order.
func SetOf[N ~uint32](numbers ...N) Set[N] {
	ranges := make([]Range[N], len(numbers))
	for i, n := range numbers {
		ranges[i] = Range[N]{n, n}
	}
	return SetOfRanges(ranges...)
}

// SetOfRanges makes a set of ranges in any order; they may overlap.
func SetOfRanges[N ~uint32](ranges ...Range[N]) Set[N] {
	sorted := slices.Clone(ranges)
	slices.SortFunc(sorted, func(a, b Range[N]) int {
		switch {
		case a.First < b.First:
			return -1
		case a.First > b.First:
			return 1
		}
		return 0
	})
	var s Set[N]
	for _, r := range sorted {
		s = s.append(r)
	}
	return s
}

// append adds a range that begins no earlier than the last one of s.
func (s Set[N]) append(r Range[N]) Set[N] {
	if n := len(s); n > 0 && (r.First <= s[n-1].Last || r.First-1 == s[n-1].Last) {
		s[n-1].Last = max(s[n-1].Last, r.Last)
		return s
	}
	return append(s, r)
}

// Add puts n, which must be greater than every number of s, at the end and
// returns the set; the receiver's memory may be used again, as with append.
func (s Set[N]) Add(n N) Set[N] { return s.append(Range[N]{n, n}) }

// Contains reports whether n is in the set, in logarithmic time.
func (s Set[N]) Contains(n N) bool {
	i, found := slices.BinarySearchFunc(s, n, func(r Range[N], n N) int {
		switch {
		case r.Last < n:
			return -1
		case r.First > n:
			return 1
		}
		return 0
	})
	return found && i < len(s)
}

// Len is how many numbers the set holds.
func (s Set[N]) Len() int {
	total := 0
	for _, r := range s {
		total += int(r.Last-r.First) + 1
	}
	return total
}

// All yields the numbers in ascending order. A set given by a client may hold
// four billion of them: intersect it with what exists first.
func (s Set[N]) All() iter.Seq[N] {
	return func(yield func(N) bool) {
		for _, r := range s {
			for n := r.First; ; n++ {
				if !yield(n) {
					return
				}
				if n == r.Last {
					break
				}
			}
		}
	}
}

// String is the set in IMAP's syntax, such as "1:3,7"; "" when empty.
func (s Set[N]) String() string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatUint(uint64(r.First), 10))
		if r.Last != r.First {
			b.WriteByte(':')
			b.WriteString(strconv.FormatUint(uint64(r.Last), 10))
		}
	}
	return b.String()
}
