package search

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/search/corpus"
)

// TestSame compares searches with the index with scans: on messages that are all
// indexed, in one segment and in several, partly indexed, and not at all.
func TestSame(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	r := rand.New(rand.NewPCG(1, 1))
	texts := odd()
	for i := range 12 {
		texts = append(texts, string(corpus.New(1).Message(i)))
	}
	queries := func(n int) {
		t.Helper()
		pieces := needles(r, texts, 200)
		for range n {
			o.same(queryOf(r, pieces))
		}
	}
	o.append(texts[:5]...)
	queries(20) // no index
	o.update()
	queries(100)
	for i := 5; i < len(texts); i += 3 {
		o.append(texts[i:min(len(texts), i+3)]...)
		queries(10) // a tail that isn't indexed
		o.update()
		queries(10)
	}
	queries(250)
	if n := len(o.ix.accounts[anna].segments); n < 2 || n > 3 {
		t.Errorf("%d segments after 6 updates; want the first four as one, and 2 more", n)
	}
	if _, err := o.box.Expunge(o.ctx, o.inbox.ID, mail.SetOf[mail.UID](3, 5, 30), false); err != nil {
		t.Fatal(err)
	}
	queries(40)
	o.reopen()
	queries(40)
}

// TestCrash cuts the power at every step of indexing, and of merging, and looks
// whether the index that is found there answers as a scan does, and goes on.
func TestCrash(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	disk := crashfs.New()
	o.files = disk
	o.reopen()
	queries := []mail.Query{mail.Body{Text: "body1"}, mail.Header{Name: "Subject", Value: "ber3"}, mail.Text{Text: "number"}}
	for i := range 6 {
		o.append(small(i))
		o.update()
	}
	points := disk.Ops()
	for point := range crashfs.Points(0, points) {
		for _, chance := range []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(uint64(point))} {
			o.files = disk.Crash(point, chance)
			o.reopen()
			for _, q := range queries {
				o.same(q)
			}
			if len(o.ix.damaged) > 0 || len(o.ix.queue.due) > 0 {
				t.Fatalf("a crash after step %d of %d left a damaged index", point, points)
			}
			o.update()
			for _, q := range queries {
				o.same(q)
			}
			if n, files := o.indexed(), o.segmentFiles(); n != 6 || files != 2*len(o.ix.accounts[anna].segments) {
				t.Fatalf("a crash after step %d of %d: then %d messages are indexed in %d files of %d segments; want 6 in two each",
					point, points, n, files, len(o.ix.accounts[anna].segments))
			}
		}
	}
}

// TestFaults makes each step fail once: the index is as before, searches are
// right, and the next time works.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, fault := range []error{syscall.EIO, syscall.ENOSPC} {
		for step := 0; ; step++ {
			o := newOffice(t)
			disk := crashfs.New()
			o.files = disk
			o.reopen()
			o.append(small(1), small(2))
			n, failed := 0, false
			disk.Fault(func(op crashfs.Op) error {
				if n++; n == step+1 {
					failed = true
					return fault
				}
				return nil
			})
			err := o.ix.update(anna, false)
			disk.Fault(nil)
			if !failed {
				break
			}
			o.same(mail.Body{Text: "body2"})
			o.reopen() // a sync that has failed goes on failing until then
			o.update()
			if got := o.indexed(); got != 2 {
				t.Errorf("after %v at step %d (%v), %d messages are indexed; want 2", fault, step, err, got)
			}
			o.same(mail.Body{Text: "body2"})
		}
	}
}

// TestDamage flips bits all over the files: an answer is right, whatever is
// found, and the index is made again.
func TestDamage(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	disk := crashfs.New()
	o.files = disk
	o.reopen()
	o.append(odd()...)
	o.update()
	queries := []mail.Query{mail.Body{Text: "thank"}, mail.Text{Text: "one"}, mail.Header{Name: "X-A", Value: "o"}, mail.Body{Text: "you thank"}, mail.Body{Text: "words"}}
	ops := disk.Ops()
	noticed := 0
	for _, name := range o.fileNames() {
		info, err := disk.Stat(name)
		o.ok(err)
		for at := int64(0); at < info.Size(); at += 1 + info.Size()/60 {
			damaged := disk.Crash(ops, crashfs.Everything())
			damaged.Flip(name, at)
			o.files = damaged
			o.reopen()
			for _, q := range queries {
				o.same(q)
			}
			if len(o.ix.damaged)+len(o.ix.queue.due) > 0 {
				noticed++
				o.update()
				if got := o.indexed(); got != len(odd()) {
					t.Fatalf("%s, byte %d: %d messages are indexed again; want %d", name, at, got, len(odd()))
				}
				for _, q := range queries {
					o.same(q)
				}
			}
		}
	}
	if noticed < 30 {
		t.Errorf("only %d damages were noticed", noticed)
	}
}

// TestManyAccounts holds that the index of an office keeps few files and little
// memory, whoever searches.
func TestManyAccounts(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	const people = 60
	for id := mail.AccountID(2); id <= people; id++ {
		o.ok(o.store.CreateAccount(o.ctx, id))
		box, err := o.store.Account(o.ctx, id)
		o.ok(err)
		o.box = box
		o.append(small(int(id)))
		o.ok(o.ix.update(id, false))
		a, err := o.ix.Query(o.ctx, id, box, Ask{Text: fmt.Sprintf("body%d", id)})
		o.ok(err)
		if len(a.Hits) != 1 || a.Partial {
			t.Errorf("account %s: %+v; want its own message", id, a)
		}
	}
	open := 0
	for _, a := range o.ix.accounts {
		if a.open {
			open++
		}
	}
	if open > maxOpen+1 || len(o.ix.accounts) != people-1 {
		t.Errorf("%d of %d accounts are open; want at most %d", open, len(o.ix.accounts), maxOpen)
	}
}
