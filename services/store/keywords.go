package store

import (
	"strings"
	"sync"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// maxKeywordSets is what a row's 16 bits can number. Each combination of
// keywords that ever stood on a message of the account is one.
const maxKeywordSets = 1<<16 - 1

// keywords numbers the combinations of keywords of an account. Numbers are
// never taken back, so a number handed out for a change that then failed is
// only one that nobody uses.
type keywords struct {
	mu      sync.RWMutex
	sets    [][]string // by number; 0 is the empty set
	numbers map[string]uint16
}

func newKeywords() *keywords {
	return &keywords{sets: [][]string{nil}, numbers: map[string]uint16{"": 0}}
}

// keywordsKey is one combination; no keyword holds a NUL.
func keywordsKey(names []string) string { return strings.Join(names, "\x00") }

// number gives the number of a set; mail.ErrTooMany when there are no more.
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
		return 0, mail.ErrTooMany
	}
	n := uint16(len(k.sets))
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
