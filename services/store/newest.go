package store

import (
	"bytes"
	"container/heap"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// selection gathers what a query asks for from rows that come newest first, until
// it has no room or has looked at enough.
type selection struct {
	q    mail.ExpungedQuery
	gone mail.ModSeq           // up to which everything has expired
	over func(unix int64) bool // what went then
	room int
	look int // how many more are looked at
	rows []expungedRow
	last expungedRow // that was looked at
}

func (s *selection) full() bool { return len(s.rows) >= s.room || s.look <= 0 }

func (s *selection) offer(e expungedRow) {
	s.look--
	s.last = e
	switch q := &s.q; {
	case s.over(e.left.unix), e.row.modSeq <= s.gone,
		!q.Since.IsZero() && e.left.unix < q.Since.Unix(),
		!q.Before.IsZero() && e.left.unix >= q.Before.Unix(),
		!q.Moved && (e.left.verb == verbMove || e.left.verb == verbMailboxRename):
		return
	}
	s.rows = append(s.rows, e)
}

// group is what went from a mailbox by one change. Groups come newest first, those
// of one change by mailbox, and in each the UIDs ascend.
type group struct {
	modSeq  mail.ModSeq
	mailbox mail.MailboxID
}

func (g group) before(o group) bool {
	return g.modSeq > o.modSeq || g.modSeq == o.modSeq && g.mailbox < o.mailbox
}

// source is where the rows of a group are.
type source uint8

const (
	inMemory  source = iota // what no checkpoint has written
	inIndex                 // expunged rows of the index
	inMailbox               // a deleted mailbox, which still has them
)

// head is the next group of a source.
type head struct {
	group
	source source
}

// heads is a heap, the newest first.
type heads []head

func (h heads) Len() int           { return len(h) }
func (h heads) Less(i, j int) bool { return h[i].before(h[j].group) }
func (h heads) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *heads) Push(x any)        { *h = append(*h, x.(head)) }
func (h *heads) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// history walks through what is gone from an account, the newest first. However
// much there is, a page costs what is on it: the notes of what was expunged when
// lead from one group of a mailbox to the one before.
type history struct {
	account *account
	sel     *selection
	after   group // where the page before ended, in that at uid
	uid     mail.UID
	boxes   []mail.MailboxID
	recent  map[group][]expungedRow
	heads   heads
}

