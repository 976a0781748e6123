package imapd

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// threadText is what a THREAD response says of messages.
func threadText(t *testing.T, list []threaded, by threadAlgorithm) string {
	t.Helper()
	var threads []*container
	if by == orderedSubject {
		threads = bySubject(list)
	} else {
		var err error
		if threads, err = byReferences(t.Context(), list, by); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	s := &session{w: wire.NewWriter(&wire.Buffers{}, &out)}
	c := threading{search: search{byUID: true}}
	c.writeThreads(s, threads)
	_ = s.w.Flush() // into memory
	return strings.TrimSuffix(strings.TrimPrefix(out.String(), "* THREAD"), "\r\n")
}

// TestThreadCases: what RFC 5256 says of single cases.
func TestThreadCases(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		by   threadAlgorithm
		list []threaded
		want string
	}{
		{"nothing", references, nil, ""},
		{"a chain and a branch", references, []threaded{
			{uid: 1, id: 11}, {uid: 2, id: 12, references: []message.IDHash{11}}, {uid: 3, id: 13, references: []message.IDHash{11, 12}}, {uid: 4, id: 14, references: []message.IDHash{11, 12}}, {uid: 5, id: 15, references: []message.IDHash{11}},
		}, " (1 (2 (3)(4))(5))"},
		{"a dummy with two children", references, []threaded{{uid: 1, id: 11, references: []message.IDHash{9}}, {uid: 2, id: 12, references: []message.IDHash{9}}}, " ((1)(2))"},
		{"a dummy with one child", references, []threaded{{uid: 1, id: 11, references: []message.IDHash{8, 9}}}, " (1)"},
		{"a dummy in the middle", references, []threaded{{uid: 1, id: 11}, {uid: 2, id: 12, references: []message.IDHash{11, 9}}}, " (1 2)"},
		{"a circle", references, []threaded{{uid: 1, id: 11, references: []message.IDHash{12}}, {uid: 2, id: 12, references: []message.IDHash{11}}}, " (2 1)"},
		{"itself", references, []threaded{{uid: 1, id: 11, references: []message.IDHash{11}}}, " (1)"},
		{"the same ID twice", references, []threaded{{uid: 1, id: 11}, {uid: 2, id: 11}, {uid: 3, id: 13, references: []message.IDHash{11}}}, " (1 3)(2)"},
		{"a reply by its subject", references, []threaded{{uid: 1, sent: 5, subject: "A", reply: true}, {uid: 2, sent: 6, subject: "A"}}, " (2 1)"},
		{"two of a subject, and a reply", references, []threaded{{uid: 1, subject: "A"}, {uid: 2, subject: "A"}, {uid: 3, subject: "A", reply: true}}, " ((1)(2)(3))"},
		{"no subject", references, []threaded{{uid: 1}, {uid: 2}}, " (1)(2)"},
		{"subjects mean nothing", refs, []threaded{{uid: 1, subject: "A"}, {uid: 2, subject: "A", reply: true}}, " (1)(2)"},
		{"what came last stands last", refs, []threaded{{uid: 1, id: 11, received: 1}, {uid: 2, id: 12, received: 2}, {uid: 3, id: 13, received: 3, references: []message.IDHash{11}}}, " (2)(1 3)"},
		{"by subject", orderedSubject, []threaded{{uid: 1, sent: 9, subject: "B"}, {uid: 2, sent: 3, subject: "A"}, {uid: 3, sent: 4, subject: "B"}, {uid: 4, sent: 5, subject: "B"}, {uid: 5, sent: 2, subject: "A"}}, " (5 2)(3 (4)(1))"},
	} {
		if got := threadText(t, test.list, test.by); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// TestThreadRandom compares the three algorithms with plain ones on random
// mailboxes full of circles, lost messages and equal subjects.
func TestThreadRandom(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 5256))
	for range 3000 {
		n := 1 + r.IntN(12)
		list := make([]threaded, n)
		for i := range list {
			m := &list[i]
			m.uid, m.sent, m.received = mail.UID(i+1), int64(r.IntN(6)), int64(r.IntN(6))
			m.subject, m.reply = []string{"", "A", "B"}[r.IntN(3)], r.IntN(2) == 0
			m.id = message.IDHash(r.IntN(n + 3))
			for range r.IntN(5) {
				m.references = append(m.references, message.IDHash(1+r.IntN(n+3)))
			}
		}
		for _, by := range []threadAlgorithm{orderedSubject, references, refs} {
			if got, want := threadText(t, list, by), plainThreads(list, by); got != want {
				t.Fatalf("%s of %+v:\ngot  %q\nwant %q", by, list, got, want)
			}
		}
	}
}

// plainNode is a message of plainThreads; m is nil for one that is not there.
type plainNode struct {
	m    *threaded
	kids []*plainNode
}

func (n *plainNode) holds(other *plainNode) bool {
	return n == other || slices.ContainsFunc(n.kids, func(k *plainNode) bool { return k.holds(other) })
}

func (n *plainNode) key() *threaded {
	if n.m == nil {
		return n.kids[0].key()
	}
	return n.m
}

func (n *plainNode) latest() (at int64) {
	if n.m != nil {
		at = n.m.received
	}
	for _, k := range n.kids {
		at = max(at, k.latest())
	}
	return at
}

func (n *plainNode) sort() {
	for _, k := range n.kids {
		k.sort()
	}
	slices.SortFunc(n.kids, func(a, b *plainNode) int {
		return cmp.Or(cmp.Compare(a.key().sent, b.key().sent), cmp.Compare(a.key().uid, b.key().uid))
	})
}

