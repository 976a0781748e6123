package boottest

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/secureboot"
	"github.com/sanduk-mail/sanduk/image/vm"
	"github.com/sanduk-mail/sanduk/platform/update"
)

// The image's loader, and what the loader reads.
const (
	loaderPath = "EFI/BOOT/BOOTX64.EFI"
	loaderConf = "loader/loader.conf"
)

// TestSecureBoot gives a machine its owner's keys, and offers the box an update that another has signed for the firmware
// (its bundle is in order: a mistake in releasing). The firmware doesn't start it, and the box comes back, with nobody
// there.
func TestSecureBoot(t *testing.T) {
	t.Parallel()
	artifact(t, image)
	if os.Getenv("SANDUK_LONG") != "1" {
		t.Skip("SKIPPED in the short form: SANDUK_LONG=1 runs it")
	}
	m := office(t, vm.Options{SecureBoot: true})
	own := enrol(t, m)
	// The first start has the loader put the keys into the firmware, and ends with that.
	b := boot(t, m)
	if e, err := b.Wait(t.Context(), bootTime); err != nil || e.Reason != "guest-reset" {
		t.Fatalf("enrolling the keys: %+v, %v\n%s", e, err, b.Serial())
	}
	b = boot(t, m)
	say(t, b, `(?m)^sanduk: Secure Boot is on$`)
	say(t, b, runningLine)
	if err := send(b, "before"); err != nil {
		t.Fatal(err)
	}
	a := signIn(t, b)
	first := a.versions(t)
	if !first.SecureBoot {
		t.Errorf("%+v, want it to say that Secure Boot is on", first)
	}
	foreign, err := newKey(t).Sign(t.Context(), version(t, "99.1.0", nil))
	if err != nil {
		t.Fatal(err)
	}
	a.install(t, b, "99.1.0", foreign)

	b = boot(t, m)
	say(t, b, runningLine)
	a = signIn(t, b)
	if s := a.versions(t); s.Running != first.Running || s.Last == nil || s.Last.Well || s.Last.To != "99.1.0" || !s.SecureBoot || s.OnTrial {
		t.Errorf("after an update of another's signing: %+v, want %s, not on trial, which says that 99.1.0 failed", s, first.Running)
	}
	wantESP(t, m, "sanduk_"+first.Running+".efi", "sanduk_99.1.0+0-3.efi")
	if got := subjects(t, b); !slices.Equal(got, []string{"before"}) {
		t.Errorf("inbox = %q", got)
	}
	signed, err := own.Sign(t.Context(), version(t, "99.2.0", nil))
	if err != nil {
		t.Fatal(err)
	}
	a.install(t, b, "99.2.0", signed)
	b = boot(t, m)
	say(t, b, `(?m)^sanduk: version 99\.2\.0 blessed$`)
	if s := signIn(t, b).versions(t); s.Running != "99.2.0" || !s.SecureBoot {
		t.Errorf("after an update of our signing: %+v", s)
	}
}

// enrol makes of a machine's disk what "make sign" would have made, and has the loader put the keys into the firmware
// without a person who chooses it in its menu.
func enrol(t *testing.T, m *vm.Machine) secureboot.Key {
	t.Helper()
	k := newKey(t)
	files, err := k.Enrol(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	esp, err := m.ListESP()
	if err != nil {
		t.Fatal(err)
	}
	change := make(map[string][]byte)
	for name, data := range files {
		change["loader/keys/auto/"+name] = data
	}
	for _, name := range esp {
		if name != loaderPath && !strings.HasPrefix(name, update.Dir+"/") {
			continue
		}
		program, err := m.GetESP(name)
		if err != nil {
			t.Fatal(err)
		}
		if change[name], err = k.Sign(t.Context(), program); err != nil {
			t.Fatal(err)
		}
	}
	if change[loaderConf], err = m.GetESP(loaderConf); err != nil {
		t.Fatal(err)
	}
	change[loaderConf] = append(change[loaderConf], "secure-boot-enroll force\n"...)
	for _, dir := range []string{"loader/keys", "loader/keys/auto"} {
		if err := m.MakeESPDir(dir); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range change {
		if err := m.PutESP(name, data); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

func newKey(t *testing.T) secureboot.Key {
	t.Helper()
	k, err := secureboot.MakeKey(t.TempDir(), "test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return k
}
