package boottest

import (
	"archive/zip"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sanduk-mail/sanduk/image/vm"
)

// fatStick makes an empty stick as shops sell them.
func fatStick(t *testing.T) string {
	t.Helper()
	stick := filepath.Join(t.TempDir(), "stick")
	for _, c := range [][]string{{"truncate", "-s", "128M", stick}, {"mformat", "-i", stick, "-F", "::"}} {
		if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", c, err, out)
		}
	}
	return stick
}

// useConsole goes through the console's menu, on the serial line, and in the end switches the box off with it.
func useConsole(t *testing.T, b *vm.Boot, stick string) {
	t.Helper()
	steps := []struct{ keys, want string }{
		// What a modem says, and keys without words: nothing of it ends the box.
		{"\r\nRING\r\nNO CARRIER\r\n\x1bOR\x1bOR\r\n\x03\x1bOQ\x1bOQ\r\n\x03\x1b1", `(?m)^sanduk: Number, 1 to 2: $`},
		{"1\r\r", `(?m)^sanduk: Try these settings\?$`},
		{"use\r", `(?m)^sanduk: Does it work\?$`},
		{"keep\r", `(?m)^sanduk: The new settings stay$`},
		{"\r\x1b[15~", `(?m)^sanduk: Support bundle to a USB stick$`},
		{"write\r", `(?m)^sanduk: It is the file (SANDUK-SUPPORT/\S+\.zip), .*$`},
	}
	if err := b.Press(t.Context(), "f1"); err != nil { // on the screen, meanwhile
		t.Fatal(err)
	}
	name := ""
	for _, step := range steps {
		if err := b.Type(step.keys); err != nil {
			t.Fatal(err)
		}
		if m := say(t, b, step.want); len(m) > 1 {
			name = m[1]
		}
	}
	screenshot(t, b, "console-network")
	if err := b.Unplug(t.Context(), "stick0"); err != nil {
		t.Fatal(err)
	}
	say(t, b, `(?m)^sanduk: disk disconnected: \S.*, 0\.1 GB$`)
	if err := b.Type("\r\x1b[13~off\r"); err != nil {
		t.Fatal(err)
	}
	if event, err := b.Wait(t.Context(), offTime); err != nil || event.Reason != "guest-shutdown" {
		t.Fatalf("F3 and the word: the machine ended with %+v, %v, want it switched off", event, err)
	}
	out, err := exec.Command("mtype", "-i", stick, "::"+name).Output()
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(out), int64(len(out)))
	if err != nil {
		t.Fatalf("the bundle on the stick: %v", err)
	}
	var files []string
	for _, f := range z.File {
		files = append(files, f.Name)
	}
	for _, want := range []string{"README.txt", "health.json", "machine.json", "log.jsonl"} {
		if !slices.Contains(files, want) {
			t.Errorf("the bundle has %q, want %s in it", files, want)
		}
	}
}

// factoryReset has the console erase a box that is in use: it comes up as a new one, also when the power goes while it
// erases, and still knows its versions.
func factoryReset(t *testing.T, m *vm.Machine, b *vm.Boot) {
	t.Helper()
	for _, step := range []struct{ keys, want string }{
		{"\x1b[20~", `(?m)^sanduk: 2  Factory reset`}, {"2\r", `(?m)^sanduk: Type the word "erase" and press Enter: $`}, {"erase\r", `(?m)^sanduk: factory reset: the next start erases everything$`},
	} {
		if err := b.Type(step.keys); err != nil {
			t.Fatal(err)
		}
		say(t, b, step.want)
	}
	if event, err := b.Wait(t.Context(), offTime); err != nil || event.Reason != "guest-reset" {
		t.Fatalf("the machine ended with %+v, %v, want a restart", event, err)
	}
	if os.Getenv("SANDUK_LONG") == "1" {
		for range 3 {
			b = boot(t, m)
			say(t, b, `(?m)^sanduk: boot disk`) // the erasing is next
			b.Kill()
		}
	}
	b = boot(t, m)
	say(t, b, portsLine)
	say(t, b, codeLine)
	if err := b.PowerOff(t.Context(), offTime); err != nil {
		t.Fatal(err)
	}
	files, err := m.ListESP()
	if err != nil || !slices.Contains(files, "update.json") {
		t.Errorf("the boot partition has %q, %v; want what is known of the versions on it", files, err)
	}
}

// TestInstall starts from a stick in a machine with an empty disk, installs onto that, and starts from it alone: mail
// works. Then a stick replaces the program on that disk, and the mail is still there.
func TestInstall(t *testing.T) {
	t.Parallel()
	if os.Getenv("SANDUK_LONG") != "1" {
		t.Skip("SKIPPED in the short form: SANDUK_LONG=1 runs it")
	}
	inside := machine(t, vm.Options{DiskSize: 3 << 30, Controller: vm.AHCI}) // its disk is made below
	if err := os.WriteFile(inside.Disk(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := inside.Grow(3 << 30); err != nil {
		t.Fatal(err)
	}
	fromStick := func(steps [][2]string) {
		t.Helper()
		stick := machine(t, vm.Options{Image: artifact(t, image), Controller: vm.USB, Extra: []string{inside.Disk()}})
		b := boot(t, stick)
		say(t, b, portsLine)
		for _, step := range steps {
			if err := b.Type(step[0]); err != nil {
				t.Fatal(err)
			}
			say(t, b, step[1])
		}
		if err := b.PowerOff(t.Context(), offTime); err != nil {
			t.Fatal(err)
		}
	}
	fromStick([][2]string{
		{"\x1b[19~", `(?m)^sanduk: Install onto a disk of this machine$`}, {"1\r", `(?m)^sanduk: Everything on this disk is erased`},
		{"erase\r", `(?m)^sanduk: The box is installed$`},
	})
	if err := inside.PutESP("setup.json", []byte(provisioning)); err != nil {
		t.Fatal(err)
	}
	b := boot(t, inside)
	say(t, b, runningLine)
	if err := send(b, "from the disk"); err != nil {
		t.Fatal(err)
	}
	if err := b.PowerOff(t.Context(), offTime); err != nil {
		t.Fatal(err)
	}
	fromStick([][2]string{
		{"\x1b[19~", `(?m)^sanduk: 1  .* \(with mail\)$`}, {"1\r", `(?m)^sanduk: There is a box's mail on this disk$`},
		{"1\r", `(?m)^sanduk: Mail, people and settings on it stay`}, {"install\r", `(?m)^sanduk: The box is installed$`},
	})
	b = boot(t, inside)
	say(t, b, portsLine)
	if got := subjects(t, b); !slices.Equal(got, []string{"from the disk"}) {
		t.Errorf("inbox after the program was installed anew = %q, want the message kept", got)
	}
	if err := b.PowerOff(t.Context(), offTime); err != nil {
		t.Error(err)
	}
}