func (n *plainNode) String() string {
	text := ""
	if n.m != nil {
		text = fmt.Sprint(n.m.uid)
	}
	if len(n.kids) == 1 && n.m != nil {
		return text + " " + n.kids[0].String()
	}
	for i, k := range n.kids {
		if i == 0 && n.m != nil {
			text += " "
		}
		text += "(" + k.String() + ")"
	}
	return text
}

// plainThreads does what RFC 5256 says step by step on lists of children, with no
// thought of what it costs.
func plainThreads(list []threaded, by threadAlgorithm) string {
	root := &plainNode{}
	if by == orderedSubject {
		for _, subject := range []string{"", "A", "B"} {
			same := &plainNode{}
			for i := range list {
				if list[i].subject == subject {
					same.kids = append(same.kids, &plainNode{m: &list[i]})
				}
			}
			if same.sort(); len(same.kids) > 0 {
				first := same.kids[0]
				first.kids = same.kids[1:]
				root.kids = append(root.kids, first)
			}
		}
		root.sort()
	} else {
		root = plainLinks(list)
		plainPrune(root, true)
		root.sort()
	}
	switch by {
	case references:
		plainSubjects(root)
		root.sort()
	case refs:
		slices.SortFunc(root.kids, func(a, b *plainNode) int {
			return cmp.Or(cmp.Compare(a.latest(), b.latest()), cmp.Compare(a.key().uid, b.key().uid))
		})
	}
	text := ""
	for _, k := range root.kids {
		text += "(" + k.String() + ")"
	}
	if text != "" {
		text = " " + text
	}
	return text
}

func plainLinks(list []threaded) *plainNode {
	nodes := map[message.IDHash]*plainNode{}
	parents := map[*plainNode]*plainNode{}
	var order []*plainNode
	node := func(id message.IDHash) *plainNode {
		if nodes[id] == nil {
			nodes[id] = &plainNode{}
			order = append(order, nodes[id])
		}
		return nodes[id]
	}
	link := func(parent, kid *plainNode) {
		if old := parents[kid]; old != nil {
			old.kids = slices.DeleteFunc(old.kids, func(k *plainNode) bool { return k == kid })
			delete(parents, kid)
		}
		if parent != nil && !kid.holds(parent) {
			parents[kid] = parent
			parent.kids = append(parent.kids, kid)
		}
	}
	for i := range list {
		m := &list[i]
		var me *plainNode
		if m.id == 0 || nodes[m.id] != nil && nodes[m.id].m != nil {
			me = &plainNode{}
			order = append(order, me)
		} else {
			me = node(m.id)
		}
		me.m = m
		var last *plainNode
		for _, id := range m.references {
			n := node(id)
			if last != nil && parents[n] == nil {
				link(last, n)
			}
			last = n
		}
		link(last, me)
	}
	root := &plainNode{}
	for _, n := range order {
		if parents[n] == nil {
			root.kids = append(root.kids, n)
		}
	}
	return root
}

func plainPrune(n *plainNode, isRoot bool) {
	var kids []*plainNode
	for _, k := range n.kids {
		plainPrune(k, false)
		if k.m == nil && (len(k.kids) <= 1 || !isRoot) {
			kids = append(kids, k.kids...)
		} else {
			kids = append(kids, k)
		}
	}
	n.kids = kids
}

func plainSubjects(root *plainNode) {
	table := map[string]*plainNode{}
	for _, k := range root.kids {
		subject := k.key().subject
		if subject == "" {
			continue
		}
		if in := table[subject]; in == nil || in.m != nil && (k.m == nil || in.m.reply && !k.m.reply) {
			table[subject] = k
		}
	}
	for _, k := range slices.Clone(root.kids) {
		subject := k.key().subject
		in := table[subject]
		if subject == "" || in == k || !slices.Contains(root.kids, k) {
			continue
		}
		root.kids = slices.DeleteFunc(root.kids, func(other *plainNode) bool { return other == k })
		switch {
		case in.m == nil && k.m == nil:
			in.kids = append(in.kids, k.kids...)
		case in.m == nil:
			in.kids = append(in.kids, k)
		case k.m.reply && !in.m.reply:
			in.kids = append(in.kids, k)
		default:
			root.kids = slices.DeleteFunc(root.kids, func(other *plainNode) bool { return other == in })
			table[subject] = &plainNode{kids: []*plainNode{in, k}}
			root.kids = append(root.kids, table[subject])
		}
	}
}

// TestThreadHostile: chains and circles of many messages take no more than their
// share of time, whichever way round they come.
func TestThreadHostile(t *testing.T) {
	t.Parallel()
	const n = 30_000
	chain := func(parent func(i int) int) []threaded {
		list := make([]threaded, n)
		for i := range list {
			list[i] = threaded{uid: mail.UID(i + 1), id: message.IDHash(i + 1), references: []message.IDHash{message.IDHash(parent(i) + 1)}}
		}
		return list
	}
	began := time.Now()
	for _, list := range [][]threaded{
		chain(func(i int) int { return (i + 1) % n }),
		chain(func(i int) int { return (i + n - 1) % n }),
		chain(func(i int) int { return i ^ 1 }),
	} {
		if got := strings.Count(threadText(t, list, references), "("); got == 0 {
			t.Error("no threads")
		}
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}
