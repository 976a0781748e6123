package claim

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func peer(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestEntropy(t *testing.T) {
	t.Parallel()
	list := words()
	bits := 3*math.Log2(float64(len(list))) + math.Log2(highNumber-lowNumber+1)
	t.Logf("%d words, %.1f bits", len(list), bits)
	if bits < 40 {
		t.Errorf("a code has %.2f bits; want at least 40", bits)
	}
	seen := make(map[string]string)
	for _, w := range list {
		if !regexp.MustCompile(`^[a-z]{2,9}$`).MatchString(w) {
			t.Errorf("%q is not a plain word of 2 to 9 letters", w)
		}
		head := w[:min(len(w), 4)]
		if other, taken := seen[head]; taken {
			t.Errorf("%q and %q begin alike", other, w)
		}
		seen[head] = w
	}
}

func TestNewIsRandomAndReadable(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^([a-z]+-){3}[1-9][0-9]{3}$`)
	seen := make(map[string]bool)
	for range 1000 {
		text := New(nil).String()
		if !form.MatchString(text) || len(text) > MaxText {
			t.Fatalf("code %q; want three words and four digits", text)
		}
		if seen[text] {
			t.Fatalf("code %q came twice", text)
		}
		seen[text] = true
	}
}

func TestCheckForgivesTyping(t *testing.T) {
	t.Parallel()
	c := New(nil)
	p := peer("192.168.1.7")
	for _, text := range []string{
		c.String(), strings.ToUpper(c.String()), " " + strings.ReplaceAll(c.String(), "-", " ") + "\n",
		strings.ReplaceAll(c.String(), "-", " – "), strings.ReplaceAll(c.String(), "-", "."),
		strings.Replace(c.String(), c.String()[strings.LastIndex(c.String(), "-"):], c.String()[strings.LastIndex(c.String(), "-")+1:], 1),
	} {
		if err := c.Check(p, text); err != nil {
			t.Errorf("Check(%q) = %v; want nil", text, err)
		}
	}
	for _, text := range []string{"", c.String() + "0", c.String()[1:], strings.Repeat("-", 100) + c.String()} {
		if err := c.Check(p, text); !errors.Is(err, ErrWrong) {
			t.Errorf("Check(%q) = %v; want ErrWrong", text, err)
		}
	}
}

func TestRedeemOnce(t *testing.T) {
	t.Parallel()
	c := New(nil)
	p := peer("192.168.1.7")
	slip := errors.New("a field is wrong")
	if err := c.Redeem(t.Context(), p, "wrong-wrong-wrong-1000", func(context.Context) error { t.Error("ran"); return nil }); !errors.Is(err, ErrWrong) {
		t.Errorf("wrong code: %v; want ErrWrong", err)
	}
	if err := c.Redeem(t.Context(), p, c.String(), func(context.Context) error { return slip }); !errors.Is(err, slip) || c.Spent() {
		t.Errorf("failed set-up: %v, spent %t; want the set-up's error and a good code", err, c.Spent())
	}
	func() {
		defer func() { _ = recover() }()
		_ = c.Redeem(t.Context(), p, c.String(), func(context.Context) error { panic("bug") })
	}()
	err := c.Redeem(t.Context(), p, c.String(), func(ctx context.Context) error {
		if err := c.Redeem(ctx, p, c.String(), func(context.Context) error { return nil }); !errors.Is(err, ErrBusy) {
			t.Errorf("second set-up at once: %v; want ErrBusy", err)
		}
		return nil
	})
	if err != nil || !c.Spent() {
		t.Errorf("Redeem = %v, spent %t; want nil and spent", err, c.Spent())
	}
	if err := c.Check(p, c.String()); !errors.Is(err, ErrSpent) {
		t.Errorf("Check after use = %v; want ErrSpent", err)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	c := New(func() time.Time { return now })
	tries := func(p netip.Addr, n int) (answered int) {
		for range n {
			var soon *TooSoonError
			if err := c.Check(p, "no-no-no-1000"); !errors.As(err, &soon) {
				answered++
			} else if soon.Wait <= 0 || soon.Wait > time.Minute {
				t.Errorf("wait of %s; want a moment", soon.Wait)
			}
		}
		return answered
	}
	if got := tries(peer("192.168.1.7"), 50); got != freeTries {
		t.Errorf("%d tries answered at once; want %d", got, freeTries)
	}
	if err := c.Check(peer("192.168.1.8"), c.String()); err != nil {
		t.Errorf("another address after that: %v; want nil", err)
	}
	now = now.Add(tryEvery)
	if got := tries(peer("192.168.1.7"), 5); got != 1 {
		t.Errorf("%d tries answered after %s; want 1", got, tryEvery)
	}
	if got := tries(peer("fd00::1"), 10) + tries(peer("fd00::2"), 10); got != freeTries {
		t.Errorf("one /64 got %d tries; want %d", got, freeTries)
	}

	now = now.Add(time.Hour)
	total := 0
	var many atomic.Uint32
	for range 5000 {
		n := many.Add(1)
		total += tries(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 1)
	}
	if total != allBurst {
		t.Errorf("5000 addresses got %d tries at once; want %d", total, allBurst)
	}
	if got := len(c.limit.peers); got > maxPeers+1 {
		t.Errorf("%d addresses kept; want at most %d", got, maxPeers+1)
	}
	now = now.Add(time.Second)
	if err := c.Check(peer("192.168.1.9"), c.String()); err != nil {
		t.Errorf("the right person a second later: %v; want nil", err)
	}
}

func FuzzNormalize(f *testing.F) {
	for _, s := range []string{"olive-harbor-seven-4217", " Olive Harbor\tSEVEN 4217", "", "---", "\xff\x00", strings.Repeat("a-", 40)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Normalize(s)
		if Normalize(got) != got {
			t.Errorf("Normalize(%q) = %q, which becomes %q", s, got, Normalize(got))
		}
		if strings.Trim(got, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.HasPrefix(got, "-") || strings.HasSuffix(got, "-") {
			t.Errorf("Normalize(%q) = %q", s, got)
		}
	})
}
