package search

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"path"
	"strings"
	"syscall"
	"testing"

	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// expected are queries and what a scan of the mail as it is now finds.
type expected struct {
	query mail.Query
	want  mail.UIDSet
}

func (o *office) expected(queries ...mail.Query) (list []expected) {
	o.Helper()
	for _, q := range queries {
		want, err := o.box.Search(o.ctx, o.inbox.ID, q)
		o.ok(err)
		if len(want) == 0 {
			o.Fatalf("%#v finds nothing", q)
		}
		list = append(list, expected{q, want})
	}
	return list
}

func (o *office) finds(when string, list []expected) {
	o.Helper()
	for _, e := range list {
		got, err := o.ix.Search(o.ctx, anna, o.box, o.inbox.ID, e.query)
		o.ok(err)
		if got.String() != e.want.String() {
			o.Fatalf("%s: %#v found %s; want %s", when, e.query, got, e.want)
		}
	}
}

// wordy is a letter of many rare words.
func wordy(r *rand.Rand, i int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Subject: number%d\r\nX-Kind: k%d\r\n\r\n", i, i%7)
	for range 30 {
		fmt.Fprintf(&b, "w%s ", string(rune('a'+r.IntN(26)))+string(rune('a'+r.IntN(26)))+fmt.Sprint(r.IntN(40)))
	}
	return b.String()
}

// TestCrashMerge cuts the power at every step of a writing that makes five
// segments one and leaves out what was expunged, of a rebuild, and of the removal
// of an account: what is found there answers as a scan does, and goes on.
func TestCrashMerge(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	disk := crashfs.New()
	o.files = disk
	o.reopen()
	r := rand.New(rand.NewPCG(1, 1))
	const size = tierSmallest + 4 // of the second tier: a merge asks what there still is
	for n := range tierBase {
		if n == tierBase-1 {
			_, err := o.box.Expunge(o.ctx, o.inbox.ID, mail.SetOfRanges(mail.Range[mail.UID]{First: 100, Last: 140}, mail.Range[mail.UID]{First: 700, Last: 701}), false)
			o.ok(err)
		}
		for i := range size {
			o.append(wordy(r, n*size+i))
		}
		if n < tierBase-1 {
			o.update()
		}
	}
	if got := len(o.ix.accounts[anna].segments); got != tierBase-1 {
		t.Fatalf("%d segments before the merge; want %d", got, tierBase-1)
	}
	first := disk.Ops()
	o.update()
	if got := len(o.ix.accounts[anna].segments); got != 1 || o.indexed() != tierBase*size-43 {
		t.Fatalf("%d segments with %d messages after the merge; want 1 with %d", got, o.indexed(), tierBase*size-43)
	}
	o.ix.Rebuild(anna)
	o.update()
	last := disk.Ops()
	list := o.expected(mail.Body{Text: "waa1"}, mail.Header{Name: "Subject", Value: "ber7"}, mail.Header{Name: "X-Kind", Value: "k3"}, mail.Text{Text: "zz3"})
	points := 0
	for point := range crashfs.Points(first, last) {
		points++
		for _, chance := range []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(uint64(point))} {
			o.files = disk.Crash(point, chance)
			o.reopen()
			when := fmt.Sprintf("cut after step %d (%d to %d)", point, first, last)
			o.finds(when, list)
			if len(o.ix.damaged) > 0 || len(o.ix.queue.due) > 0 {
				t.Fatalf("%s: a damaged index", when)
			}
			o.update()
			o.finds(when+", mended", list)
			if n := o.segmentFiles(); n != 2*len(o.ix.accounts[anna].segments) {
				t.Fatalf("%s: %d files of %d segments", when, n, len(o.ix.accounts[anna].segments))
			}
		}
	}
	t.Logf("cut at %d places of %d steps", points, last-first)
}

// TestCrashDrop cuts the power while the index of a removed account goes.
func TestCrashDrop(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	disk := crashfs.New()
	o.files = disk
	o.reopen()
	o.append(small(1), small(2))
	o.update()
	first := disk.Ops()
	o.ok(o.store.RemoveAccount(o.ctx, anna))
	o.update()
	last := disk.Ops()
	o.ok(o.store.RestoreAccount(o.ctx, anna))
	var err error
	o.box, err = o.store.Account(o.ctx, anna)
	o.ok(err)
	list := o.expected(mail.Body{Text: "body1"})
	for point := first; point <= last; point++ {
		for _, chance := range []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(uint64(point))} {
			o.files = disk.Crash(point, chance)
			o.reopen()
			o.finds("dropped", list)
			o.update()
			o.finds("back", list)
			if o.indexed() != 2 {
				t.Fatalf("cut after step %d: %d messages are indexed; want 2", point, o.indexed())
			}
		}
	}
}

