package totp

import (
	"encoding/base32"
	"errors"
	"strings"
	"testing"
	"time"
)

// rfcSecret is that of RFC 6238's appendix B.
var rfcSecret = base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))

// TestCodes are appendix B's, of which apps show the last six digits.
func TestCodes(t *testing.T) {
	t.Parallel()
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		if got := code([]byte("12345678901234567890"), at/30); got != want {
			t.Errorf("at %d: got %s, want %s", at, got, want)
		}
	}
}

func factor(t *testing.T) (*Factor, []string) {
	t.Helper()
	f, recovery, err := New(rfcSecret)
	if err != nil {
		t.Fatal(err)
	}
	return f, recovery
}

// TestOnce: a code is good once, and none is that is older than one that was used.
func TestOnce(t *testing.T) {
	t.Parallel()
	f, _ := factor(t)
	now := time.Unix(1234567890, 0)
	if !f.Use("005 924", now) {
		t.Fatal("the code of now is refused")
	}
	f, err := Decode(f.Encode()) // as after a restart
	if err != nil {
		t.Fatal(err)
	}
	before := code(f.secret, now.Unix()/30-1)
	if f.Use("005924", now) || f.Use("005924", now.Add(stepTime)) || f.Use(before, now) {
		t.Error("a code was good twice, or an older one after it")
	}
	next := code(f.secret, now.Unix()/30+1)
	if !f.Use(next, now) {
		t.Error("the code of a clock that is 30 seconds fast is refused")
	}
	if far := code(f.secret, now.Unix()/30+3); f.Use(far, now) || f.Use("", now) || f.Use("000000000", now) {
		t.Error("a code of no time near now is taken")
	}
}

func TestRecovery(t *testing.T) {
	t.Parallel()
	f, recovery := factor(t)
	if len(recovery) != recoveryCodes || f.Left() != recoveryCodes {
		t.Fatalf("%d codes, %d left", len(recovery), f.Left())
	}
	for i, c := range recovery {
		if strings.Contains(f.Encode(), c) {
			t.Fatal("a recovery code stands in the clear")
		}
		if !f.Use(" "+strings.ToUpper(c), time.Now()) || f.Use(c, time.Now()) || f.Left() != recoveryCodes-1-i {
			t.Errorf("code %d was refused, or good twice; %d left", i, f.Left())
		}
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	if a, b := NewSecret(), NewSecret(); a == b || len(a) != 32 {
		t.Errorf("secrets %q and %q", a, b)
	}
	for _, bad := range []string{"", "AAAA", rfcSecret + rfcSecret, "!" + rfcSecret[1:]} {
		if _, _, err := New(bad); !errors.Is(err, ErrSecret) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	want := "otpauth://totp/mail.example.test:a%2Fb@example.test?secret=S&issuer=mail.example.test"
	if got := URI("mail.example.test", "a/b@example.test", "S"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzDecode(f *testing.F) {
	good, _, _ := New(rfcSecret)
	f.Add(good.Encode())
	f.Add(`{"secret":"AAAA"}`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Decode(text)
		if err != nil {
			return
		}
		again, err := Decode(got.Encode())
		if err != nil || again.Encode() != got.Encode() {
			t.Errorf("%q: %v", text, err)
		}
		got.Use("000000", time.Unix(0, 0))
	})
}
