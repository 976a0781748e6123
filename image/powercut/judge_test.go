package powercut

import (
	"encoding/binary"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// TestModel holds that the model itself sees what it is there to see: an oracle that is always content is worth nothing.
func TestModel(t *testing.T) {
	t.Parallel()
	var moves int64
	h := newHistory(map[string]account{"alice": {}}, func() int64 { return moves })
	do := func(o operation, uids ...uint32) *record {
		o.account = "alice"
		moves++
		r := h.ask(o)
		moves++
		h.answer(r, uids)
		return r
	}
	do(operation{kind: deliver, mailbox: inbox, names: []string{"d1"}})
	do(operation{kind: learn, mailbox: inbox, names: []string{"d1"}}, 1)
	do(operation{kind: add, mailbox: "Sent", names: []string{"a1"}, flags: []string{`\Seen`}}, 1)
	before := moves
	do(operation{kind: flag, mailbox: "Sent", names: []string{"a1"}, mode: "+", flags: []string{`\Flagged`}})
	do(operation{kind: copied, mailbox: "Sent", to: "Archive", names: []string{"a1"}}, 7)
	do(operation{kind: moved, mailbox: inbox, to: "Archive", names: []string{"d1"}}, 8)
	do(operation{kind: expunge, mailbox: "Sent", names: []string{"a1"}})

	want := account{{"Archive", "a1"}: {7, `\Flagged \Seen`}, {"Archive", "d1"}: {8, ""}}
	if got := h.account("alice"); !maps.Equal(got, want) {
		t.Fatalf("the account holds %v, want %v", got, want)
	}
	early := account{{inbox, "d1"}: {1, ""}, {"Sent", "a1"}: {1, `\Seen`}}
	if got := h.at(before)["alice"].states[0]; !maps.Equal(got, early) {
		t.Errorf("at move %d the account holds %v, want %v", before, got, early)
	}

	h.ask(operation{kind: deliver, account: "alice", mailbox: inbox, names: []string{"d2"}})
	h.ask(operation{kind: moved, account: "alice", mailbox: "Archive", to: "Sent", names: []string{"a1", "d1"}})
	archived := []found{{mailbox: "Archive", validity: 1, uid: 7, name: "a1", flags: `\Flagged \Seen`}, {mailbox: "Archive", validity: 1, uid: 8, name: "d1"}}
	sent := []found{{mailbox: "Sent", validity: 1, uid: 9, name: "a1", flags: `\Flagged \Seen`}, {mailbox: "Sent", validity: 1, uid: 10, name: "d1"}}
	with := func(list []found, change func([]found) []found) []found { return change(slices.Clone(list)) }
	for _, tt := range []struct {
		name string
		got  []found
		want []fault
	}{
		{"the move did not happen", archived, nil},
		{"the move happened", sent, nil},
		{"the delivery happened", append(slices.Clone(archived), found{mailbox: inbox, validity: 1, uid: 5, name: "d2"}), nil},
		{"half the move happened", []found{sent[0], archived[1]}, []fault{risen, lost}},
		{"lost", archived[:1], []fault{lost}},
		{"all lost", nil, []fault{lost, lost}},
		{"expunged is back", append(slices.Clone(archived), found{mailbox: inbox, validity: 1, uid: 1, name: "d1"}), []fault{risen}},
		{"twice", append(slices.Clone(archived), archived[0]), []fault{twice}},
		{"flags", with(archived, func(l []found) []found { l[0].flags = `\Seen`; return l }), []fault{unflag}},
		{"UID", with(archived, func(l []found) []found { l[0].uid = 6; return l }), []fault{wrongUID}},
		{"torn", with(archived, func(l []found) []found { l[1].why = "zeros"; return l }), []fault{torn}},
	} {
		var faults []fault
		for _, p := range h.final()["alice"].compare("alice", tt.got) {
			faults = append(faults, p.fault)
		}
		slices.Sort(faults)
		slices.Sort(tt.want)
		if !slices.Equal(faults, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, faults, tt.want)
		}
	}
	if len(h.problems) != 0 {
		t.Errorf("problems %v, want none", h.problems)
	}
	file := filepath.Join(t.TempDir(), historyFile)
	if err := h.save(file, 7); err != nil {
		t.Fatal(err)
	}
	again, seed, err := loadHistory(file)
	if err != nil || seed != 7 {
		t.Fatalf("loadHistory: seed %d, %v, want 7", seed, err)
	}
	if got := again.at(moves)["bob"]; len(got.states) != 1 {
		t.Errorf("who was asked nothing has the states %v", got.states)
	}
	if got, want := again.at(moves)["alice"], h.at(moves)["alice"]; !reflect.DeepEqual(got, want) {
		t.Errorf("after saving and loading %v is expected, want %v", got, want)
	}
	do(operation{kind: add, mailbox: "Archive", names: []string{"a2"}}, 8)
	if len(h.problems) != 1 || h.problems[0].fault != wrongUID {
		t.Errorf("problems %v, want that a UID was given out again", h.problems)
	}
}