// TestLost takes files of the index away, or parts of them, or has them come from
// a later version: answers are right, people find what is new, and the index is
// made again.
func TestLost(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	disk := crashfs.New()
	o.files = disk
	o.reopen()
	for i := range 3 {
		o.append(small(2*i), small(2*i+1))
		o.update()
	}
	list := o.expected(mail.Body{Text: "body1"}, mail.Text{Text: "number"}, mail.Header{Name: "Subject", Value: "ber5"})
	ops := disk.Ops()
	for _, name := range o.fileNames() {
		intact := len(readAll(o, disk, name))
		for what, harm := range map[string]func(*crashfs.FS){
			"removed": func(fs *crashfs.FS) { o.ok(fs.Remove(name)) },
			"empty":   func(fs *crashfs.FS) { o.write(fs, name, nil) },
			"half":    func(fs *crashfs.FS) { o.write(fs, name, readAll(o, fs, name)[:intact/2]) },
			"other":   func(fs *crashfs.FS) { o.write(fs, name, readAll(o, fs, o.fileNames()[1])) },
			"newer":   func(fs *crashfs.FS) { o.write(fs, name, newer(readAll(o, fs, name))) },
			"large":   func(fs *crashfs.FS) { o.write(fs, name, make([]byte, maxManifest+10)) },
			"unread": func(fs *crashfs.FS) {
				fs.FaultRead(func(file string, _ int64) error {
					if file == name {
						return syscall.EIO
					}
					return nil
				})
			},
		} {
			o.files = disk.Crash(ops, crashfs.Everything())
			harm(o.files.(*crashfs.FS))
			o.reopen()
			when := path.Base(name) + " " + what
			o.finds(when, list)
			if a := o.query(Ask{Text: "body4"}); len(a.Hits) != 1 {
				t.Errorf("%s: a person finds %d messages; want 1", when, len(a.Hits))
			}
			o.ok(errors.Join(o.ix.update(anna, false), o.ix.update(anna, false)))
			o.finds(when+", mended", list)
			if got := o.indexed(); got != 6 {
				t.Errorf("%s: %d messages are indexed again; want 6", when, got)
			}
		}
	}
}

func readAll(o *office, fs *crashfs.FS, name string) []byte {
	o.Helper()
	f, err := fs.Open(name)
	o.ok(err)
	b := make([]byte, fs.Size(name))
	if len(b) > 0 {
		_, err = f.ReadAt(b, 0)
		o.ok(err)
	}
	return b
}

func (o *office) write(fs *crashfs.FS, name string, b []byte) {
	o.Helper()
	f, err := fs.Create(name)
	o.ok(err)
	_, err = f.Write(b)
	o.ok(err)
	o.ok(f.Sync())
}

// newer is a file that begins with a later version, checksum and all.
func newer(b []byte) []byte {
	if len(b) < 5 {
		return b
	}
	b[0] = 99
	binary.LittleEndian.PutUint32(b[len(b)-4:], crc32.Checksum(b[:len(b)-4], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// TestUnread has files that can't be read for a while: no answer is wrong, and the
// index is not thrown away for it.
func TestUnread(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	disk := crashfs.New()
	o.files = disk
	o.reopen()
	o.append(small(1), small(2))
	o.update()
	list := o.expected(mail.Body{Text: "body1"})
	disk.FaultRead(func(string, int64) error { return syscall.ENOMEM })
	o.reopen()
	for range 2 {
		o.finds("unread", list)
		if a := o.query(Ask{Text: "body1"}); len(a.Hits) != 1 {
			t.Errorf("a person finds %d messages; want 1", len(a.Hits))
		}
	}
	if err := o.ix.update(anna, false); err == nil {
		t.Error("an index that can't be read was brought up to date")
	}
	disk.FaultRead(nil)
	before := disk.Ops()
	o.finds("read again", list)
	o.update()
	if disk.Ops() != before || o.indexed() != 2 {
		t.Errorf("it was made again, in %d steps", disk.Ops()-before)
	}
}
