package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// keepFeed is how long the feed tells of a change: more than the thirty days for
// which QRESYNC and JMAP are promised an answer.
const keepFeed = 35 * 24 * time.Hour

// trimFeed is how many more of the feed's old entries a checkpoint takes out
// than it writes new ones.
const trimFeed = 64

// feedEntry says what one change touched. It is never changed once it is made.
type feedEntry struct {
	modSeq mail.ModSeq
	time   int64 // Unix seconds
	// The numbers that the change would give first: what is below was there
	// before.
	firstEmail   uint32
	firstThread  uint32
	firstMailbox mail.MailboxID

	boxes   []mail.MailboxID // ascending
	flipped []mail.MailboxID // of boxes, those that went or came with all that is in them
	names   []string         // of subscriptions, sorted
	emails  mail.Set[uint32]
	threads mail.Set[uint32]
}

// tracker is a ledger that notes what a change does to it: who else would have to
// is every op there ever will be.
type tracker struct {
	ledger
	boxes   []trackedBox
	seen    map[mail.MailboxID]bool // boxes, when they are many
	names   []string
	feed    bool // emails and threads are wanted
	emails  []uint32
	threads []uint32

	// Room for what most changes touch.
	box1            [2]trackedBox
	email1, thread1 [4]uint32
}

// trackedBox is a mailbox and what it was before.
type trackedBox struct {
	id    mail.MailboxID
	box   *box // nil: it is new
	gone  bool
	usage mail.Usage
}

// feedKeeper is a ledger that keeps the feed.
type feedKeeper interface{ putFeed(feedEntry) }

func newTracker(l ledger) *tracker {
	t := &tracker{}
	t.begin(l)
	return t
}

// begin makes a tracker, used or new, one of l.
func (t *tracker) begin(l ledger) {
	_, feed := l.(feedKeeper)
	*t = tracker{ledger: l, feed: feed}
	t.boxes, t.emails, t.threads = t.box1[:0], t.email1[:0], t.thread1[:0]
}

func (t *tracker) box(id mail.MailboxID) *box {
	b := t.ledger.box(id)
	if b != nil && !t.tracks(id) {
		t.track(trackedBox{id: id, box: b, gone: b.gone, usage: b.usage()})
	}
	return b
}

func (t *tracker) addBox(b box) {
	t.ledger.addBox(b)
	t.track(trackedBox{id: b.id, box: t.ledger.box(b.id)})
}

// manyBoxes is from when on looking through a list takes longer than a map.
const manyBoxes = 16

func (t *tracker) tracks(id mail.MailboxID) bool {
	if t.seen != nil {
		return t.seen[id]
	}
	return slices.ContainsFunc(t.boxes, func(o trackedBox) bool { return o.id == id })
}

func (t *tracker) track(b trackedBox) {
	t.boxes = append(t.boxes, b)
	if t.seen == nil && len(t.boxes) >= manyBoxes {
		t.seen = map[mail.MailboxID]bool{}
		for _, o := range t.boxes {
			t.seen[o.id] = true
		}
	} else if t.seen != nil {
		t.seen[b.id] = true
	}
}

// dropBox lets a mailbox go of which it was told long ago that it is deleted.
func (t *tracker) dropBox(id mail.MailboxID) {
	t.ledger.dropBox(id)
	t.boxes = slices.DeleteFunc(t.boxes, func(b trackedBox) bool { return b.id == id && b.gone })
	delete(t.seen, id)
}

func (t *tracker) setSubscribed(name string, on bool) {
	t.ledger.setSubscribed(name, on)
	t.names = append(t.names, name)
}

func (t *tracker) putRow(mailbox mail.MailboxID, r row) {
	t.ledger.putRow(mailbox, r)
	t.touch(&r)
}

func (t *tracker) dropRow(mailbox mail.MailboxID, r row, at moment) {
	t.ledger.dropRow(mailbox, r, at)
	t.touch(&r)
}

func (t *tracker) touch(r *row) {
	if t.feed {
		t.emails, t.threads = append(t.emails, r.email), append(t.threads, r.thread)
	}
}

