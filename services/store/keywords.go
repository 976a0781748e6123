package store

import (
	"strings"
	"sync"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// maxKeywordSets is what a row's 16 bits can number. Each combination of
// keywords that ever stood on a message of the account is one.
const maxKeywordSets = 1<<16 - 1

// maxKeywordBytes bounds the names of all combinations, which are in memory while
// the account is: fifty thousand of three labels each. Without it somebody could
// fill the box's memory with flags (65,535 combinations of a hundred keywords).
const maxKeywordBytes = 4 << 20

// keywords numbers the combinations of keywords of an account. Numbers are
// never taken back, so a number handed out for a change that then failed is
// only one that nobody uses. (To know that no message has a combination any more
// all rows would have to be read, those that undo keeps too.)
type keywords struct {
	mu      sync.RWMutex
	sets    [][]string // by number; 0 is the empty set
	numbers map[string]uint16
	bytes   int // of all names
}

func newKeywords() *keywords {
	return &keywords{sets: [][]string{nil}, numbers: map[string]uint16{"": 0}}
}

// keywordsKey is one combination; no keyword holds a NUL.
func keywordsKey(names []string) string { return strings.Join(names, "\x00") }

// give gives the number of a set for a change that is being prepared:
// mail.ErrKeywords when it is a new one and there are enough of them. What
// messages have already can be given on.
func (k *keywords) give(names []string) (uint16, error) {
	if len(names) == 0 {
		return 0, nil
	}
	k.mu.RLock()
	_, known := k.numbers[keywordsKey(names)]
	full := len(k.sets) > maxKeywordSets || k.bytes+len(keywordsKey(names)) > maxKeywordBytes
	k.mu.RUnlock()
	if !known && full {
		return 0, mail.ErrKeywords
	}
	return k.number(names)
}

// number gives the number of a set that a durable change has, whatever the bounds
// on new ones are now; mail.ErrKeywords when there are no more numbers.
func (k *keywords) number(names []string) (uint16, error) {
	if len(names) == 0 {
		return 0, nil
	}
	key := keywordsKey(names)
	k.mu.Lock()
	defer k.mu.Unlock()
	if n, ok := k.numbers[key]; ok {
		return n, nil
	}
	if len(k.sets) > maxKeywordSets {
		return 0, mail.ErrKeywords
	}
	n := uint16(len(k.sets))
	k.bytes += len(key)
	k.sets = append(k.sets, names)
	k.numbers[key] = n
	return n, nil
}

// set gives the names of a number; they are shared and not to be changed.
func (k *keywords) set(n uint16) []string {
	if n == 0 {
		return nil
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	if int(n) >= len(k.sets) {
		return nil
	}
	return k.sets[n]
}

// from lists the sets with this number or a higher one.
func (k *keywords) from(n int) [][]string {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.sets[min(n, len(k.sets)):]
}
