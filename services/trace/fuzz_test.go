package trace

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
)

func FuzzStep(f *testing.F) {
	for _, s := range letter(noon, "a@example.test", "b@example.test", "x", 1) {
		f.Add(s.encode())
	}
	many := Step{At: noon, What: "messages fetched", Pairs: []Pair{{"account", "a@example.test"}}, Of: []mail.Traced{{ID: mail.NewID(noon), UID: 7}, {ID: mail.NewID(noon)}}}
	f.Add(many.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decode(b)
		if err != nil {
			return
		}
		s.tokens()
		whole([]placed{{Step: s}, {Step: Step{ID: s.ID, At: s.At, Pairs: s.Pairs}}})
		if len(s.Of) > maxOf {
			t.Errorf("a step of %d messages", len(s.Of))
		}
		again, err := decode(s.encode())
		if err != nil {
			t.Fatalf("what was read can't be written: %v", err)
		}
		if !slices.Equal(again.Of, s.Of) {
			t.Errorf("messages %v are read back as %v", s.Of, again.Of)
		}
		if again.What != s.What && len(s.What) <= maxValue && again.ID != s.ID {
			t.Errorf("%+v is read back as %+v", s, again)
		}
	})
}

func FuzzList(f *testing.F) {
	f.Add(appendList(nil, []uint32{0, 3, 4, 1000}), uint32(2000))
	f.Fuzz(func(t *testing.T, b []byte, steps uint32) {
		steps %= maxList
		list, whole := parseList(b, steps)
		if !slices.IsSorted(list) || len(list) > 0 && list[len(list)-1] >= steps {
			t.Fatalf("a list of %d steps is %v", steps, list)
		}
		if again, _ := parseList(appendList(nil, list), steps); whole && len(list) > 0 && !reflect.DeepEqual(again, list) {
			t.Fatalf("%v is read back as %v", list, again)
		}
	})
}

// FuzzSegment reads a file that is anything: nothing panics, nothing takes long, and what
// is found is what was looked for.
func FuzzSegment(f *testing.F) {
	dir := f.TempDir()
	files, err := durable.NewOS(dir)
	if err != nil {
		f.Fatal(err)
	}
	b := open(f, Options{Files: files})
	for i := range 50 {
		for _, s := range letter(noon.Add(time.Duration(i)*time.Minute), "a@example.test", "b@example.test", "x", 1) {
			b.Add(s)
		}
	}
	if err := b.write(true); err != nil {
		f.Fatal(err)
	}
	b.disk.Lock()
	s := &segment{number: 0, first: b.current.first, last: b.current.last}
	whole, err := b.current.build(s)
	b.disk.Unlock()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	if err := b.Close(); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		fs := newMemory(t)
		if err := durable.ReplaceBytes(fs, segmentName(0), 0o600, text); err != nil {
			t.Fatal(err)
		}
		b := open(t, Options{Files: fs, Log: quiet()})
		found, _, err := b.Find(t.Context(), Query{Text: "example", Limit: 20})
		if err == nil {
			for _, m := range found {
				if len(m.Steps) == 0 {
					t.Error("a message without steps is found")
				}
			}
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