// finish counts the account's usage anew and tells the feed. before are the
// counters as they were.
func (t *tracker) finish(before *counters, seq mail.ModSeq, at moment) {
	c := t.counters()
	for i := range t.boxes {
		after := t.boxes[i].box.usage()
		c.usage.Messages += after.Messages - t.boxes[i].usage.Messages
		c.usage.Bytes += after.Bytes - t.boxes[i].usage.Bytes
	}
	keeper, ok := t.ledger.(feedKeeper)
	if !ok {
		return
	}
	e := feedEntry{
		modSeq: seq, time: at.time.Unix(), emails: numberSet(t.emails), threads: numberSet(t.threads),
		firstEmail: uint32(before.email) + 1, firstThread: uint32(before.thread) + 1, firstMailbox: before.mailbox + 1,
	}
	for i := range t.boxes {
		e.boxes = append(e.boxes, t.boxes[i].id)
		if t.boxes[i].box.gone != t.boxes[i].gone {
			e.flipped = append(e.flipped, t.boxes[i].id)
		}
	}
	slices.Sort(e.boxes)
	slices.Sort(e.flipped)
	slices.Sort(t.names)
	e.names = slices.Compact(t.names)
	keeper.putFeed(e)
}

// numberSet makes a set of numbers in any order, which it sorts in place.
func numberSet(numbers []uint32) mail.Set[uint32] {
	slices.Sort(numbers)
	var set mail.Set[uint32]
	for _, n := range numbers {
		set = set.Add(n)
	}
	return set
}

// usage is what the mailbox's messages take up; nothing when it was deleted.
func (b *box) usage() mail.Usage {
	if b.gone {
		return mail.Usage{}
	}
	return mail.Usage{Messages: int64(b.total), Bytes: b.size}
}

func feedKey(seq mail.ModSeq, part uint16) []byte {
	return binary.BigEndian.AppendUint16(key64(seq), part)
}

// part gives the nth maxRanges things of a list.
func part[T any](list []T, n int) []T {
	return list[min(n*maxRanges, len(list)):min((n+1)*maxRanges, len(list))]
}

// parts is how many values the entry takes in the index.
func (e *feedEntry) parts() int {
	longest := max(len(e.boxes), len(e.flipped), len(e.names), len(e.emails), len(e.threads))
	return max(1, (longest+maxRanges-1)/maxRanges)
}

// encode is the nth of the entry's values in the index.
func (e *feedEntry) encode(n int) []byte {
	p := *e
	p.boxes, p.flipped, p.names = part(e.boxes, n), part(e.flipped, n), part(e.names, n)
	p.emails, p.threads = part(e.emails, n), part(e.threads, n)
	var b encoder
	p.append(&b)
	return seal(b.b)
}

// append puts all of the entry but its ModSeq to b.
func (e *feedEntry) append(b *encoder) {
	b.int(e.time)
	b.uint(uint64(e.firstEmail))
	b.uint(uint64(e.firstThread))
	b.uint(uint64(e.firstMailbox))
	for _, list := range [][]mail.MailboxID{e.boxes, e.flipped} {
		b.uint(uint64(len(list)))
		for _, id := range list {
			b.uint(uint64(id))
		}
	}
	b.strings(e.names)
	b.set(numbersAs[mail.UID](e.emails))
	b.set(numbersAs[mail.UID](e.threads))
}

// numbersAs lends a set the type that the codec knows.
func numbersAs[M, N ~uint32](s mail.Set[N]) mail.Set[M] {
	as := make(mail.Set[M], len(s))
	for i, r := range s {
		as[i] = mail.Range[M]{First: M(r.First), Last: M(r.Last)}
	}
	return as
}

// add puts what one value in the index holds to the entry.
func (e *feedEntry) add(v []byte) error {
	v, err := unseal(v)
	if err != nil {
		return fmt.Errorf("feed: %w", err)
	}
	d := &decoder{b: v}
	e.take(d)
	if d.bad || len(d.b) != 0 {
		return fmt.Errorf("feed: %w", errIndex)
	}
	return nil
}

