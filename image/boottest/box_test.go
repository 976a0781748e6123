package boottest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/vm"
)

const image = "sanduk-pc-amd64.img"

// Budgets. Start is the guest's time from the start of PID 1 to the last port answering, which is what the box needs
// beyond a kernel that starts a program saying hello. Under TCG a guest second is not a second of any real machine, and
// the clock runs on while others use this one: there the kernel's own start, measured in the same run, is the yardstick.
const (
	maxStart    = 1500 * time.Millisecond
	maxStartTCG = 2 // times what the kernel needs to start the hello-world PID 1
	maxMemoryMB = 160
)

// Lines of the boot log that tests wait for.
const (
	readyLine   = `(?m)^sanduk: ready in (\d+) ms$`
	portsLine   = `(?m)^sanduk: all ports answering after (\d+) ms$`
	codeLine    = `(?m)^sanduk: setup code (\S+)\r?\n`
	memoryLine  = `(?m)^sanduk: memory used (\d+) MB of (\d+) MB$`
	runningLine = `(?m)^sanduk: state running$`
)

// office makes a machine with a box that is told by a provisioning file how to be set up.
func office(t *testing.T, o vm.Options) *vm.Machine {
	t.Helper()
	o.Image = artifact(t, image)
	m := machine(t, o)
	if err := m.PutESP("setup.json", []byte(provisioning)); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestUnclaimed starts the image as it is flashed: it comes up, answers on every port, and shows how to set it up.
func TestUnclaimed(t *testing.T) {
	t.Parallel()
	m := machine(t, vm.Options{Image: artifact(t, image), Controller: vm.AHCI, NIC: vm.E1000e})
	b := boot(t, m)
	say(t, b, portsLine)
	if code := say(t, b, codeLine)[1]; len(code) < 8 {
		t.Errorf("the set-up code %q is too short to be one", code)
	}
	checkPorts(t, b)
	screenshot(t, b, "unclaimed")
	if err := b.PowerOff(t.Context(), offTime); err != nil {
		t.Error(err)
	}
}

// TestOffice is a box's first days: set up from a file, mail in, off and on again, mail still there. It prints the
// figures for start and memory.
func TestOffice(t *testing.T) {
	m := office(t, vm.Options{})
	b := boot(t, m)
	say(t, b, portsLine)
	say(t, b, runningLine)
	checkPorts(t, b)
	if err := send(b, "first day"); err != nil {
		t.Fatalf("mail from another server: %v", err)
	}
	if got := subjects(t, b); !slices.Equal(got, []string{"first day"}) {
		t.Errorf("inbox = %q, want the one message", got)
	}
	if err := b.PowerOff(t.Context(), offTime); err != nil {
		t.Fatal(err)
	}
	if _, err := m.GetESP("setup.json"); err == nil {
		t.Error("setup.json, which has passwords in it, is still on the EFI system partition")
	}

	boots := 1
	if os.Getenv("SANDUK_LONG") == "1" {
		boots = 5
	}
	var starts []time.Duration
	for range boots {
		b = boot(t, m)
		starts = append(starts, seconds(t, say(t, b, portsLine)[1])/1000)
		if got := subjects(t, b); !slices.Equal(got, []string{"first day"}) {
			t.Errorf("inbox after a restart = %q, want the one message", got)
		}
		if len(starts) < boots {
			if err := b.PowerOff(t.Context(), offTime); err != nil {
				t.Fatal(err)
			}
		}
	}
	memory := say(t, b, memoryLine)
	screenshot(t, b, "office")
	if err := b.PowerOff(t.Context(), offTime); err != nil {
		t.Error(err)
	}
	hello := boot(t, machine(t, vm.Options{Image: artifact(t, "hello-pc-amd64.img")}))
	kernel := say(t, hello, `(?m)^hello: pid 1 at ([0-9.]+) s$`)[1]
	checkFigures(t, starts, memory[1], kernel)
}

// checkFigures prints what was measured and compares it with the budgets.
func checkFigures(t *testing.T, starts []time.Duration, memory, kernel string) {
	t.Helper()
	slices.Sort(starts)
	median := starts[len(starts)/2]
	toHello := seconds(t, kernel)
	limit := maxStart
	if accel(t) == vm.TCG {
		limit = max(limit, maxStartTCG*toHello)
	}
	t.Logf("figures: PID 1 to all ports %v (median of %d, budget %v, here %v); kernel to a hello-world PID 1 %v; memory in use %s MB (budget %d)",
		median, len(starts), maxStart, limit, toHello, memory, maxMemoryMB)
	if median > limit {
		t.Errorf("PID 1 to all ports answering took %v, want at most %v", median, limit)
	}
	var mb int
	if _, err := fmt.Sscan(memory, &mb); err != nil || mb > maxMemoryMB {
		t.Errorf("memory in use is %s MB, want at most %d", memory, maxMemoryMB)
	}
}

// TestPowerCut pulls the plug while mail comes in. Everything the box said 250 to is there afterwards. The guest's
// memory, with all it had not written, is gone; what it wrote reached this machine.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	m := office(t, vm.Options{Controller: vm.NVMe})
	b := boot(t, m)
	say(t, b, runningLine)
	cuts := 1
	if os.Getenv("SANDUK_LONG") == "1" {
		cuts = 10
	}
	var taken []string
	for cut := range cuts {
		acknowledged := make(chan string, 1000)
		go func() {
			defer close(acknowledged)
			for i := 0; ; i++ {
				subject := fmt.Sprintf("cut %d message %d", cut, i)
				if send(b, subject) != nil {
					return
				}
				acknowledged <- subject
			}
		}()
		for s := range acknowledged {
			taken = append(taken, s)
			if strings.HasSuffix(s, fmt.Sprintf("message %d", 20+3*cut)) {
				b.Kill()
			}
		}
		b = boot(t, m)
		say(t, b, portsLine)
		got := subjects(t, b)
		for _, s := range taken {
			if !slices.Contains(got, s) {
				t.Errorf("cut %d: %q was acknowledged and is gone", cut, s)
			}
		}
		if len(got) > len(taken)+cut+1 {
			t.Errorf("cut %d: %d messages in the inbox, %d acknowledged: at most one in flight may have come twice", cut, len(got), len(taken))
		}
	}
	t.Logf("%d messages acknowledged, %d power cuts, none lost", len(taken), cuts)
}

