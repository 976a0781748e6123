package office

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/sanduk-mail/sanduk/services/directory"
)

// TestLogIsLost: a box whose disk has lost its log, and perhaps more, does not ask
// to be set up, says so on its screen, and leaves what there is as it is.
func TestLogIsLost(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	o := startOffice(t, data)
	o.setUpNow(t, 0)
	if err := o.submit(t, "bob@"+testDomain, "Subject: x\r\n\r\nx\r\n"); err != nil {
		t.Fatal(err)
	}
	<-o.machine.settled
	if err := o.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, settledFile), nil, 0o600); err != nil { // attend was about to
		t.Fatal(err)
	}
	indexes, err := filepath.Glob(filepath.Join(data, "mail/accounts/*/index.db"))
	if err != nil || len(indexes) == 0 {
		t.Fatalf("indexes %q, %v; want some", indexes, err)
	}
	for _, lost := range []string{"mail/log", "mail/directory.db"} {
		if err := os.RemoveAll(filepath.Join(data, lost)); err != nil {
			t.Fatal(err)
		}
		machine := &testMachine{}
		again, err := Open(t.Context(), Options{Data: data, Version: "test", Dev: true, Machine: machine, Log: slog.New(slog.DiscardHandler)})
		if !errors.Is(err, directory.ErrLost) {
			if err == nil {
				_ = again.Close() // the test fails anyway
			}
			t.Fatalf("without %s: Open = %v; want ErrLost", lost, err)
		}
		if n := len(machine.screens); n == 0 || machine.screens[n-1].State != lostState || machine.screens[n-1].ClaimCode != "" {
			t.Errorf("without %s the screen shows %+v", lost, machine.screens)
		}
		for _, name := range indexes {
			if _, err := os.Stat(name); err != nil {
				t.Errorf("without %s: %v", lost, err)
			}
		}
	}
}
