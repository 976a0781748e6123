package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

const (
	// maxSummaries is how many bytes of summaries are kept in memory where nobody says,
	// of all accounts: those of some 250,000 messages, which are all that a person's
	// mailboxes hold that are put in order each day.
	maxSummaries = 64 << 20
	// summaryCost is what a summary takes up beside itself: its place in the map.
	summaryCost = 48
	// summariesAtOnce is how many rows are looked at together, so that several of
	// their digests are read at a time.
	summariesAtOnce = 512
)

// summaries are those of an account's emails that are in memory. An email never
// changes and its number is not used again while the process runs, so what is
// here stays right; what is not is read again.
type summaries struct {
	byEmail map[mail.EmailID]*message.Summary
	bytes   int
	used    uint64 // when the account was last asked, in the store's own count
}

// summaryCache is the store's account of them.
type summaryCache struct {
	mu    sync.Mutex
	limit int // 0: maxSummaries
	bytes int
	clock uint64
	of    map[*account]*summaries
}

// get looks emails up; places that are nil were not found.
func (c *summaryCache) get(a *account, rows []mail.Row, found []*message.Summary) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.of[a]
	if s == nil {
		return
	}
	c.clock++
	s.used = c.clock
	for i := range rows {
		found[i] = s.byEmail[rows[i].Email]
	}
}

// put keeps a summary. When there is no room, those of the accounts that were not
// asked for longest go; an account that needs all the room for itself keeps what
// it has, since a walk that takes out what it will come back to finds nothing.
func (c *summaryCache) put(a *account, id mail.EmailID, summary *message.Summary) {
	c.mu.Lock()
	defer c.mu.Unlock()
	limit := c.limit
	if limit == 0 {
		limit = maxSummaries
	}
	cost := summary.Memory() + summaryCost
	for c.bytes+cost > limit {
		var oldest *account
		for other, s := range c.of {
			if other != a && (oldest == nil || s.used < c.of[oldest].used) {
				oldest = other
			}
		}
		if oldest == nil {
			return
		}
		c.drop(oldest)
	}
	s := c.of[a]
	if s == nil {
		if c.of == nil {
			c.of = map[*account]*summaries{}
		}
		c.clock++
		s = &summaries{byEmail: map[mail.EmailID]*message.Summary{}, used: c.clock}
		c.of[a] = s
	}
	if s.byEmail[id] == nil {
		s.byEmail[id] = summary
		s.bytes += cost
		c.bytes += cost
	}
}

// drop forgets an account's. The caller holds mu.
func (c *summaryCache) drop(a *account) {
	c.bytes -= c.of[a].bytes
	delete(c.of, a)
}

// Summaries gives the messages of the set that exist, by UID, with what ordering
// asks of them. Nothing is held while the consumer works. The summary of a message
// that is damaged is empty.
func (h *Account) Summaries(ctx context.Context, mailbox mail.MailboxID, set mail.UIDSet) iter.Seq2[message.Summarized, error] {
	return func(yield func(message.Summarized, error) bool) {
		rows := make([]mail.Row, 0, summariesAtOnce)
		found := make([]*message.Summary, summariesAtOnce)
		flush := func() bool {
			clear(found)
			if err := h.summarize(ctx, mailbox, rows, found); err != nil {
				yield(message.Summarized{}, err)
				return false
			}
			for i := range rows {
				if found[i] != nil && !yield(message.Summarized{Row: rows[i], Summary: found[i]}, nil) {
					return false
				}
			}
			rows = rows[:0]
			return true
		}
		for row, err := range h.Rows(ctx, mailbox, set) {
			if err != nil {
				yield(message.Summarized{}, err)
				return
			}
			if rows = append(rows, row); len(rows) == summariesAtOnce && !flush() {
				return
			}
		}
		flush()
	}
}

// summarize fills in the summaries of rows, reading digests where it must, on
// several processors. What has been expunged meanwhile stays nil.
func (h *Account) summarize(ctx context.Context, mailbox mail.MailboxID, rows []mail.Row, found []*message.Summary) error {
	cache := &h.a.store.summaries
	cache.get(h.a, rows, found)
	var missing []int
	for i := range rows {
		if found[i] == nil {
			missing = append(missing, i)
		}
	}
	if len(missing) == 0 {
		return ctx.Err()
	}
	workers := min(runtime.GOMAXPROCS(0), 4, len(missing))
	errs, panics := make([]error, workers), make([]any, workers)
	var working sync.WaitGroup
	for w := range workers {
		working.Go(func() {
			defer func() { panics[w] = recover() }()
			for k := w; k < len(missing) && errs[w] == nil; k += workers {
				if errs[w] = ctx.Err(); errs[w] == nil {
					i := missing[k]
					found[i], errs[w] = h.summary(ctx, mailbox, &rows[i])
				}
			}
		})
	}
	working.Wait()
	for _, p := range panics {
		if p != nil {
			panic(p) // whoever asked has a recovery, these have none
		}
	}
	return errors.Join(errs...)
}

// summary reads one; nil when the message is gone.
func (h *Account) summary(ctx context.Context, mailbox mail.MailboxID, row *mail.Row) (*message.Summary, error) {
	m, err := h.Open(ctx, mailbox, row.UID)
	if errors.Is(err, mail.ErrNoMessage) {
		return nil, nil
	}
	var digest *message.Digest
	if err == nil {
		digest, err = m.Digest()
		_ = m.Close() // it was only read
	}
	if errors.Is(err, mail.ErrDamaged) || errors.Is(err, message.ErrDigest) {
		return &message.Summary{}, nil // it may be readable again: it is not kept
	}
	if err != nil {
		return nil, fmt.Errorf("summarize message %d of mailbox %s: %w", row.UID, mailbox, err)
	}
	s := message.Summarize(digest)
	h.a.store.summaries.put(h.a, row.Email, s)
	return s, nil
}