// TestHardware starts the box on machines that lack something, or have it odd.
func TestHardware(t *testing.T) {
	t.Parallel()
	artifact(t, image)
	tests := []struct {
		name string
		o    vm.Options
		want string
		long bool
	}{
		{"no network card", vm.Options{NIC: vm.NoNIC}, `(?m)^sanduk: all ports answering`, false},
		{"clock in 2011", vm.Options{RTC: "2011-01-01T00:00:00", Restrict: true}, runningLine, false},
		{"USB stick", vm.Options{Controller: vm.USB}, runningLine, true},
		{"IPv6 only", vm.Options{IPv6Only: true, NIC: vm.E1000e}, `(?m)^sanduk: all ports answering`, true},
		{"one gigabyte disk", vm.Options{DiskSize: 1 << 30}, runningLine, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.long && os.Getenv("SANDUK_LONG") != "1" {
				t.Skip("SKIPPED in the short form: SANDUK_LONG=1 runs it")
			}
			b := boot(t, office(t, tt.o))
			say(t, b, tt.want)
			if tt.o.NIC != vm.NoNIC && !tt.o.IPv6Only {
				checkPorts(t, b)
			}
			if err := b.PowerOff(t.Context(), offTime); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestDiskGrows moves a box to a larger disk, as dd to a new SSD does: the mail is there and so is the room.
func TestDiskGrows(t *testing.T) {
	t.Parallel()
	if os.Getenv("SANDUK_LONG") != "1" {
		t.Skip("SKIPPED in the short form: SANDUK_LONG=1 runs it")
	}
	m := office(t, vm.Options{DiskSize: 2 << 30})
	b := boot(t, m)
	say(t, b, runningLine)
	if err := send(b, "before"); err != nil {
		t.Fatal(err)
	}
	if err := b.PowerOff(t.Context(), offTime); err != nil {
		t.Fatal(err)
	}
	if err := m.Grow(6 << 30); err != nil {
		t.Fatal(err)
	}
	b = boot(t, m)
	say(t, b, portsLine)
	if got := subjects(t, b); !slices.Equal(got, []string{"before"}) {
		t.Errorf("inbox on the larger disk = %q, want the one message", got)
	}
}
