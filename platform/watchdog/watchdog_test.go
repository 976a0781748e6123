package watchdog

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// machine is a /dev and /sys with watchdogs in it; the devices are plain files,
// which take the older interface of written bytes.
func machine(t *testing.T, identities map[string]string) (dev, sys string) {
	t.Helper()
	dev, sys = t.TempDir(), t.TempDir()
	for name, identity := range identities {
		dir := filepath.Join(sys, "class/watchdog", name)
		err := errors.Join(
			os.MkdirAll(dir, 0o755),
			os.WriteFile(filepath.Join(dir, "identity"), []byte(identity+"\n"), 0o644),
			os.WriteFile(filepath.Join(dev, name), nil, 0o644),
		)
		if err != nil {
			t.Fatal(err)
		}
	}
	return dev, sys
}

func TestOpenPrefersHardware(t *testing.T) {
	t.Parallel()
	dev, sys := machine(t, map[string]string{"watchdog0": "Software Watchdog", "watchdog1": "i6300ESB timer", "watchdog2": "iTCO_wdt"})
	d, err := Open(dev, sys)
	if err != nil || d.Name != "i6300ESB timer" {
		t.Fatalf("Open = %+v, %v, want the first hardware one", d, err)
	}
	if err := d.Feed(); err != nil {
		t.Error(err)
	}
	if err := d.Disarm(); err != nil {
		t.Error(err)
	}
	got, err := os.ReadFile(filepath.Join(dev, "watchdog1"))
	if err != nil || string(got) != "\x00\x00V" {
		t.Errorf("written %q, %v; want two feedings (Open feeds), then the magic close", got, err)
	}
}

func TestOpenTakesSoftwareWhenAlone(t *testing.T) {
	t.Parallel()
	dev, sys := machine(t, map[string]string{"watchdog0": "Software Watchdog"})
	d, err := Open(dev, sys)
	if err != nil || d.Name != "Software Watchdog" {
		t.Errorf("Open = %+v, %v", d, err)
	}
}

func TestOpenNone(t *testing.T) {
	t.Parallel()
	dev, sys := machine(t, nil)
	if d, err := Open(dev, sys); !errors.Is(err, ErrNone) {
		t.Errorf("Open = %+v, %v, want ErrNone", d, err)
	}
}
