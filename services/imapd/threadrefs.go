package imapd

import (
	"cmp"
	"context"
	"slices"

	"github.com/sanduk-mail/sanduk/services/message"
)

// forest is REFERENCES at work (RFC 5256 §3, whose numbers of steps stand below).
type forest struct {
	byID map[message.IDHash]*container
	all  []*container
}

// byReferences threads messages, which stand in the mailbox's order.
func byReferences(ctx context.Context, list []threaded, by threadAlgorithm) ([]*container, error) {
	f := forest{byID: make(map[message.IDHash]*container, len(list))}
	if err := f.link(ctx, list); err != nil {
		return nil, err
	}
	threads := f.prune()
	f.sortChildren()
	if by == refs {
		sortByLatest(threads)
		return threads, nil
	}
	slices.SortFunc(threads, bySent) // (4)
	threads = mergeSubjects(threads)
	slices.SortFunc(threads, bySent) // (6)
	return threads, nil
}

func (f *forest) add(m *threaded) *container {
	c := &container{threaded: m, place: len(f.all)}
	f.all = append(f.all, c)
	return c
}

// link is (1): messages become children of those that they refer to.
func (f *forest) link(ctx context.Context, list []threaded) error {
	for i := range list {
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		m := &list[i]
		me := f.own(m)
		var last *container
		for _, id := range m.references {
			c := f.byID[id]
			if c == nil {
				c = f.add(nil)
				f.byID[id] = c
			}
			// (1)(A): never over a link that is there, never in a circle.
			if last != nil && c.parent == nil && !c.above(last) {
				c.parent = last
			}
			last = c
		}
		// (1)(B): what the message itself says of its parent is right, whatever the
		// references of others have said.
		me.parent = nil
		if last != nil && !me.above(last) {
			me.parent = last
		}
	}
	return nil
}

// own is the container of a message itself. One without an ID, or with one that
// an earlier message has, has one of its own that nobody knows.
func (f *forest) own(m *threaded) *container {
	if m.id == 0 {
		return f.add(m)
	}
	switch c := f.byID[m.id]; {
	case c == nil:
		c = f.add(m)
		f.byID[m.id] = c
		return c
	case c.threaded == nil:
		c.threaded = m
		return c
	}
	return f.add(m)
}

// above reports whether c is other or one of its ancestors; beyond maxThreadDepth
// that counts as so.
func (c *container) above(other *container) bool {
	for range maxThreadDepth {
		if other == nil {
			return false
		}
		if other == c {
			return true
		}
		other = other.parent
	}
	return true
}

// prune is (2) and (3): dummies without children go, others give their children
// to their parents; under the root only if it is a single one. It gives the
// threads.
func (f *forest) prune() []*container {
	var threads []*container
	for _, c := range f.leavesFirst() {
		if c.threaded == nil {
			switch {
			case len(c.children) == 0:
				continue
			case c.parent != nil, len(c.children) == 1:
				if c.parent == nil {
					threads = append(threads, c.children[0])
					c.children[0].parent = nil
					continue
				}
				for _, child := range c.children {
					child.parent = c.parent
				}
				c.parent.children = append(c.parent.children, c.children...)
				continue
			}
		}
		if c.parent == nil {
			threads = append(threads, c)
		} else {
			c.parent.children = append(c.parent.children, c)
		}
	}
	return threads
}

// leavesFirst lists all containers, each behind its children.
func (f *forest) leavesFirst() []*container {
	waits := make([]int, len(f.all)) // for so many children
	for _, c := range f.all {
		if c.parent != nil {
			waits[c.parent.place]++
		}
	}
	order := make([]*container, 0, len(f.all))
	for _, c := range f.all {
		for ; c != nil && waits[c.place] == 0; c = c.parent {
			waits[c.place]--
			order = append(order, c)
			if c.parent != nil {
				waits[c.parent.place]--
			}
		}
	}
	return order
}

// sortChildren puts all siblings below the root in order (6). Only a dummy under
// the root is sorted as another, its first child: that one has been then.
func (f *forest) sortChildren() {
	for _, c := range f.all {
		if len(c.children) > 1 {
			slices.SortFunc(c.children, bySent)
		}
	}
}

// mergeSubjects is (5): threads of the same base subject become one.
func mergeSubjects(threads []*container) []*container {
	table := make(map[string]*container)
	for _, t := range threads { // (5)(B)
		subject := t.first().subject
		if subject == "" {
			continue
		}
		other := table[subject]
		switch {
		case other == nil,
			other.threaded != nil && t.threaded == nil,
			other.threaded != nil && other.reply && !t.first().reply:
			table[subject] = t
		}
	}
	var made, grown []*container
	for _, t := range threads { // (5)(C)
		subject := t.first().subject
		other := table[subject]
		if subject == "" || other == t || t.merged {
			continue
		}
		t.merged = true
		switch {
		case other.threaded == nil && t.threaded == nil:
			other.children = append(other.children, t.children...)
		case other.threaded == nil, t.reply && !other.reply:
			other.children = append(other.children, t)
		default:
			other.merged = true
			other = &container{children: []*container{other, t}}
			table[subject] = other
			made = append(made, other)
		}
		grown = append(grown, other)
	}
	for i, c := range grown { // (6): all others have been sorted
		if i == 0 || grown[i-1] != c {
			slices.SortFunc(c.children, bySent)
		}
	}
	return append(slices.DeleteFunc(threads, func(t *container) bool { return t.merged }), made...)
}

// sortByLatest orders threads by what was received last in each.
func sortByLatest(threads []*container) {
	type dated struct {
		*container
		received int64
	}
	list := make([]dated, len(threads))
	for i, t := range threads {
		list[i] = dated{container: t}
		for stack := []*container{t}; len(stack) > 0; {
			c := stack[len(stack)-1]
			stack = append(stack[:len(stack)-1], c.children...)
			if c.threaded != nil {
				list[i].received = max(list[i].received, c.received)
			}
		}
	}
	slices.SortFunc(list, func(a, b dated) int {
		return cmp.Or(cmp.Compare(a.received, b.received), cmp.Compare(a.first().uid, b.first().uid))
	})
	for i := range list {
		threads[i] = list[i].container
	}
}
