package clienttest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/initramfs"
	"github.com/sanduk-mail/sanduk/image/uki"
	"github.com/sanduk-mail/sanduk/image/vm"
)

// stub is what makes a kernel image an EFI program, from Debian's package systemd-boot-efi.
const stub = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"

// kills is how often the mail service dies in the test. The pauses before PID 1 starts it again grow.
const kills = 4

// TestKilled runs an image with one more service, which kills maild without warning seconds after each start, while
// eight senders are at work: PID 1 starts it again each time, no connection is refused, and nothing that was
// acknowledged is lost.
func TestKilled(t *testing.T) {
	t.Parallel()
	if onHost() {
		t.Skip("SKIPPED on the host: it is about the box's PID 1")
	}
	o := newOffice(t, vm.Options{}, addChaos)
	killed := func() int { return strings.Count(o.story(), "chaos: killed maild") }
	before := killed()
	l := &load{o: o, to: "second", name: "killed"}
	var stop atomic.Bool
	var broken atomic.Int64
	var senders sync.WaitGroup
	for range connections {
		senders.Go(func() {
			for !stop.Load() {
				if l.until(&stop) != nil {
					broken.Add(1)
				}
			}
		})
	}
	began := time.Now()
	eventually(t, "maild has been killed often enough", func() bool { return killed()-before >= kills })
	stop.Store(true)
	senders.Wait()
	// QEMU's network takes a connection before the guest does, so one that the guest refuses only breaks. But whoever
	// is not refused waits for the next maild: each sender can break once for each kill, and not more often.
	if most := int64(killed()-before) * connections; broken.Load() > most {
		t.Errorf("%d sessions broke; with no connection refused it is at most %d", broken.Load(), most)
	}
	if l.acknowledged() < 10*kills {
		t.Errorf("only %d messages were taken: that is no load", l.acknowledged())
	}
	t.Logf("maild was killed %d times in %v; %d sessions of %d senders broke",
		killed()-before, time.Since(began).Round(time.Second), broken.Load(), connections)
	o.cut() // the killer would also kill the reading below
	m := o.power.(*machine)
	if err := m.ReplaceESP(artifact(t, "sanduk-pc-amd64.img")); err != nil {
		t.Fatal(err)
	}
	trustGateway(t, m)
	o.again(t)
	l.allThere(t, int(broken.Load()))
	o.off(t)
}

// until sends over one connection until it is told to stop, or breaks.
func (l *load) until(stop *atomic.Bool) error {
	c, err := l.open()
	if err != nil {
		return err
	}
	defer c.Close()
	for !stop.Load() {
		if err := l.send(c); err != nil {
			return err
		}
	}
	return nil
}

// addChaos puts a kernel image onto the machine's disk that has one more service in it: the kernel unpacks archives one
// over the other.
func addChaos(t *testing.T, m *machine) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "chaos")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./testdata/chaos")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build testdata/chaos: %v\n%s", err, out)
	}
	archive, err := initramfs.Archive([]initramfs.Entry{
		{Path: "/bin/chaos", Mode: 0o755, Data: []byte(read(t, program))},
		{Path: "/etc/sanduk/units/chaos.service", Mode: 0o644, Data: []byte(read(t, "testdata/chaos/chaos.service"))},
	})
	if err != nil {
		t.Fatal(err)
	}
	parts, err := uki.Sections([]byte(read(t, artifact(t, "sanduk-pc-amd64.efi"))))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stub); err != nil {
		missing(t, "Debian's systemd-boot-efi is not installed (scripts/deps)")
	}
	parts.Initrd = initramfs.Join(parts.Initrd, archive)
	image, err := uki.Build([]byte(read(t, stub)), parts)
	if err != nil {
		t.Fatal(err)
	}
	files, err := m.ListESP()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasPrefix(name, "EFI/Linux/") {
			if err := m.PutESP(name, image); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("the EFI system partition has no kernel image among %q", files)
}
