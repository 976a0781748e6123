package collect

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/sanduk-mail/sanduk/services/setup"
)

const (
	// batch is how many messages a session fetches or deletes at most, so that what
	// it has to remember is small; the next one begins at once.
	batch = 5000
	// ahead is how many messages are asked for before the first has come, where the
	// server takes several commands at once.
	ahead = 4
	// aheadSmall is the same for commands with replies of a line.
	aheadSmall = 50
)

// popMessage is a message that is new.
type popMessage struct {
	number int
	item   Item
	size   int64
}

// popSession is one look into a POP3 mailbox.
type popSession struct {
	c     *Collector
	s     *Source
	p     *popClient
	there *listing
	fresh []popMessage
	old   []popMessage // to be deleted
	more  bool         // than one session does
	count count
	wait  error // why some message had to stay
}

// collectPOP fetches what is new, and deletes what is due.
func (c *Collector) collectPOP(ctx context.Context, s *Source, w *worker) (result, error) {
	conn, err := connect(ctx, s, c.o.Dial, c.o.Roots)
	if err != nil {
		return result{}, err
	}
	t := &popSession{c: c, s: s, p: newPOP(conn), there: &listing{}}
	// A connection that is closed is the only thing that ends a reading.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() {
		stop()
		_ = t.p.conn.Close() // without QUIT nothing is deleted, and what is here is known
	}()
	if err := t.begin(ctx); err != nil {
		return result{}, err
	}
	if err := t.list(); err != nil {
		return result{}, err
	}
	err = t.fetch(ctx)
	if err == nil {
		err = t.delete(ctx)
	}
	if err == nil {
		err = w.forget(ctx, t.there)
	}
	return result{count: t.count, more: t.more, wait: t.wait}, err
}

// begin reads the greeting and logs in.
func (t *popSession) begin(ctx context.Context) error {
	if _, err := t.p.reply("greeting"); err != nil {
		return err
	}
	if err := t.p.capabilities(); err != nil {
		return err
	}
	if t.s.TLS == setup.TLSStartTLS {
		if err := t.p.startTLS(ctx, t.c.o.Roots, t.s.Host); err != nil {
			return err
		}
	}
	if err := t.p.login(t.s.User, t.s.Password); err != nil {
		return err
	}
	return t.p.capabilities() // some offer more now (RFC 2449 §5)
}

// list finds out what is new and what is due.
func (t *popSession) list() error {
	key := t.s.Key()
	err := t.p.uidls(func(number int, uidl string) error {
		item := uidlItem(uidl)
		t.there.add(item)
		m, known, err := t.c.o.State.taken(key, item)
		switch {
		case err != nil:
			return err
		case known && t.s.due(m):
			t.old, t.more = keep(t.old, popMessage{number: number, item: item}, t.more)
		case !known:
			t.fresh, t.more = keep(t.fresh, popMessage{number: number, item: item}, t.more)
		}
		return nil
	})
	t.there.done()
	if err != nil || len(t.fresh) == 0 {
		return err
	}
	at := make(map[int]int, len(t.fresh))
	for i, m := range t.fresh {
		at[m.number] = i
	}
	return t.p.sizes(func(number int, size int64) {
		if i, ok := at[number]; ok {
			t.fresh[i].size = size
		}
	})
}

func keep(list []popMessage, m popMessage, more bool) ([]popMessage, bool) {
	if len(list) >= batch {
		return list, true
	}
	return append(list, m), more
}

// fetch collects what is new. Messages are asked for ahead where the server can
// take that.
func (t *popSession) fetch(ctx context.Context) error {
	var list []popMessage
	for _, m := range t.fresh {
		if m.size > t.c.o.MaxSize {
			t.count.tooLarge++
			continue
		}
		list = append(list, m)
	}
	window := 1
	if t.p.has("PIPELINING") {
		window = ahead
	}
	asked := 0
	for i, m := range list {
		for ; asked < len(list) && asked < i+window; asked++ {
			if err := t.p.send("RETR", strconv.Itoa(list[asked].number)); err != nil {
				return err
			}
		}
		if err := t.one(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// one reads the reply to one RETR and takes the message.
func (t *popSession) one(ctx context.Context, m popMessage) error {
	if _, err := t.p.reply("RETR"); err != nil {
		if _, refused := errors.AsType[*refusedError](err); refused {
			t.count.waiting++ // somebody else has deleted it, or it can't be read there
			t.wait = err
			return nil
		}
		return err
	}
	d := t.c.o.Draft(t.c.o.MaxSize)
	defer d.Discard()
	failed, err := t.p.message(d, t.c.o.MaxSize)
	if err != nil {
		return fmt.Errorf("RETR: %w", err)
	}
	if failed == nil {
		failed = d.Finish()
	}
	var done count
	if failed == nil {
		done, failed = t.c.take(ctx, t.s, m.item, t.there, d, time.Now())
	}
	t.count.add(done)
	if failed != nil && waits(failed) {
		t.count.waiting++
		t.wait = failed
		return nil
	}
	if failed == nil && t.s.Leave == 0 {
		t.old = append(t.old, m)
	}
	return failed
}

// delete deletes what is due and ends the session, which is when the provider
// does it (RFC 1939 §6). What it says it has deleted is noted, to be forgotten when
// a later session sees that it is gone.
func (t *popSession) delete(ctx context.Context) error {
	window := 1
	if t.p.has("PIPELINING") {
		window = aheadSmall
	}
	var done []Item
	asked := 0
	for i, m := range t.old {
		for ; asked < len(t.old) && asked < i+window; asked++ {
			if err := t.p.send("DELE", strconv.Itoa(t.old[asked].number)); err != nil {
				return err
			}
		}
		_, err := t.p.reply("DELE")
		if _, refused := errors.AsType[*refusedError](err); refused {
			continue
		}
		if err != nil {
			return err
		}
		done = append(done, m.item)
	}
	if _, err := t.p.exchange("QUIT"); err != nil {
		return err
	}
	t.count.deleted += len(done)
	return t.c.o.State.finish(ctx, kindDeleted, t.s.Key(), done)
}

func (c *count) add(o count) {
	c.collected += o.collected
	c.unsorted += o.unsorted
	c.tooLarge += o.tooLarge
	c.waiting += o.waiting
	c.deleted += o.deleted
	c.known += o.known
}
