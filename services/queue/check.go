package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Report is what Check found.
type Report struct {
	Items    int
	Problems []Problem
	Omitted  int // problems beyond maxProblems
}

// Problem is one thing that is wrong.
type Problem struct {
	Item mail.ID
	Text string
	Lost bool // the message itself can't be read; else only the index doesn't fit the log
}

// maxProblems bounds a report.
const maxProblems = 100

func (r *Report) add(p Problem) {
	if len(r.Problems) == maxProblems {
		r.Omitted++
		return
	}
	r.Problems = append(r.Problems, p)
}

// Check reads the log from its beginning, compares what it says with what is known
// here, and reads every message that waits. Nothing may change the queue meanwhile. It
// needs the memory of all items.
func (q *Queue) Check(ctx context.Context) (Report, error) {
	var r Report
	fresh, err := q.fromLog(ctx)
	if err != nil {
		return r, err
	}
	q.mu.Lock()
	ids := q.ids()
	q.mu.Unlock()
	r.Items = len(ids)
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		it, err := q.Show(ctx, id)
		if err != nil {
			r.add(Problem{Item: id, Text: "the index does not have a message that waits: " + err.Error()})
			continue
		}
		logged := fresh.all[id]
		delete(fresh.all, id)
		switch {
		case logged == nil:
			r.add(Problem{Item: id, Text: "the index has a message that by the log has gone"})
		case !same(it, logged.item):
			r.add(Problem{Item: id, Text: "the index has something else of a message than the log"})
		}
		if err := q.read(it); err != nil {
			r.add(Problem{Item: id, Text: "a message that waits can't be read: " + err.Error(), Lost: true})
		}
	}
	for id := range fresh.all {
		r.add(Problem{Item: id, Text: "by the log a message waits that the index does not have"})
	}
	return r, nil
}

// fromLog is the queue as the log alone has it.
func (q *Queue) fromLog(ctx context.Context) (*Queue, error) {
	fresh := &Queue{
		opts: q.opts, log: q.log, journal: q.journal, wake: make(chan struct{}, 1),
		all: map[mail.ID]*card{}, lanes: map[laneKey]*lane{}, changed: map[mail.ID]bool{}, saveAt: time.Now(),
	}
	err := q.journal.Replay(ctx, journal.FamilyQueue, 0, func(r journal.Record) error {
		if err := fresh.replay(r); !errors.Is(err, journal.ErrDamaged) {
			return err
		}
		return nil // the journal's own check says so
	})
	if err != nil {
		return nil, fmt.Errorf("queue: read journal: %w", err)
	}
	return fresh, nil
}

// same says whether two items are, but for the attempts before the last one: an index
// of before may not have them.
func same(a, b *Item) bool {
	var x, y encoder
	x.item(a)
	y.item(b)
	return a.lsn == b.lsn && bytes.Equal(x.b, y.b)
}

// read reads all of a message.
func (q *Queue) read(it *Item) error {
	c, err := q.open(it)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // only read from
	n, err := io.Copy(io.Discard, io.NewSectionReader(c, 0, it.Size))
	if err == nil && n != it.Size {
		err = fmt.Errorf("it has %d bytes of %d", n, it.Size)
	}
	return err
}