// take puts to the entry what append wrote.
func (e *feedEntry) take(d *decoder) {
	e.time = d.int()
	e.firstEmail, e.firstThread, e.firstMailbox = d.uint32(), d.uint32(), mail.MailboxID(d.uint())
	for _, list := range []*[]mail.MailboxID{&e.boxes, &e.flipped} {
		for range d.count() {
			*list = append(*list, mail.MailboxID(d.uint()))
		}
	}
	e.names = append(e.names, d.strings()...)
	e.emails = append(e.emails, numbersAs[uint32](d.set())...)
	e.threads = append(e.threads, numbersAs[uint32](d.set())...)
}

// writeFeed writes the feed, and takes out of it what is too old to be told.
func (w *flush) writeFeed(dirty *overlay) error {
	b := w.bucket("feed")
	for i := range dirty.feed {
		e := &dirty.feed[i]
		for n := range e.parts() {
			if err := b.Put(feedKey(e.modSeq, uint16(n)), e.encode(n)); err != nil {
				return err
			}
		}
	}
	return w.trimFeed(b, len(dirty.feed)+trimFeed)
}

// trimFeed takes out at most so many of the oldest entries: those that are over
// keepFeed old, or told of no more (see account.closeHole). What comes behind one that is young stays, whatever the clock
// said then.
func (w *flush) trimFeed(b *bolt.Bucket, most int) error {
	var old [][]byte
	c := b.Cursor()
	for k, v := c.First(); k != nil && len(old) < most; k, v = c.Next() {
		var e feedEntry
		if err := e.add(v); err != nil {
			return err
		}
		if e.time > w.time-int64(keepFeed/time.Second) && mail.ModSeq(binary.BigEndian.Uint64(k)) > w.floor {
			break
		}
		old = append(old, bytes.Clone(k))
	}
	for _, k := range old {
		if err := b.Delete(k); err != nil {
			return err
		}
		w.floor = max(w.floor, mail.ModSeq(binary.BigEndian.Uint64(k)))
	}
	return nil
}

// feedAfter reads entries of changes after since, until full says that it has
// enough with this one.
func (ix *index) feedAfter(since mail.ModSeq, full func(*feedEntry) bool) error {
	return ix.view(func(tx *bolt.Tx) error {
		var e feedEntry
		c := tx.Bucket([]byte("feed")).Cursor()
		for k, v := c.Seek(feedKey(since+1, 0)); k != nil; k, v = c.Next() {
			if len(k) != 10 {
				return fmt.Errorf("feed: %w", errIndex)
			}
			if seq := mail.ModSeq(binary.BigEndian.Uint64(k)); seq != e.modSeq {
				if e.modSeq != 0 && full(&e) {
					return nil
				}
				e = feedEntry{modSeq: seq}
			}
			if err := e.add(v); err != nil {
				return err
			}
		}
		if e.modSeq != 0 {
			full(&e)
		}
		return nil
	})
}

// The entries bucket: where every email stands.

func entryKey(email uint32, mailbox mail.MailboxID, uid mail.UID) []byte {
	b := binary.BigEndian.AppendUint64(key64(mail.EmailID(email)), uint64(mailbox))
	return binary.BigEndian.AppendUint32(b, uint32(uid))
}

// place is where one entry of an email stands.
type place struct {
	mailbox mail.MailboxID
	uid     mail.UID
}

// places reads where the email stands, deleted mailboxes included.
func places(tx *bolt.Tx, email uint32) (list []place, err error) {
	prefix := key64(mail.EmailID(email))
	c := tx.Bucket([]byte("entries")).Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		if len(k) != 20 {
			return nil, fmt.Errorf("entries: %w", errIndex)
		}
		list = append(list, place{mail.MailboxID(binary.BigEndian.Uint64(k[8:])), mail.UID(binary.BigEndian.Uint32(k[16:]))})
	}
	return list, nil
}
