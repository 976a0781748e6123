package powercut

import (
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
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
	} {
		if got := mended(out); got != want {
			t.Errorf("mended(%q) = %t, want %t", out, got, want)
		}
	}
}