// TestMended holds that what e2fsck says when it repairs something does not pass for a replay.
func TestMended(t *testing.T) {
	t.Parallel()
	for out, want := range map[string]bool{
		"sanduk-data: recovering journal\nsanduk-data: clean, 38/40960 files, 20969/655099 blocks\n":        false,
		"sanduk-data: recovering journal\nsanduk-data: Clearing orphaned inode 13 (uid=0, gid=0, size=0)\n": false,
		"sanduk-data: recovering journal\nsanduk-data: Journal transaction 63 was corrupt, replay was aborted.\n" +
			"sanduk-data contains a file system with errors, check forced.\nsanduk-data: 38/40960 files (5.3% non-contiguous), 20969/655099 blocks\n": false,
		"sanduk-data contains a file system with errors, check forced.\nsanduk-data: Inode 12, i_blocks is 8, should be 0.  FIXED.\n": true,
		"sanduk-data: Superblock has an invalid journal (inode 8).\n":                                                                 true,
		"sanduk-data: Journal transaction 3034 was corrupt, replay was aborted.\nsanduk-data contains a file system with errors, check forced.\n" +
			"sanduk-data: Inode 372 extent tree (at level 1) could be shorter.  IGNORED.\nsanduk-data: 382/40960 files (8.6% non-contiguous), 46618/655099 blocks\n": false,
	} {
		if got := mended(out); got != want {
			t.Errorf("mended(%q) = %t, want %t", out, got, want)
		}
	}
}