// newest gives the newest rows of a query, as many as there is room for.
func (a *account) newest(ctx context.Context, q mail.ExpungedQuery, room int) (*selection, error) {
	w := &history{
		account: a, sel: &selection{q: q, room: room, look: undoLook, over: a.store.isOver},
		after: group{math.MaxUint64, 0}, recent: map[group][]expungedRow{},
	}
	if q.After != (mail.ExpungedMark{}) {
		w.after, w.uid = group{q.After.ModSeq, q.After.Place.Mailbox}, q.After.Place.UID
	}
	w.begin()
	err := a.index.read(func(tx *bolt.Tx) error {
		for _, id := range w.boxes {
			if err := w.push(tx, id, w.after.modSeq); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	heap.Init(&w.heads)
	for len(w.heads) > 0 && !w.sel.full() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := w.walk(ctx); err != nil {
			return nil, err
		}
	}
	return w.sel, nil
}

// begin finds what the index does not know. It comes before the index is asked,
// so that nothing slips through while a checkpoint moves it there.
func (w *history) begin() {
	a := w.account
	a.mu.RLock()
	defer a.mu.RUnlock()
	w.sel.gone = a.last.expired
	only := w.sel.q.Mailbox
	for _, o := range []*overlay{a.flushing, &a.dirty} {
		if o == nil {
			continue
		}
		for id, t := range o.rows {
			if only != 0 && only != id {
				continue
			}
			for r := range t.all() {
				if g := (group{r.modSeq, id}); r.gone() && !g.before(w.after) {
					w.recent[g] = append(w.recent[g], expungedRow{id, *r, o.left[r.modSeq]})
				}
			}
		}
	}
	for g := range w.recent {
		w.heads = append(w.heads, head{g, inMemory})
	}
	for id, m := range a.boxes {
		if only != 0 && only != id {
			continue
		}
		w.boxes = append(w.boxes, id)
		if g := (group{m.changed, id}); m.gone && m.total > 0 && !g.before(w.after) {
			w.heads = append(w.heads, head{g, inMailbox})
		}
	}
}

// push finds the newest group of a mailbox in the index, up to a ModSeq.
func (w *history) push(tx *bolt.Tx, id mail.MailboxID, until mail.ModSeq) error {
	if until == w.after.modSeq && id < w.after.mailbox {
		until-- // that was on the page before
	}
	if until > w.after.modSeq { // a mark that nobody gave
		return nil
	}
	c := tx.Bucket([]byte("changes")).Cursor()
	end := append(changesKey(id, expungedRows, until, math.MaxUint16), 0)
	k, _ := c.Seek(end)
	if k == nil {
		k, _ = c.Last()
	} else {
		k, _ = c.Prev()
	}
	if k == nil || !bytes.HasPrefix(k, end[:9]) {
		return nil
	}
	if len(k) != 19 {
		return fmt.Errorf("changes: %w", errIndex)
	}
	if seq := mail.ModSeq(binary.BigEndian.Uint64(k[9:])); seq > w.sel.gone {
		w.heads = append(w.heads, head{group{seq, id}, inIndex})
	}
	return nil
}

// walk offers the next group, and those of the index that follow it at once.
func (w *history) walk(ctx context.Context) error {
	switch next := w.heads[0]; next.source {
	case inMemory:
		heap.Pop(&w.heads)
		rows := w.recent[next.group]
		i, _ := slices.BinarySearchFunc(rows, w.first(next.group), func(e expungedRow, uid mail.UID) int { return int(int64(e.row.uid) - int64(uid)) })
		for _, e := range rows[i:] {
			if w.sel.full() {
				break
			}
			w.sel.offer(e)
		}
		return nil
	case inMailbox:
		heap.Pop(&w.heads)
		return w.deleted(ctx, next.group)
	}
	return w.account.index.read(func(tx *bolt.Tx) error {
		enough := w.sel.look - undoChunk
		for n := 0; n < undoChunk && len(w.heads) > 0 && w.heads[0].source == inIndex && w.sel.look > enough && !w.sel.full(); n++ {
			g := heap.Pop(&w.heads).(head).group
			if w.recent[g] == nil { // else a checkpoint goes on
				if err := w.indexed(tx, g); err != nil {
					return err
				}
			}
			before := len(w.heads)
			if err := w.push(tx, g.mailbox, g.modSeq-1); err != nil {
				return err
			}
			if len(w.heads) > before {
				heap.Fix(&w.heads, before)
			}
		}
		return nil
	})
}

// first is the UID at which a group goes on.
func (w *history) first(g group) mail.UID {
	if g == w.after {
		return max(w.uid, w.uid+1) // the highest has nothing behind it
	}
	return 1
}

// indexed offers a group of the index.
func (w *history) indexed(tx *bolt.Tx, g group) error {
	rows, first := tx.Bucket([]byte("expunged")).Cursor(), w.first(g)
	end := changesKey(g.mailbox, expungedRows, g.modSeq, math.MaxUint16)
	notes := tx.Bucket([]byte("changes")).Cursor()
	for k, v := notes.Seek(changesKey(g.mailbox, expungedRows, g.modSeq, 0)); k != nil && bytes.Compare(k, end) <= 0; k, v = notes.Next() {
		_, set, err := decodeChanges(v)
		if err != nil {
			return err
		}
		for _, uids := range set {
			if uids.Last < first {
				continue
			}
			last := expungedKey(g.mailbox, uids.Last)
			for k, v := rows.Seek(expungedKey(g.mailbox, max(first, uids.First))); k != nil && bytes.Compare(k, last) <= 0; k, v = rows.Next() {
				if w.sel.full() {
					return nil
				}
				r, left, err := decodeExpunged(v)
				if err != nil {
					return err
				}
				w.sel.offer(expungedRow{g.mailbox, r, left})
			}
		}
	}
	return nil
}

// deleted offers the messages of a deleted mailbox, which went with it.
func (w *history) deleted(ctx context.Context, g group) error {
	a := w.account
	unpin, err := a.pin(ctx, g.mailbox)
	if err != nil {
		return err
	}
	defer unpin()
	for next := w.first(g); ; {
		a.mu.RLock()
		m := a.boxes[g.mailbox]
		n := 0
		if m != nil && m.gone && m.changed == g.modSeq { // else it came back, or has expired
			for r := range m.rows.from(next) {
				if n == rowsAtOnce || w.sel.full() {
					break
				}
				e := *r
				e.modSeq = m.changed
				w.sel.offer(expungedRow{g.mailbox, e, leaving{m.goneTime.Unix(), verbMailboxDelete}})
				next = r.uid + 1
				n++
			}
		}
		a.mu.RUnlock()
		if n < rowsAtOnce || next == 0 {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}
