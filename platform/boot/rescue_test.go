package boot

import (
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/platform/disk"
	"github.com/sanduk-mail/sanduk/platform/durable"
)

func TestRescueCode(t *testing.T) {
	t.Parallel()
	if len(codeLetters) != 32 {
		t.Fatalf("%d letters: the code would not be even", len(codeLetters))
	}
	a, b := newCode(), newCode()
	if a == b || len(a) != codeLength+1 || a[codeLength/2] != '-' {
		t.Errorf("codes %q and %q, want two of the form abcd-efgh", a, b)
	}
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	r := rescue{code: a}
	for _, typed := range []string{a, strings.ToUpper(a), " " + strings.ReplaceAll(a, "-", " ") + " ", strings.ReplaceAll(a, "-", "")} {
		if err := r.admit(now, typed); err != nil {
			t.Errorf("%q is refused: %v", typed, err)
		}
	}
	for i := range freeTries {
		if err := r.admit(now, b); err == nil || !strings.Contains(err.Error(), "not the code") {
			t.Errorf("try %d with a wrong code: %v", i, err)
		}
	}
	if err := r.admit(now.Add(time.Second), a); err == nil || !strings.Contains(err.Error(), "Wait a minute") {
		t.Errorf("after %d wrong ones: %v, want a pause", freeTries, err)
	}
	if err := r.admit(now.Add(freeEvery+time.Second), a); err != nil {
		t.Errorf("after the pause: %v", err)
	}
	var none rescue
	if none.admit(now, "") == nil {
		t.Error("without a code everybody is let in")
	}
}

func TestRescueActs(t *testing.T) {
	t.Parallel()
	own := &disk.Own{}
	tests := map[string]struct {
		own            *disk.Own
		fault          disk.Fault
		previous, busy bool
		want           string
	}{
		"damaged":  {own, disk.FaultDamaged, true, false, "check restart previous support erase"},
		"missing":  {nil, disk.FaultMissing, false, false, "restart support"},
		"readonly": {own, disk.FaultReadOnly, false, false, "restart support"},
		"newer":    {own, disk.FaultNewer, true, false, "restart previous support erase"},
		"unclear":  {own, disk.FaultUnclear, false, false, "restart support"},
		"busy":     {own, disk.FaultDamaged, true, true, "support"},
	}
	for name, tt := range tests {
		m := &Machine{own: tt.own, problem: &disk.RecoveryError{Fault: tt.fault}}
		var got []string
		for _, a := range m.rescueActs(tt.previous, tt.busy) {
			got = append(got, string(a))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// TestRescueNeedsTheCode: no order counts without it, and none that is not offered.
func TestRescueNeedsTheCode(t *testing.T) {
	t.Parallel()
	m := &Machine{log: slog.New(slog.DiscardHandler), stop: make(chan Action, 1), problem: &disk.RecoveryError{}}
	m.updates, m.rescue.code = &updates{m: m}, "abcd-efgh"
	for _, order := range []string{
		`{"act":"restart","code":"abcd-efgi"}`, `{"act":"restart"}`, `{"act":"erase","code":"abcd-efgh","word":"erase"}`, `{"act":"check","code":"abcd-efgh"}`,
		`{"act":"poweroff","code":"abcd-efgh"}`, `{"act":"restart","code":"abcd-efgh","more":1}`,
	} {
		if _, err := m.verbRescueAct(t.Context(), []byte(order)); err == nil || len(m.stop) != 0 {
			t.Errorf("%s: %v, want it refused", order, err)
		}
	}
	if _, err := m.verbRescueAct(t.Context(), []byte(`{"act":"restart","code":"ABCD EFGH"}`)); err != nil || <-m.stop != Reboot {
		t.Errorf("restart with the code: %v", err)
	}
	for verb := range m.rescueRules(nil, nil) {
		if slices.Contains([]control.Verb{control.VerbReboot, control.VerbFactoryReset, control.VerbGoBack, control.VerbUpdate, control.VerbPowerOff}, verb) {
			t.Errorf("%s can be asked for without the code", verb)
		}
	}
}

func TestShortRuns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box, err := durable.NewOS(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	for _, n := range []int{0, 1, 4, 0} {
		if err := writeRuns(box, n); err != nil {
			t.Fatal(err)
		}
		if got := readRuns(box); got != n {
			t.Errorf("%d short runs are read as %d", n, got)
		}
	}
	for _, text := range []string{"", "-1", "many", strings.Repeat("9", maxRuns+1)} {
		if err := os.WriteFile(dir+"/"+runsFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := readRuns(box); got != 0 {
			t.Errorf("%q is read as %d, want 0", text, got)
		}
	}
}

func TestSpareIsWrittenWhenItDiffers(t *testing.T) {
	t.Parallel()
	const plain, fixed = `{"mode":"dhcp"}`, `{"mode":"static","address":"192.0.2.1/24"}`
	for _, tt := range []struct {
		spare, settings string
		want            bool
	}{
		{"", plain, false}, {"", `{ "mode": "dhcp" }`, false}, {"", fixed, true}, {"", `{"mode":"dhcp","vlan":7}`, true},
		{fixed, fixed, false}, {fixed, plain, true}, {plain, plain, false},
	} {
		var spare []byte
		if tt.spare != "" {
			spare = []byte(tt.spare)
		}
		if got := spareIsOld(spare, []byte(tt.settings)); got != tt.want {
			t.Errorf("%q with the copy %q: %v, want %v", tt.settings, tt.spare, got, tt.want)
		}
	}
}
