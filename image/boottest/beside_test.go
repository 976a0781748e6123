package boottest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/vm"
)

// What is wanted beside a Debian with Postfix and Dovecot. The box unpacks itself into memory while Debian waits for its
// disk: an emulated processor makes the first dear and leaves the second as it is, so that less is kept there.
const (
	minQuicker    = 5 // times, from the kernel's start to the greeting of SMTP
	minQuickerTCG = 2
	minSmaller    = 5 // times, bytes in use on the disk
	besideRuns    = 5 // starts of each, of which the median counts
)

// debianPackages are a Debian as its installer makes it at the least, and the mail servers.
const debianPackages = "systemd-sysv,dbus,udev,ifupdown,isc-dhcp-client,linux-image-amd64,postfix,dovecot-imapd,dovecot-pop3d"

// TestBesideDebian starts the box and a Debian 12 with Postfix and Dovecot, with the same kernel on the same emulated
// machine, in turns. Time counts from the kernel's start: firmware and loader, which Debian doesn't have here, are left
// out.
func TestBesideDebian(t *testing.T) {
	artifact(t, image)
	if os.Getenv("SANDUK_LONG") != "1" {
		t.Skip("SKIPPED in the short form: SANDUK_LONG=1 runs it")
	}
	root := debian(t)
	kernel := artifact(t, "sanduk-pc-amd64.linux")
	theirs := only(t, filepath.Join(root, "boot/vmlinuz-*"))
	if !bytes.Equal(read(t, kernel), read(t, theirs)) {
		t.Fatalf("%s is not the kernel of the image: make image, and remove %s", theirs, root)
	}
	rival := machine(t, vm.Options{Image: root + ".img", Bare: true, Direct: &vm.Direct{
		Kernel: kernel, Initrd: only(t, filepath.Join(root, "boot/initrd.img-*")),
		Cmdline: "root=/dev/vda ro quiet console=ttyS0 net.ifnames=0",
	}})
	box := office(t, vm.Options{Bare: true})

	// The first start sets up.
	b := boot(t, box)
	say(t, b, runningLine)
	off(t, b)
	toGreeting(t, rival)
	var own, other []time.Duration
	for range besideRuns {
		own = append(own, toGreeting(t, box))
		other = append(other, toGreeting(t, rival))
	}
	quick, slow := middle(own), middle(other)
	small, large := usedByBox(t, box), used(t, rival.Disk())
	t.Logf("figures: kernel to SMTP greeting %v, Debian %v: %.1f times (wanted %d); in use on disk %d MB, Debian %d MB: %.1f times (wanted %d)",
		quick.Round(time.Millisecond), slow.Round(time.Millisecond), float64(slow)/float64(quick), minQuicker,
		small>>20, large>>20, float64(large)/float64(small), minSmaller)
	t.Logf("box %v, Debian %v", own, other)
	kept := minQuicker
	if accel(t) == vm.TCG {
		kept = minQuickerTCG
	}
	if slow < time.Duration(kept)*quick {
		t.Errorf("%.1f times quicker than Debian, want %d here", float64(slow)/float64(quick), kept)
	}
	if large < minSmaller*small {
		t.Errorf("1/%.1f of Debian's disk in use, want 1/%d", float64(large)/float64(small), minSmaller)
	}
}

