package srs

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

func parse(t testing.TB, s string) mail.Address {
	t.Helper()
	a, err := mail.ParseAddress(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return a
}

func testNow() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func TestThereAndBack(t *testing.T) {
	t.Parallel()
	w, other := New([]byte("0123456789abcdef")), New([]byte("fedcba9876543210"))
	for _, from := range []string{"alice@a.test", "Alice+x=y@a.test", `"two words"@a.test`, "poštar@сандук.test", "srs0@a.test", "SRS1=x@a.test"} {
		to, err := w.Forward(parse(t, from), "ours.test", testNow())
		if err != nil || !Is(to.Local) || to.Domain != "ours.test" || !strings.HasPrefix(to.Local, "SRS0=") {
			t.Errorf("Forward(%s) = %s, %v", from, to, err)
			continue
		}
		for _, written := range []mail.Address{to, {Local: "srs0-" + to.Local[5:], Domain: to.Domain}} {
			if got, err := w.Reverse(written, testNow().Add(MaxAge-time.Hour)); err != nil || got.String() != from {
				t.Errorf("Reverse(%s) = %s, %v; want %s", written, got, err, from)
			}
		}
		lower := mail.Address{Local: strings.ToLower(to.Local), Domain: to.Domain}
		if got, err := w.Reverse(lower, testNow()); err != nil || !strings.EqualFold(got.String(), from) {
			t.Errorf("Reverse(%s) = %s, %v; want %s", lower, got, err, from)
		}
		if _, err := w.Reverse(to, testNow().Add(MaxAge+25*time.Hour)); !errors.Is(err, ErrExpired) {
			t.Errorf("Reverse after %v: %v; want ErrExpired", MaxAge, err)
		}
		if _, err := other.Reverse(to, testNow()); !errors.Is(err, ErrForged) {
			t.Errorf("Reverse of another box's: %v; want ErrForged", err)
		}
	}
}

// TestChain: three forwarders in a row; the last one's report goes to the first,
// who knows the sender, and not through the one between.
func TestChain(t *testing.T) {
	t.Parallel()
	w1, w2, w3 := New([]byte("one.............")), New([]byte("two.............")), New([]byte("three..........."))
	one, err := w1.Forward(parse(t, "a@s.test"), "one.test", testNow())
	if err != nil {
		t.Fatal(err)
	}
	two, err := w2.Forward(one, "two.test", testNow())
	if err != nil || !strings.HasPrefix(two.Local, "SRS1=") {
		t.Fatalf("two: %s, %v", two, err)
	}
	three, err := w3.Forward(two, "three.test", testNow())
	if err != nil || !strings.HasPrefix(three.Local, "SRS1=") || strings.Contains(three.Local, "two.test") {
		t.Fatalf("three: %s, %v", three, err)
	}
	for _, step := range []struct {
		w    *Rewriter
		from mail.Address
	}{{w3, three}, {w2, two}} {
		if got, err := step.w.Reverse(step.from, testNow()); err != nil || got != one {
			t.Errorf("Reverse(%s) = %s, %v; want %s", step.from, got, err, one)
		}
	}
	if got, err := w1.Reverse(one, testNow()); err != nil || got.String() != "a@s.test" {
		t.Errorf("Reverse(%s) = %s, %v", one, got, err)
	}
}

func TestNotOurs(t *testing.T) {
	t.Parallel()
	w := New([]byte("0123456789abcdef"))
	good, err := w.Forward(parse(t, "a@s.test"), "ours.test", testNow())
	if err != nil {
		t.Fatal(err)
	}
	for _, local := range []string{"", "SRS0", "SRS0=", "SRS0==", "SRS0=AAAAAAAA=AA=s.test=a", "SRS1=AAAAAAAA=s.test==x", "alice",
		strings.Replace(good.Local, "s.test", "t.test", 1), good.Local + "x", strings.Replace(good.Local, "SRS0", "SRS1", 1)} {
		if got, err := w.Reverse(mail.Address{Local: local, Domain: "ours.test"}, testNow()); !errors.Is(err, ErrForged) {
			t.Errorf("Reverse(%q) = %s, %v; want ErrForged", local, got, err)
		}
	}
	if null, err := w.Forward(mail.Address{}, "ours.test", testNow()); err != nil || !null.IsZero() {
		t.Errorf("Forward(null) = %s, %v", null, err)
	}
	if _, err := w.Forward(mail.Address{Local: strings.Repeat("a", 64), Domain: "s.test"}, "ours.test", testNow()); !errors.Is(err, ErrTooLong) {
		t.Errorf("Forward of 64 letters: %v; want ErrTooLong", err)
	}
}

func FuzzReverse(f *testing.F) {
	w := New([]byte("0123456789abcdef"))
	for _, s := range []string{"SRS0=AAAAAAAA=AA=s.test=a", "SRS1=AAAAAAAA=s.test==BBBBBBBB=AA=t.test=b", "srs0+x", "alice", `a"b\`} {
		f.Add(s, "s.test")
	}
	f.Fuzz(func(t *testing.T, local, domain string) {
		_, _ = w.Reverse(mail.Address{Local: local, Domain: domain}, testNow())
		// What a key's owner signs can be anything, too.
		for _, tag := range []string{"SRS0", "SRS1"} {
			if a, err := w.Reverse(mail.Address{Local: w.sign(tag, local), Domain: domain}, testNow()); err == nil {
				if again, err := mail.ParseAddress(a.String()); err != nil || again != a {
					t.Errorf("%q gives %q, which is no address: %v", local, a, err)
				}
			}
		}
		from, err := mail.ParseAddress(mail.Address{Local: local, Domain: domain}.String())
		if err != nil {
			return
		}
		to, err := w.Forward(from, "ours.test", testNow())
		if err != nil {
			return
		}
		if back, err := w.Reverse(to, testNow()); err == nil && strings.HasPrefix(to.Local, "SRS0") && back != from {
			t.Errorf("%s became %s, which became %s", from, to, back)
		}
	})
}
