package store

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// everything is a change with one op of each kind.
func everything() change {
	set := mail.SetOf[mail.UID](1, 2, 3, 7, 1<<32-1)
	return change{
		{account: 1, modSeq: 2, ops: []op{
			createAccount{}, createMailbox{id: 3, validity: 4, boxKind: 1, role: 2, name: "Poštar/a"}, renameMailbox{3, "b"}, deleteMailbox{3},
			subscribe{"x", true}, subscribe{"x", false},
			&add{
				mailbox: 1, uid: 2, email: 3, thread: 4, body: journal.BodyRef{Segment: 5, Ordinal: 6}, bodySize: 7, prefix: []byte("p"),
				flags: mail.NewFlags(`\Seen`, "k"), when: -8, id: mail.ID{9}, keys: []threadKey{{1}, {2}},
			},
			setFlags{1, mail.NewFlags(`\Deleted`, "a", "b"), set}, copyTo{from: 1, to: 2, uids: set, first: 9}, remove{1, set}, expire{9, []mail.MailboxID{1, 300}}, removeAccount{},
			restoreAccount{}, annotate{3, notes()}, annotate{id: 4}, restoreMailbox{id: 3, validity: 5, role: 2, name: "c"},
			putBack{mailbox: 1, first: 9, entries: []putBackEntry{
				{email: 3, thread: 4, size: 5, flags: mail.NewFlags(`\Seen`, "k"), when: -8, id: mail.ID{9}}, {email: 1<<32 - 1},
			}},
			&add{mailbox: 1, uid: 2, email: 3, thread: 4, flags: mail.Flags{}, id: mail.ID{9}, grows: 300},
			putBack{mailbox: 1, first: 9, entries: []putBackEntry{{email: 3, marks: 127}, {email: 4}}},
		}},
		{account: 1<<32 - 1, modSeq: 1 << 60, ops: []op{deleteMailbox{1 << 50}}},
	}
}

// notes is something to write on a mailbox.
func notes() mail.Annotations {
	a, _ := mail.Annotations{}.With(mail.Annotation{Name: "/private/comment", Value: "mine"}, mail.Annotation{Name: "/shared/x", Value: "\x00"})
	return a
}

func TestChangeCodec(t *testing.T) {
	t.Parallel()
	want := everything()
	b := want.encode()
	got, err := decodeChange(b)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("decoded %+v, %v; want %+v", got, err, want)
	}
	for n := range b {
		if _, err := decodeChange(b[:n]); err == nil {
			t.Errorf("decoded a change cut off at %d of %d", n, len(b))
		}
	}
	if _, err := decodeChange(append(b, 0)); err == nil {
		t.Error("decoded a change with something behind it")
	}
	b[0]++
	if _, err := decodeChange(b); err == nil {
		t.Error("decoded a change of an unknown version")
	}
}

func FuzzDecodeChange(f *testing.F) {
	f.Add(everything().encode())
	f.Add([]byte{1, 1, 1, 1, 1, 9, 1, 0, 0, 1, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decodeChange(b)
		if err != nil {
			return
		}
		again, err := decodeChange(c.encode())
		if err != nil || !reflect.DeepEqual(c, again) {
			t.Errorf("%+v came back as %+v, %v", c, again, err)
		}
	})
}

// FuzzDecodeIndex feeds damaged values to what reads the index: no panic, and
// what passes its CRC by chance is still within bounds.
func FuzzDecodeIndex(f *testing.F) {
	f.Add((&box{id: 1, name: "INBOX", uidNext: 1}).encode())
	f.Add((&box{id: 1, name: "INBOX", gone: true, notes: notes()}).encode())
	f.Add(encodeChanges(1, mail.SetOf[mail.UID](1, 5)))
	f.Add(encodeExpunged(row{uid: 1}, leaving{1, verbExpunge}))
	f.Add(seal(make([]byte, rowBytes+8))) // as the first boxes wrote it
	f.Add((&feedEntry{modSeq: 3, boxes: []mail.MailboxID{1, 2}, names: []string{"x"}, emails: mail.SetOf[uint32](4, 5)}).encode(0))
	f.Add((&meta{version: schemaVersion, last: counters{modSeq: 9}}).encode(1))
	f.Fuzz(func(_ *testing.T, b []byte) {
		for _, v := range [][]byte{b, seal(bytes.Clone(b))} {
			_, _ = decodeBox(1, v)
			_, _ = decodeEmail(1, v)
			_, _ = decodeBlock(nil, v)
			_, _, _, _ = decodeThread(1, v)
			_, _, _ = decodeChanges(v)
			_, _ = decodeUpkeep(v)
			_, _, _ = decodeExpunged(v)
			_, _ = decodeMeta(1, v)
			_ = new(feedEntry).add(v)
		}
	})
}

func TestTable(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	tab, model := &table{}, map[mail.UID]row{}
	for i := range 30_000 {
		uid := mail.UID(1 + r.IntN(8000))
		if r.IntN(3) == 0 {
			tab.remove(uid)
			delete(model, uid)
			continue
		}
		w := row{uid: uid, modSeq: mail.ModSeq(i)}
		tab.put(w)
		model[uid] = w
	}
	if tab.count != len(model) {
		t.Errorf("count = %d; want %d", tab.count, len(model))
	}
	last := mail.UID(0)
	n := 0
	for w := range tab.all() {
		if w.uid <= last || *w != model[w.uid] {
			t.Fatalf("row %+v behind UID %d; want %+v", *w, last, model[w.uid])
		}
		last = w.uid
		n++
	}
	if n != len(model) || tab.last() != last {
		t.Errorf("walked %d rows up to %d; want %d up to %d", n, last, len(model), tab.last())
	}
	for uid := range mail.UID(8100) {
		want, ok := model[uid]
		if got := tab.get(uid); (got != nil) != ok || ok && *got != want {
			t.Fatalf("get(%d) = %v; want %v, %t", uid, got, want, ok)
		}
	}
	since, newer := mail.ModSeq(29_000), 0
	for range tab.after(since) {
		newer++
	}
	for _, w := range model {
		if w.modSeq > since {
			newer--
		}
	}
	if newer != 0 {
		t.Errorf("after(%d) differs by %d rows", since, newer)
	}
}

func TestPackTime(t *testing.T) {
	t.Parallel()
	for _, zone := range []*time.Location{
		time.UTC, time.FixedZone("", 5*3600+1800), time.FixedZone("", -12*3600), time.FixedZone("", 14*3600), time.FixedZone("", -1800),
	} {
		for _, at := range []time.Time{time.Unix(0, 0), time.Date(2026, 2, 3, 4, 5, 6, 789e6, time.UTC), time.Date(1901, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)} {
			at = at.In(zone)
			got := unpackTime(packTime(at))
			if !got.Equal(at) || got.Format(time.RFC3339Nano) != at.Format(time.RFC3339Nano) {
				t.Errorf("%v came back as %v", at, got)
			}
		}
	}
	far := time.Date(200_000, 1, 1, 0, 0, 0, 0, time.UTC)
	if got := unpackTime(packTime(far)); got.Year() < 9999 {
		t.Errorf("%v came back as %v", far, got)
	}
}
