package boottest

import (
	"os"
	"slices"
	"testing"

	"github.com/sanduk-mail/sanduk/image/vm"
)

// TestARM64 starts the image of the other architecture, under UEFI as servers have it: it is set up, takes mail, and has
// it after a restart. What does not depend on the processor is tested with the other image.
func TestARM64(t *testing.T) {
	t.Parallel()
	if os.Getenv("SANDUK_LONG") != "1" {
		t.Skip("SKIPPED in the short form: SANDUK_LONG=1 runs it")
	}
	m := machine(t, vm.Options{Arch: vm.ARM64, Image: artifact(t, "sanduk-uefi-arm64.img")})
	if err := m.PutESP("setup.json", []byte(provisioning)); err != nil {
		t.Fatal(err)
	}
	b := boot(t, m)
	say(t, b, portsLine)
	say(t, b, runningLine)
	checkPorts(t, b)
	if err := send(b, "first day"); err != nil {
		t.Fatalf("mail from another server: %v", err)
	}
	if s := signIn(t, b).versions(t); s.Running == "" || s.OnTrial {
		t.Errorf("%+v, want a version that is not on trial", s)
	}
	off(t, b)
	b = boot(t, m)
	ports := say(t, b, portsLine)[1]
	if got := subjects(t, b); !slices.Equal(got, []string{"first day"}) {
		t.Errorf("inbox after a restart = %q, want the one message", got)
	}
	memory := say(t, b, memoryLine)
	say(t, b, closedLine)
	t.Logf("figures: PID 1 to all ports %s ms, memory in use %s MB of %s MB", ports, memory[1], memory[2])
	off(t, b)
}
