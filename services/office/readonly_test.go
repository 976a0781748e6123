package office

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// watched is a machine whose screen is remembered.
type watched struct {
	testMachine
	mu    sync.Mutex
	shown []string // guarded by mu
}

func (w *watched) Show(_ context.Context, s Screen) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shown = append(w.shown, s.State)
	return nil
}

// TestStartReadOnly starts on a disk that takes no writes: the screen says so.
func TestStartReadOnly(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	o := startOffice(t, data)
	o.setUpNow(t, 0)
	if err := o.stop(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(data, data, "", unix.MS_BIND, ""); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(data, unix.MNT_DETACH) })
	if err := unix.Mount("", data, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	w := &watched{}
	_, err := Open(t.Context(), Options{Data: data, Version: "test", Dev: true, Machine: w, Log: slog.New(slog.DiscardHandler)})
	if !errors.Is(err, syscall.EROFS) {
		t.Fatalf("Open = %v; want EROFS", err)
	}
	if text := strings.Join(w.shown, "; "); text != cantStartReadOnly {
		t.Errorf("the screen says %q; want %q", text, cantStartReadOnly)
	}
}
