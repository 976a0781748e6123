package resolver

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestCacheBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache[int, string](1000)
		later := time.Now().Add(time.Minute)
		for i := range 150 {
			c.put(i, fmt.Sprint(i), 10, later)
			c.get(0) // used all the time
		}
		if len(c.byKey) != 100 || c.bytes != 1000 || c.order.Len() != 100 {
			t.Errorf("got %d entries of %d bytes, want 100 of 1000", len(c.byKey), c.bytes)
		}
		for key, want := range map[int]bool{0: true, 1: false, 50: false, 149: true} {
			if _, ok := c.get(key); ok != want {
				t.Errorf("key %d is there: %t, want %t", key, ok, want)
			}
		}
		c.put(0, "new", 10, later)
		if v, ok := c.get(0); !ok || v != "new" || c.bytes != 1000 {
			t.Errorf("after a second put: got %q, %t, %d bytes", v, ok, c.bytes)
		}
		c.put(0, "huge", 11, later)
		if _, ok := c.get(0); ok {
			t.Error("what is larger than a hundredth was kept")
		}
		time.Sleep(time.Minute)
		if _, ok := c.get(149); ok || c.bytes >= 1000 {
			t.Errorf("an entry outlives its time; %d bytes", c.bytes)
		}
	})
}

// TestCompareNames is the order of RFC 4034 §6.1, with its names.
func TestCompareNames(t *testing.T) {
	t.Parallel()
	want := []string{"example.", "a.example.", "yljkjljk.a.example.", "z.a.example.", "zabc.a.example.", "z.example.", `\001.z.example.`, "*.z.example.", `\200.z.example.`}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, compareNames)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Example.COM.": "example.com", "_dmarc.Example.com": "_dmarc.example.com", "a--b.example": "a--b.example", "BÜCHER.example": "xn--bcher-kva.example",
		"r3---sn.example": "r3---sn.example", "": "", ".": "", "a..b": "", "a b.example": "", "a\nb.example": "", `a\.b.example`: "", "\xff.example": "",
	} {
		if got, err := Canonical(name); got != want || (err != nil) != (want == "") {
			t.Errorf("%q: got %q, %v; want %q", name, got, err, want)
		}
	}
}
