package store

import (
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// TestSummaryCache: the cache never takes more than its limit; an account's room
// goes to others when they are asked for, and none takes its own away.
func TestSummaryCache(t *testing.T) {
	t.Parallel()
	const each = 10
	one := &message.Summary{}
	cost := one.Memory() + summaryCost
	c := summaryCache{limit: each * cost}
	first, second := &account{}, &account{}
	kept := func(a *account) (n int) {
		rows := make([]mail.Row, 100)
		for i := range rows {
			rows[i].Email = mail.EmailID(i + 1)
		}
		found := make([]*message.Summary, len(rows))
		c.get(a, rows, found)
		for _, s := range found {
			if s != nil {
				n++
			}
		}
		return n
	}
	fill := func(a *account) {
		for id := mail.EmailID(1); id <= 100; id++ {
			c.put(a, id, one)
			c.put(a, 1, one) // a second time it costs nothing
			if c.bytes > c.limit {
				t.Fatalf("%d bytes are kept, the limit is %d", c.bytes, c.limit)
			}
		}
	}
	fill(first)
	if got := kept(first); got != each {
		t.Errorf("of the only account %d summaries are kept, want %d", got, each)
	}
	fill(second)
	if a, b := kept(first), kept(second); a != 0 || b != each {
		t.Errorf("after another account was asked for: %d and %d summaries, want 0 and %d", a, b, each)
	}
	if got := c.bytes; got != each*cost {
		t.Errorf("%d bytes are counted, want %d", got, each*cost)
	}
}
