package imapd

import (
	"iter"
	"slices"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// numbering is which messages have the sequence numbers 1, 2, …, in ascending order
// of their UIDs (RFC 9051 §2.3.1.2). It keeps runs of UIDs without a hole: for a
// mailbox of 100,000 messages mostly some hundred bytes, where a list would be 400 KB
// for each session to fill at its SELECT and to keep; where every other UID is gone,
// three times the list. The zero value is empty.
type numbering []uidRun

// uidRun is never empty. Between two there is a hole.
type uidRun struct {
	first, last mail.UID
	before      uint32 // messages in the runs before
}

func numbered(set mail.UIDSet) numbering {
	n := make(numbering, len(set))
	before := uint32(0)
	for i, r := range set {
		n[i] = uidRun{r.First, r.Last, before}
		before += uint32(r.Last-r.First) + 1
	}
	return n
}

func (r uidRun) len() uint32 { return uint32(r.last-r.first) + 1 }

// len is how many messages there are, and the highest sequence number.
func (n numbering) len() int {
	if len(n) == 0 {
		return 0
	}
	r := n[len(n)-1]
	return int(r.before + r.len())
}

// uid is that of the message with a sequence number, which there must be.
func (n numbering) uid(seq mail.SeqNum) mail.UID {
	i, found := slices.BinarySearchFunc(n, uint32(seq)-1, func(r uidRun, before uint32) int { return compare(r.before, before) })
	if !found {
		i--
	}
	return n[i].first + mail.UID(uint32(seq)-1-n[i].before)
}

// seq is the sequence number of a message, 0 if it has none.
func (n numbering) seq(uid mail.UID) mail.SeqNum {
	if i := n.find(uid); i < len(n) && n[i].first <= uid {
		return mail.SeqNum(n[i].before + uint32(uid-n[i].first) + 1)
	}
	return 0
}

// find is the place of the first run that ends at uid or behind it.
func (n numbering) find(uid mail.UID) int {
	i, _ := slices.BinarySearchFunc(n, uid, func(r uidRun, uid mail.UID) int { return compare(r.last, uid) })
	return i
}

func compare[N ~uint32](a, b N) int { return int(int64(a) - int64(b)) }

// parts are the runs of r that there are.
func (n numbering) parts(r mail.Range[mail.UID]) iter.Seq[mail.Range[mail.UID]] {
	return func(yield func(mail.Range[mail.UID]) bool) {
		for i := n.find(r.First); i < len(n) && n[i].first <= r.Last; i++ {
			if !yield(mail.Range[mail.UID]{First: max(r.First, n[i].first), Last: min(r.Last, n[i].last)}) {
				return
			}
		}
	}
}

// count is how many messages of r there are.
func (n numbering) count(r mail.Range[mail.UID]) int {
	from, to := n.find(r.First), n.find(r.Last)
	below := func(i int, uid mail.UID) int { // messages below uid, which lies in front of or in run i
		if i == len(n) {
			return n.len()
		}
		return int(n[i].before) + int(max(uid, n[i].first)-n[i].first)
	}
	count := below(to, r.Last) - below(from, r.First)
	if to < len(n) && n[to].first <= r.Last {
		count++
	}
	return count
}

// add gives a message, whose UID is above all others, the next number.
func (n *numbering) add(uid mail.UID) {
	s := *n
	if i := len(s) - 1; i >= 0 && s[i].last+1 == uid {
		s[i].last = uid
		return
	}
	*n = append(s, uidRun{uid, uid, uint32(s.len())})
}

// remove takes messages out, of which all must be there: those behind move up. It is
// one walk, however many they are.
func (n *numbering) remove(gone mail.UIDSet) {
	if len(gone) == 0 {
		return
	}
	start := n.find(gone[0].First)
	left, rest := (*n)[:start:start], (*n)[start:]
	before := uint32(left.len())
	keep := func(first, last mail.UID) {
		left = append(left, uidRun{first, last, before})
		before += uint32(last-first) + 1
	}
	for _, r := range rest {
		first := r.first
		for len(gone) > 0 && gone[0].First <= r.last {
			if gone[0].First > first {
				keep(first, gone[0].First-1)
			}
			first = gone[0].Last + 1
			gone = gone[1:]
		}
		if first <= r.last && first >= r.first { // it wraps behind the highest UID
			keep(first, r.last)
		}
	}
	*n = left
}
