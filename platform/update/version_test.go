package update_test

import (
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/platform/update"
)

func TestVersionCheck(t *testing.T) {
	t.Parallel()
	for _, v := range []update.Version{"1.2.3", "0.1.0-dev", "1.2.3-4-gabcdef0", "1.2.3~rc1"} {
		if err := v.Check(); err != nil {
			t.Errorf("%q: %v, want it taken", v, err)
		}
	}
	for _, v := range []update.Version{"", "1.2", "1.2.3+1", "1.2.3_4", "v1.2.3", "1.2.3/../x", "1.2.3 4", "1.2.3.", update.Version("1.2." + strings.Repeat("3", 99))} {
		if v.Check() == nil {
			t.Errorf("%q is taken as a version, want an error", v)
		}
	}
}

func TestVersionOrder(t *testing.T) {
	t.Parallel()
	// Each is newer than the one before.
	order := []update.Version{"0.9.0", "1.0.0~rc1", "1.0.0~rc2", "1.0.0", "1.0.0-1-gabc", "1.0.0-2-gabc", "1.0.0.1", "1.0.1", "1.2.0", "1.10.0", "2.0.0-dev", "2.0.1"}
	for i, a := range order {
		for j, b := range order {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := a.Compare(b); got != want {
				t.Errorf("%s to %s: %d, want %d", a, b, got, want)
			}
		}
	}
}

// TestVersionOrderOfLoader compares with the programs that the loader's order comes from.
func TestVersionOrderOfLoader(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("SKIPPED: systemd-analyze is not installed (scripts/deps test)")
	}
	random := rand.New(rand.NewPCG(1, 2))
	parts := []string{"0", "1", "01", "9", "10", "a", "b", "ab", "B", "rc", "g", ".", ".", "-", "~", "~", "-"}
	some := func() string {
		v := "1.2.3"
		for range random.IntN(7) {
			v += parts[random.IntN(len(parts))]
		}
		return v
	}
	for range 300 {
		a, b := some(), some()
		out, _ := exec.Command(analyze, "compare-versions", a, b).Output() // it exits with 11 or 12 where they differ
		want, word := 0, strings.Fields(string(out))
		if len(word) != 3 {
			t.Fatalf("systemd-analyze compare-versions %s %s says %q", a, b, out)
		}
		switch word[1] {
		case "<":
			want = -1
		case ">":
			want = 1
		}
		if got := update.Version(a).Compare(update.Version(b)); got != want {
			t.Errorf("%s to %s: %d, want %d", a, b, got, want)
		}
		if got := update.Version(b).Compare(update.Version(a)); got != -want {
			t.Errorf("%s to %s: %d, want %d", b, a, got, -want)
		}
	}
}