// TestOtherViews holds that POP3 and undo are compared, and not only asked.
func TestOtherViews(t *testing.T) {
	t.Parallel()
	all := []found{{mailbox: inbox, uid: 1, name: "d1"}, {mailbox: "Sent", uid: 1, name: "a1"}, {mailbox: inbox, uid: 4, name: "d2"}}
	pop := []found{{mailbox: inbox, name: "d1"}, {mailbox: inbox, name: "d2"}}
	for _, tt := range []struct {
		name string
		pop  []found
		want string
	}{
		{"the same", pop, "none"},
		{"one less", pop[:1], "1 lost"},
		{"another order", []found{pop[1], pop[0]}, "2 lost"},
		{"torn", []found{pop[0], {mailbox: inbox, name: "d2", why: "zeros"}}, "1 torn"},
	} {
		if got := tally(comparePOP("alice", tt.pop, all)); got != tt.want {
			t.Errorf("POP3, %s: %s, want %s", tt.name, got, tt.want)
		}
	}

	h := newHistory(map[string]account{"alice": {}}, func() int64 { return 1 })
	for _, o := range []operation{
		{kind: add, account: "alice", mailbox: "Sent", names: []string{"a1", "a2"}},
		{kind: expunge, account: "alice", mailbox: "Sent", names: []string{"a2"}},
	} {
		var uids []uint32
		if o.kind == add {
			uids = []uint32{7, 8}
		}
		h.answer(h.ask(o), uids)
	}
	h.ask(operation{kind: expunge, account: "alice", mailbox: "Sent", names: []string{"a1"}}) // and not answered
	removals := h.removalsAt(1)
	if len(removals) != 1 || removals[0].uid != 8 || removals[0].place != (place{"Sent", "a2"}) {
		t.Fatalf("removed are %v, want a2 in Sent, UID 8", removals)
	}
	if list := h.removalsAt(0); len(list) != 0 {
		t.Errorf("before the first move %v is removed, want nothing", list)
	}
	at := removals[0].at
	if got := due(removals, at.Add(time.Minute), time.Hour); len(got) != 1 {
		t.Error("a minute after it was expunged, with a retention of an hour, a letter need not be there")
	}
	if got := due(removals, at.Add(time.Hour), time.Hour); len(got) != 0 {
		t.Error("when the retention is over, a letter must still be there")
	}
	for _, tt := range []struct {
		name   string
		listed map[undoKey]string
		want   string
	}{
		{"listed", map[undoKey]string{{"Sent", 8}: "a2"}, "none"},
		{"not listed", map[undoKey]string{{"Sent", 7}: "a2"}, "1 lost"},
		{"another letter", map[undoKey]string{{"Sent", 8}: "a1"}, "1 torn"},
	} {
		if got := tally(compareUndo(removals, tt.listed)); got != tt.want {
			t.Errorf("undo, %s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestLeftover holds that what a compaction, a sweep or a writing of the search index leaves half done is seen.
func TestLeftover(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	see := func(want ...phase) {
		t.Helper()
		got, err := leftover(dir)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("leftover: %v, %v, want %v", got, err, want)
		}
	}
	put := func(name string, data []byte) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mark := func(expired, swept uint64) {
		t.Helper()
		put("accounts/2/index.db", nil)
		db, err := bolt.Open(filepath.Join(dir, "accounts/2/index.db"), 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bolt.Tx) error {
			meta, err := tx.CreateBucketIfNotExists([]byte("meta"))
			return errors.Join(err, meta.Put([]byte("expired"), binary.AppendUvarint(nil, expired)), meta.Put([]byte("swept"), binary.AppendUvarint(nil, swept)))
		})
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	put("log/00000001.seg", nil)
	manifest := binary.AppendUvarint([]byte{3}, 100)
	manifest = binary.AppendUvarint(binary.AppendUvarint(manifest, 3), 1)
	manifest = append(binary.AppendUvarint(manifest, 2), "saltsalt\x05sum."...)
	put("search/a2/manifest", manifest)
	put("search/a2/00000002.words", nil)
	mark(300, 300)
	see()
	put("search/a2/00000003.words", nil)
	see(indexing)
	mark(300, 200)
	see(expiring, indexing)
	put("log/00000001.seg.new", nil)
	see(compacting, expiring, indexing)
	put("accounts/2/index.db.building", nil)
	see(shrinking, compacting, expiring, indexing)
}

// TestStall holds that only what the kernel says of a processor that stood still excuses a start.
func TestStall(t *testing.T) {
	t.Parallel()
	const before, after = "[    1.0] rcu: Hierarchical RCU implementation.\nsanduk: state starting\n", "\nsanduk: state running\n"
	for _, line := range []string{
		"[  131.5] watchdog: BUG: soft lockup - CPU#0 stuck for 104s! [maild:312]",
		"[   61.0] rcu: INFO: rcu_preempt self-detected stall on CPU",
		"[   61.0] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
	} {
		if got := stall(before + line + after); got != line {
			t.Errorf("of a serial log with %q: %q", line, got)
		}
	}
	for _, line := range []string{"sanduk: recovery: the log can't be opened", "[    0.1] rcu: RCU calculated value of scheduler-enlistment delay is 25 jiffies.", "maild: stalled"} {
		if got := stall(before + line + after); got != "" {
			t.Errorf("a serial log with %q: %q; want no stall", line, got)
		}
	}
}