// debian is a directory with a Debian in it, and beside it, with .img, a disk with the same; made once.
func debian(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join(build, "roots", "debian"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(root + ".img"); err == nil {
		return root
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(root), 0o755), os.RemoveAll(root)); err != nil {
		t.Fatal(err)
	}
	finish, err := filepath.Abs("testdata/debian/finish")
	if err != nil {
		t.Fatal(err)
	}
	temp := root + ".new"
	for _, args := range [][]string{
		{"mmdebstrap", "--mode=root", "--variant=minbase", "--include=" + debianPackages, "--customize-hook=" + finish + ` "$1"`, "bookworm", root},
		{"rm", "-f", temp}, {"truncate", "-s", "4G", temp}, {"mke2fs", "-q", "-t", "ext4", "-d", root, temp}, {"mv", temp, root + ".img"},
	} {
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	return root
}

// powerDown is the kernel's last word, with the seconds since its start.
var powerDown = regexp.MustCompile(`\[ *([0-9.]+)\] reboot: Power down`)

// toGreeting starts a machine, and says how long after its kernel's start SMTP greeted. When that was, the kernel's clock
// tells at the end.
func toGreeting(t *testing.T, m *vm.Machine) time.Duration {
	t.Helper()
	b := boot(t, m)
	at := greeted(t, b)
	ended := make(chan time.Time, 1)
	go func() {
		if _, err := b.WaitSerial(t.Context(), powerDown, bootTime); err == nil {
			ended <- time.Now()
		}
		close(ended)
	}()
	off(t, b)
	end, ok := <-ended
	if !ok {
		t.Fatalf("no last word of the kernel:\n%s", b.Serial())
	}
	return at.Sub(end.Add(-seconds(t, powerDown.FindStringSubmatch(b.Serial())[1])))
}

// greeted waits until SMTP greets, and says when that was. QEMU takes a connection before the guest does, and the guest
// may never have heard of one that came too early: several wait.
func greeted(t *testing.T, b *vm.Boot) time.Time {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bootTime)
	defer cancel()
	heard := make(chan time.Time, 1)
	const every, patience = 200 * time.Millisecond, 5 * time.Second
	next := time.NewTicker(every)
	defer next.Stop()
	for {
		go func() {
			if !greetedAt(ctx, b.Addr(25), patience) {
				return
			}
			select {
			case heard <- time.Now():
			default:
			}
		}()
		select {
		case at := <-heard:
			return at
		case <-next.C:
		case <-ctx.Done():
			t.Fatalf("no greeting of SMTP in %v:\n%s", bootTime, b.Serial())
		}
	}
}

// greetedAt says whether a connection is greeted.
func greetedAt(ctx context.Context, addr string, patience time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	greeting := make([]byte, 4)
	_, err = io.ReadFull(c, greeting)
	return err == nil && string(greeting) == "220 "
}

func off(t *testing.T, b *vm.Boot) {
	t.Helper()
	if err := b.PowerOff(t.Context(), offTime); err != nil {
		t.Fatal(err)
	}
}

func middle(all []time.Duration) time.Duration {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

func only(t *testing.T, pattern string) string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) != 1 {
		t.Fatalf("%s: %q (%v), want one", pattern, names, err)
	}
	return names[0]
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// usedByBox is what is in use on both of the box's partitions.
func usedByBox(t *testing.T, m *vm.Machine) (bytes int64) {
	t.Helper()
	files, err := m.ListESP()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		data, err := m.GetESP(name)
		if err != nil {
			t.Fatal(err)
		}
		bytes += int64(len(data))
	}
	out, err := exec.CommandContext(t.Context(), "sfdisk", "--json", m.Disk()).Output()
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		PartitionTable struct{ Partitions []struct{ Start int64 } }
	}
	if err := json.Unmarshal(out, &table); err != nil || len(table.PartitionTable.Partitions) != 2 {
		t.Fatalf("partitions: %v\n%s", err, out)
	}
	const sector = 512
	return bytes + used(t, fmt.Sprintf("%s?offset=%d", m.Disk(), table.PartitionTable.Partitions[1].Start*sector))
}

// used is what df would say of an ext4 file system: all but free blocks, its own tables and its journal.
func used(t *testing.T, fileSystem string) int64 {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "dumpe2fs", "-h", fileSystem).Output()
	if err != nil {
		t.Fatalf("dumpe2fs %s: %v", fileSystem, err)
	}
	number := func(name string) int64 {
		m := regexp.MustCompile(`(?m)^` + name + `: +(\d+)`).FindSubmatch(out)
		if m == nil {
			t.Fatalf("dumpe2fs says no %s:\n%s", name, out)
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(m[1])), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return (number("Block count") - number("Free blocks") - number("Overhead clusters")) * number("Block size")
}
