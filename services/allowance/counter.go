package allowance

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Options are what a Counter needs.
type Options struct {
	FS   durable.FS
	File string
	// Limits gives what holds for an account, with numbers above zero or
	// mail.NoLimit. It must not wait.
	Limits func(account mail.AccountID) mail.Limits
	// Exhausted is told once a day for each bound of an account that is used up. It
	// must not wait.
	Exhausted func(e Exhausted)
	// ReadOnly has the file be read and left as it is, and counts in memory.
	ReadOnly bool
	Log      *slog.Logger
}

// Exhausted is a bound that an account has used up.
type Exhausted struct {
	Account mail.AccountID
	Bound   Bound
	Limit   int // what it is
}

// Bound is one of the two.
type Bound uint8

// The bounds.
const (
	Messages Bound = iota
	Recipients
	bounds
)

// Counter counts. See the package comment.
type Counter struct {
	options Options

	mu       sync.Mutex
	key      [32]byte
	accounts map[mail.AccountID]*page
	file     durable.File // nil: it can't be written
	records  int          // in the file
	failed   bool         // it has been said that the file can't be written
	syncing  *time.Timer  // until what was written is synced; nil: all is
}

// Open reads what was counted before. A file that can't be read or understood is
// said in the log and begun anew; one that can't be written as well, and it is
// counted in memory.
func Open(o Options) *Counter {
	c := &Counter{options: o, accounts: map[mail.AccountID]*page{}}
	open := c.open
	if o.ReadOnly {
		open = c.read
	}
	if err := open(time.Now()); err != nil {
		c.fail(err)
	}
	return c
}

// fail says once that the file can't be used.
func (c *Counter) fail(err error) {
	if !c.failed {
		c.failed = true
		c.options.Log.Error("what people send can't be noted on the disk; it is counted in memory", "file", c.options.File, "err", err)
	}
}

// Close syncs the file and closes it.
func (c *Counter) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.syncing != nil {
		c.syncing.Stop()
	}
	if c.file == nil {
		return nil
	}
	err := c.file.Sync()
	if closeErr := c.file.Close(); err == nil {
		err = closeErr
	}
	c.file = nil
	if err != nil {
		return fmt.Errorf("allowance: close: %w", err)
	}
	return nil
}

// Message counts a message that an account begins to hand in. The error is a
// *mail.Refusal: it has handed in as many as it may.
func (c *Counter) Message(account mail.AccountID) error {
	limit := c.options.Limits(account).Messages
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	p := c.page(account, now)
	if limit != mail.NoLimit && p.sum(Messages) >= limit {
		c.tell(account, p, Messages, limit)
		return refusal(fmt.Sprintf("You have sent %d messages within a day, which is the most", limit))
	}
	p.count(Messages, p.hour, 1)
	c.write(account, record{what: whatMessages, hour: p.hour, value: 1})
	return nil
}

// Recipient counts an address to which an account writes, if it is a new one. The
// error is a *mail.Refusal: it has written to as many new ones as it may.
func (c *Counter) Recipient(account mail.AccountID, to mail.Address) error {
	limit := c.options.Limits(account).Recipients
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	p := c.page(account, now)
	hash := c.hash(account, to)
	day, known := p.known.find(hash)
	today := p.hour / hours
	if known && today-int64(day) <= int64(KnownFor/(24*time.Hour)) {
		if int64(day) != today {
			p.known.set(hash, uint16(today))
			c.write(account, record{what: whatAddress, hour: p.hour, value: hash})
		}
		return nil
	}
	if limit != mail.NoLimit && p.sum(Recipients) >= limit {
		c.tell(account, p, Recipients, limit)
		return refusal(fmt.Sprintf("You have written to %d new addresses within a day, which is the most", limit))
	}
	p.count(Recipients, p.hour, 1)
	p.known.set(hash, uint16(today))
	c.write(account, record{what: whatRecipients, hour: p.hour, value: 1}, record{what: whatAddress, hour: p.hour, value: hash})
	return nil
}

func refusal(text string) error {
	return &mail.Refusal{Status: mail.Status4_7_0TryLater, Text: text + ". Try again later, or ask the office's administrator for more"}
}

// tell has the administrator told, once a day. The caller holds mu.
func (c *Counter) tell(account mail.AccountID, p *page, b Bound, limit int) {
	if p.told[b] > p.hour-hours {
		return
	}
	p.told[b] = p.hour
	c.write(account, record{what: whatTold + what(b), hour: p.hour})
	c.options.Exhausted(Exhausted{account, b, limit})
}

// Used is what an account has used up within the last 24 hours.
func (c *Counter) Used(account mail.AccountID) mail.Limits {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.accounts[account] == nil {
		return mail.Limits{}
	}
	p := c.page(account, time.Now())
	return mail.Limits{Messages: p.sum(Messages), Recipients: p.sum(Recipients)}
}

// Exhausted lists the bounds of which somebody was told within the last 24 hours
// and that are still used up, by account.
func (c *Counter) Exhausted() []Exhausted {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []Exhausted
	now := time.Now()
	for _, account := range c.ids() {
		p, limits := c.page(account, now), c.options.Limits(account)
		for b, limit := range [...]int{Messages: limits.Messages, Recipients: limits.Recipients} {
			if limit != mail.NoLimit && p.told[b] > p.hour-hours && p.sum(Bound(b)) >= limit {
				list = append(list, Exhausted{account, Bound(b), limit})
			}
		}
	}
	return list
}

// hash names an account's correspondent without saying who it is. Whoever knows
// the file but not the key's mail could still try addresses out; it only has to
// keep anybody from choosing addresses that pass for known ones.
func (c *Counter) hash(account mail.AccountID, to mail.Address) uint64 {
	h := hmac.New(sha256.New, c.key[:])
	_ = binary.Write(h, binary.BigEndian, uint32(account)) // a hash does not fail
	_, _ = h.Write([]byte(to.Canonical()))
	return binary.BigEndian.Uint64(h.Sum(nil)) &^ dayMask
}
