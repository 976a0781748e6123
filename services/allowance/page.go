package allowance

import (
	"cmp"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// KnownFor is how long an address counts as known after it was last written to:
	// what people do once a year is not a run.
	KnownFor = 200 * 24 * time.Hour
	// MaxKnown bounds what is remembered for one account: 80 KB. 300 accounts that
	// write to all the world take 24 MB.
	MaxKnown = 10_000
	// hours are the steps in which a day moves on.
	hours = 24
	// dayMask is the part of a known address that says when.
	dayMask = 1<<16 - 1
)

// page is what is counted for one account.
type page struct {
	hour  int64 // up to which it is counted
	sent  [bounds][hours]int
	told  [bounds]int64 // the hours in which the administrator was told
	known known
}

// page gives an account's, moved on to now. The caller holds mu. A clock that goes
// back stands still here.
func (c *Counter) page(account mail.AccountID, now time.Time) *page {
	p := c.accounts[account]
	hour := now.Unix() / 3600
	if p == nil {
		p = &page{hour: hour}
		c.accounts[account] = p
	}
	p.move(hour)
	return p
}

func (p *page) move(hour int64) {
	for h := max(p.hour+1, hour-hours+1); h <= hour; h++ {
		for b := range p.sent {
			p.sent[b][h%hours] = 0
		}
	}
	p.hour = max(p.hour, hour)
}

// count adds to an hour, if it is of the last 24.
func (p *page) count(b Bound, hour int64, n int) {
	if hour > p.hour-hours && hour <= p.hour {
		p.sent[b][hour%hours] += n
	}
}

func (p *page) sum(b Bound) int {
	sum := 0
	for _, n := range p.sent[b] {
		sum += n
	}
	return sum
}

// empty says that nothing is lost with the page.
func (p *page) empty() bool {
	return len(p.known) == 0 && p.sum(Messages)+p.sum(Recipients) == 0 && p.told[Messages] <= p.hour-hours && p.told[Recipients] <= p.hour-hours
}

// ids lists the accounts that have a page. The caller holds mu.
func (c *Counter) ids() []mail.AccountID {
	ids := make([]mail.AccountID, 0, len(c.accounts))
	for id := range c.accounts {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// known are the addresses that an account has written to, in order: 48 bits of the
// address's hash, and the day of the last time since 1970 in 16 (until 2149).
type known []uint64

func (k known) search(hash uint64) (int, bool) {
	return slices.BinarySearchFunc(k, hash, func(e, hash uint64) int { return cmp.Compare(e&^dayMask, hash) })
}

func (k known) find(hash uint64) (day uint16, ok bool) {
	i, ok := k.search(hash)
	if ok {
		day = uint16(k[i] & dayMask)
	}
	return day, ok
}

// set notes an address. Of too many the oldest go, a few more than one so that it
// need not be looked for the oldest each time.
func (k *known) set(hash uint64, day uint16) {
	i, ok := k.search(hash)
	if ok {
		(*k)[i] = hash | max(uint64(day), (*k)[i]&dayMask)
		return
	}
	if len(*k) >= MaxKnown {
		k.forget(MaxKnown / 16)
		i, _ = k.search(hash)
	}
	*k = slices.Insert(*k, i, hash|uint64(day))
}

// forget lets the n oldest go.
func (k *known) forget(n int) {
	days := make([]uint16, len(*k))
	for i, e := range *k {
		days[i] = uint16(e & dayMask)
	}
	slices.Sort(days)
	last := days[n-1]
	older, _ := slices.BinarySearch(days, last)
	rest := n - older // of those of the last day
	*k = slices.DeleteFunc(*k, func(e uint64) bool {
		switch day := uint16(e & dayMask); {
		case day < last:
			return true
		case day == last && rest > 0:
			rest--
			return true
		}
		return false
	})
}

// expire lets those go that count as known no more.
func (k *known) expire(today int64) {
	*k = slices.DeleteFunc(*k, func(e uint64) bool { return today-int64(e&dayMask) > int64(KnownFor/(24*time.Hour)) })
}
