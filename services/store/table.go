package store

import (
	"iter"
	"slices"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// chunkRows is how many rows stand together: taking one out moves at most these.
const chunkRows = 1024

// table holds rows by UID. The zero value is empty.
type table struct {
	chunks []*chunk
	count  int
	spare  *chunk // empty; for the next first one
}

// chunk is a run of rows, never empty.
type chunk struct {
	uids []mail.UID // of the rows: a search, or a list of all, reads only these
	rows []row
	// newest is at least the highest ModSeq of the rows, so that who looks for
	// changes passes over what has none.
	newest mail.ModSeq
}

// find gives the chunk in which uid is or belongs, and the place in it.
func (t *table) find(uid mail.UID) (c, i int, found bool) {
	// The chunk before the first one that begins behind uid.
	c, _ = slices.BinarySearchFunc(t.chunks, uid, func(c *chunk, uid mail.UID) int {
		if c.uids[0] <= uid {
			return -1
		}
		return 1
	})
	c = max(c-1, 0)
	if c == len(t.chunks) {
		return c, 0, false
	}
	i, found = slices.BinarySearch(t.chunks[c].uids, uid)
	return c, i, found
}

// get gives the row of a UID; nil if there is none. It is good until the next
// change of the table.
func (t *table) get(uid mail.UID) *row {
	if t == nil {
		return nil
	}
	if c, i, found := t.find(uid); found {
		return &t.chunks[c].rows[i]
	}
	return nil
}

// last is the highest UID; 0 when empty.
func (t *table) last() mail.UID {
	if len(t.chunks) == 0 {
		return 0
	}
	uids := t.chunks[len(t.chunks)-1].uids
	return uids[len(uids)-1]
}

// put adds the row, or replaces the one of its UID.
func (t *table) put(r row) {
	if r.uid > t.last() {
		t.push(r)
		return
	}
	c, i, found := t.find(r.uid)
	k := t.chunks[c]
	k.newest = max(k.newest, r.modSeq)
	if found {
		k.rows[i] = r
		return
	}
	t.count++
	k.rows, k.uids = slices.Insert(k.rows, i, r), slices.Insert(k.uids, i, r.uid)
	if len(k.rows) > chunkRows {
		half := len(k.rows) / 2
		right := &chunk{uids: slices.Clone(k.uids[half:]), rows: slices.Clone(k.rows[half:]), newest: k.newest}
		k.rows, k.uids = k.rows[:half], k.uids[:half]
		t.chunks = slices.Insert(t.chunks, c+1, right)
	}
}

// push adds a row behind all others.
func (t *table) push(r row) {
	t.count++
	n := len(t.chunks)
	if n == 0 || len(t.chunks[n-1].rows) >= chunkRows {
		c := t.spare
		if t.spare = nil; c == nil {
			c = &chunk{}
		}
		if n > 0 { // a mailbox this size will fill it
			c.rows, c.uids = make([]row, 0, chunkRows), make([]mail.UID, 0, chunkRows)
		}
		t.chunks = append(t.chunks, c)
		n++
	}
	c := t.chunks[n-1]
	c.rows, c.uids = append(c.rows, r), append(c.uids, r.uid)
	c.newest = max(c.newest, r.modSeq)
}

// clear takes out all rows. The memory of the first is kept for others.
func (t *table) clear() {
	if len(t.chunks) > 0 {
		t.spare = t.chunks[0]
		t.spare.rows, t.spare.uids, t.spare.newest = t.spare.rows[:0], t.spare.uids[:0], 0
		clear(t.chunks)
	}
	t.chunks, t.count = t.chunks[:0], 0
}

// remove takes the row of a UID out.
func (t *table) remove(uid mail.UID) {
	c, i, found := t.find(uid)
	if !found {
		return
	}
	t.count--
	k := t.chunks[c]
	k.rows, k.uids = slices.Delete(k.rows, i, i+1), slices.Delete(k.uids, i, i+1)
	if len(k.rows) == 0 {
		t.chunks = slices.Delete(t.chunks, c, c+1)
	}
}

// all walks the rows by UID.
func (t *table) all() iter.Seq[*row] { return t.from(0) }

// from walks the rows with this UID or a higher one.
func (t *table) from(uid mail.UID) iter.Seq[*row] {
	return func(yield func(*row) bool) {
		if t == nil || len(t.chunks) == 0 {
			return
		}
		c, i, _ := t.find(uid)
		for ; c < len(t.chunks); c++ {
			for ; i < len(t.chunks[c].rows); i++ {
				if !yield(&t.chunks[c].rows[i]) {
					return
				}
			}
			i = 0
		}
	}
}

// in walks the rows of the set.
func (t *table) in(set mail.UIDSet) iter.Seq[*row] {
	return func(yield func(*row) bool) {
		for _, want := range set {
			for r := range t.from(want.First) {
				if r.uid > want.Last {
					break
				}
				if !yield(r) {
					return
				}
			}
		}
	}
}

// after walks the rows that changed after since.
func (t *table) after(since mail.ModSeq) iter.Seq[*row] {
	return func(yield func(*row) bool) {
		for _, c := range t.chunks {
			if c.newest <= since {
				continue
			}
			for i := range c.rows {
				if c.rows[i].modSeq > since && !yield(&c.rows[i]) {
					return
				}
			}
		}
	}
}
