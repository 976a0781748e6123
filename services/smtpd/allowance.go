package smtpd

import (
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Allowance is how much one account may send in a day. A zero field is no bound.
type Allowance struct {
	Messages   int
	Recipients int // addresses to which it has not written within a day
}

// Allowances are the office's bounds of what its accounts send, so that a stolen
// password does not become a spam run.
type Allowances interface {
	// Allowance of an account.
	Allowance(account mail.AccountID) Allowance
	// Exhausted is told when an account has used one of its bounds up, once for each
	// time that happens: an administrator should look. It must not wait.
	Exhausted(login mail.Login, a Allowance)
}

// hours are the steps in which a day moves on.
const hours = 24

// maxSeen bounds the memory for one account whatever its allowance is: some 1 MB.
const maxSeen = 20_000

// ledger counts what accounts send, over the last 24 hours. It is kept in memory:
// a restart forgives what was sent, which costs a thief's victims little and an
// office's disk nothing. Safe for any number of goroutines.
type ledger struct {
	seed     maphash.Seed
	mu       sync.Mutex
	accounts map[mail.AccountID]*page
}

// page is what is counted for one account.
type page struct {
	hour     int64            // up to which it is counted
	messages [hours]int       // by hour of the day
	seen     map[uint64]int64 // recipients' hashes, and the hour in which each was written to last
	told     [2]int64         // the hours in which messages and recipients were said to be used up
}

func newLedger() *ledger {
	return &ledger{seed: maphash.MakeSeed(), accounts: make(map[mail.AccountID]*page)}
}

// page gives an account's, moved on to now.
func (l *ledger) page(account mail.AccountID, now time.Time) *page {
	p := l.accounts[account]
	hour := now.Unix() / 3600
	if p == nil {
		p = &page{hour: hour, seen: make(map[uint64]int64)}
		l.accounts[account] = p
	}
	if p.hour >= hour {
		return p
	}
	for h := max(p.hour+1, hour-hours+1); h <= hour; h++ {
		p.messages[h%hours] = 0
	}
	for hash, at := range p.seen {
		if at <= hour-hours {
			delete(p.seen, hash)
		}
	}
	p.hour = hour
	return p
}

// message counts one message, or says that the bound is reached; first is true
// when nobody has been told so within a day.
func (l *ledger) message(account mail.AccountID, now time.Time, bound int) (ok, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.page(account, now)
	sum := 0
	for _, n := range p.messages {
		sum += n
	}
	if sum >= bound {
		return false, p.tell(0)
	}
	p.messages[p.hour%hours]++
	return true, false
}

// recipient counts an address, if it is a new one.
func (l *ledger) recipient(account mail.AccountID, now time.Time, bound int, to mail.Address) (ok, first bool) {
	hash := maphash.String(l.seed, string(to.Canonical()))
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.page(account, now)
	if _, known := p.seen[hash]; !known && len(p.seen) >= min(bound, maxSeen) {
		return false, p.tell(1)
	}
	p.seen[hash] = p.hour
	return true, false
}

// tell says whether a bound is to be told of: once a day.
func (p *page) tell(bound int) (first bool) {
	first = p.told[bound] <= p.hour-hours
	if first {
		p.told[bound] = p.hour
	}
	return first
}

// mayMessage counts a message of who is logged in.
func (c *conn) mayMessage() error {
	allowances := c.server.options.Allowances
	login := c.peer.Login
	if allowances == nil || login.Account == 0 {
		return nil
	}
	a := allowances.Allowance(login.Account)
	if a.Messages == 0 {
		return nil
	}
	ok, first := c.server.ledger.message(login.Account, time.Now(), a.Messages)
	return c.allowed(ok, first, a, fmt.Sprintf("You have sent %d messages within a day, which is the most", a.Messages))
}

// mayRecipient counts a recipient of who is logged in.
func (c *conn) mayRecipient(to mail.Address) error {
	allowances := c.server.options.Allowances
	login := c.peer.Login
	if allowances == nil || login.Account == 0 {
		return nil
	}
	a := allowances.Allowance(login.Account)
	if a.Recipients == 0 {
		return nil
	}
	ok, first := c.server.ledger.recipient(login.Account, time.Now(), a.Recipients, to)
	return c.allowed(ok, first, a, fmt.Sprintf("You have written to %d new addresses within a day, which is the most", a.Recipients))
}

func (c *conn) allowed(ok, first bool, a Allowance, text string) error {
	if ok {
		return nil
	}
	if first {
		c.log.Warn("an account has sent as much as it may", "verb", "judge", "login", c.peer.Login.Address)
		c.server.options.Allowances.Exhausted(c.peer.Login, a)
	}
	return &mail.Refusal{Status: mail.Status4_7_0TryLater, Text: text + ". Try again later, or ask the office's administrator for more"}
}
