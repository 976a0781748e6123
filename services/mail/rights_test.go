package mail

import (
	"errors"
	"testing"
)

func TestRights(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text, want, wire string
	}{
		{"", "", ""},
		{"lr", "lr", "lr"},
		{"rl", "lr", "lr"},
		{"lrlr", "lr", "lr"},
		{"aetxkpiwsrl", "lrswipkxtea", "lrswipkxteacd"},
		{"c", "kx", "kxc"},
		{"d", "te", "ted"},
		{"lrsd", "lrste", "lrsted"},
		{"k", "k", "kc"},
		{"t", "t", "td"},
	} {
		got, err := ParseRights(test.text)
		if err != nil || got.String() != test.want || got.Wire() != test.wire {
			t.Errorf("ParseRights(%q) = %q, to clients %q, %v; want %q, %q", test.text, got, got.Wire(), err, test.want, test.wire)
		}
	}
	for _, text := range []string{"b", "lrz", "L", "l r", "é", "0", "lr\x00"} {
		if got, err := ParseRights(text); !errors.Is(err, ErrRights) || got != 0 {
			t.Errorf("ParseRights(%q) = %q, %v; want ErrRights", text, got, err)
		}
	}
	if got := AllRights.String(); got != rightLetters {
		t.Errorf("all rights are %q; want %q", got, rightLetters)
	}
	if some := RightLookup | RightRead; !some.Has(RightRead) || some.Has(RightRead|RightWrite) || !some.Has(0) {
		t.Errorf("%q has: r %v, rw %v, nothing %v; want true, false, true", some, some.Has(RightRead), some.Has(RightRead|RightWrite), some.Has(0))
	}
}

func FuzzParseRights(f *testing.F) {
	f.Add("lrswipkxteacd")
	f.Add("+lr")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRights(text)
		if err != nil {
			return
		}
		if again, err := ParseRights(r.Wire()); err != nil || again&r != r || !AllRights.Has(r) {
			t.Errorf("%q is %q, and read again %q, %v", text, r.Wire(), again, err)
		}
	})
}
