package disktest

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestDisk fills a disk, makes it larger, and has it take no writes.
func TestDisk(t *testing.T) {
	if !Inside(t) {
		return
	}
	d := New(t, 1<<20)
	write := func(n int) error { return os.WriteFile(filepath.Join(d.Dir, "file"), make([]byte, n), 0o600) }
	d.Fill(8192)
	if free := d.Free(); free != 8192 {
		t.Errorf("%d bytes are free; want 8192", free)
	}
	if err := write(64 << 10); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("write on a full disk: %v; want ENOSPC", err)
	}
	d.Resize(2 << 20)
	if err := write(64 << 10); err != nil {
		t.Error(err)
	}
	d.Empty()
	d.ReadOnly(true)
	if err := write(1); !errors.Is(err, syscall.EROFS) {
		t.Errorf("write: %v; want EROFS", err)
	}
	d.ReadOnly(false)
	if err := write(1); err != nil {
		t.Error(err)
	}
}
