package mail

import (
	"slices"
	"testing"
	"time"
)

func TestID(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1_790_000_000_123)
	id, later := NewID(at), NewID(at.Add(time.Millisecond))
	if got, err := ParseID(id.String()); err != nil || got != id {
		t.Errorf("ParseID(%q) = %v, %v; want the same again", id, got, err)
	}
	if !id.Time().Equal(at) {
		t.Errorf("Time() = %v; want %v", id.Time(), at)
	}
	if id.String() >= later.String() {
		t.Errorf("%q is not before %q, which is a millisecond younger", id, later)
	}
	for _, bad := range []string{"", "x", id.String() + "0", "ILOU" + id.String()[4:]} {
		if _, err := ParseID(bad); err == nil {
			t.Errorf("ParseID(%q) succeeded", bad)
		}
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	s := SetOf[UID](9, 1, 2, 3, 3, 7, 8)
	if got, want := s.String(), "1:3,7:9"; got != want {
		t.Errorf("String() = %q; want %q", got, want)
	}
	if got, want := slices.Collect(s.All()), []UID{1, 2, 3, 7, 8, 9}; !slices.Equal(got, want) {
		t.Errorf("All() = %v; want %v", got, want)
	}
	for uid := range UID(11) {
		if got, want := s.Contains(uid), slices.Contains([]UID{1, 2, 3, 7, 8, 9}, uid); got != want {
			t.Errorf("Contains(%d) = %v; want %v", uid, got, want)
		}
	}
	if got := s.Len(); got != 6 {
		t.Errorf("Len() = %d; want 6", got)
	}
	const last = ^UID(0)
	top := SetOfRanges(Range[UID]{last - 1, last}, Range[UID]{5, last - 2}, Range[UID]{1, 1})
	if got, want := top.String(), "1,5:4294967295"; got != want {
		t.Errorf("String() = %q; want %q", got, want)
	}
	if got := SetOfRanges(Range[UID]{last, last}, Range[UID]{last, last}); len(got) != 1 || len(slices.Collect(got.All())) != 1 {
		t.Errorf("the highest number twice became %v", got)
	}
	if got := SetOf[UID](4).Add(5).Add(7).String(); got != "4:5,7" {
		t.Errorf("Add: got %q; want 4:5,7", got)
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	f := NewFlags(`\seen`, "$Work", "apple", `\Recent`, "APPLE", `\Deleted`)
	if got, want := f.Names(), []string{`\Seen`, `\Deleted`, "$Work", "apple"}; !slices.Equal(got, want) {
		t.Errorf("Names() = %q; want %q", got, want)
	}
	if !f.Has(Seen|Deleted) || f.Has(Seen|Draft) || !f.HasKeyword("$work") {
		t.Error("Has or HasKeyword is wrong")
	}
	for _, test := range []struct {
		op   FlagOp
		want Flags
	}{
		{FlagsReplace, NewFlags(`\Draft`, "Apple")},
		{FlagsAdd, NewFlags(`\Seen`, `\Deleted`, `\Draft`, "$Work", "apple")},
		{FlagsRemove, NewFlags(`\Seen`, `\Deleted`, "$Work")},
	} {
		if got := test.op.Apply(f, NewFlags(`\Draft`, "Apple")); !got.Equal(test.want) {
			t.Errorf("op %d: got %q; want %q", test.op, got.Names(), test.want.Names())
		}
	}
	if got, want := f.Names(), []string{`\Seen`, `\Deleted`, "$Work", "apple"}; !slices.Equal(got, want) {
		t.Errorf("an operation changed its operand: %q", got)
	}
}
