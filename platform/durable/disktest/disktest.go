// Package disktest gives tests a small disk of their own, which gets full and turns
// read-only as real ones do, for what can't be given a disk that is only played:
// bbolt, and whole programs.
//
// It is a tmpfs, mounted in a user and mount namespace that the test binary starts
// itself in once more: no right to mount is needed outside, and nothing of it is
// seen there. It says nothing about power cuts; package crashfs does.
package disktest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inside is the variable that tells the test that it runs in the namespace.
const inside = "SANDUK_DISKTEST"

// Inside reports whether the test runs where it may mount. If it does not, it is run
// there, by itself, and has failed or passed as it did there when Inside returns. A
// system that does not let it is a reason to skip, in capitals.
func Inside(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inside) == t.Name() {
		return true
	}
	probe := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^$")
	probe.SysProcAttr = attributes()
	if text, err := probe.CombinedOutput(); err != nil {
		t.Skipf("SKIPPED, NOTHING IS PROVEN: no user namespace to mount a small disk in (unshare -rm): %v: %s", err, text)
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.count=1", "-test.v", "-test.timeout=10m")
	cmd.Env = append(os.Environ(), inside+"="+t.Name())
	cmd.SysProcAttr = attributes()
	text, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		t.Errorf("on a disk of its own: %v\n%s", err, text)
	case !strings.Contains(string(text), "--- PASS: "+t.Name()+" "):
		t.Errorf("on a disk of its own it did not pass:\n%s", text)
	default:
		t.Logf("on a disk of its own:\n%s", text)
	}
	return false
}

func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
}

// Disk is a small disk.
type Disk struct {
	Dir string // where it is mounted
	t   testing.TB
}

// New mounts a disk of so many bytes. The test must be Inside.
func New(t testing.TB, size int64) *Disk {
	t.Helper()
	d := &Disk{t.TempDir(), t}
	if err := unix.Mount("disktest", d.Dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", size)); err != nil {
		t.Fatalf("mount a small disk: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(d.Dir, unix.MNT_DETACH) }) // it goes with the namespace
	return d
}

// Resize gives the disk another size in bytes, not below what is used.
func (d *Disk) Resize(size int64) {
	d.t.Helper()
	if err := unix.Mount("", d.Dir, "", unix.MS_REMOUNT, fmt.Sprintf("size=%d", size)); err != nil {
		d.t.Fatalf("resize the disk to %d: %v", size, err)
	}
}

// ReadOnly has the disk take writes or not. No file on it may be open for writing
// when it turns read-only.
func (d *Disk) ReadOnly(on bool) {
	d.t.Helper()
	flags := uintptr(unix.MS_REMOUNT)
	if on {
		flags |= unix.MS_RDONLY
	}
	if err := unix.Mount("", d.Dir, "", flags, ""); err != nil {
		d.t.Fatalf("remount the disk, read-only %t: %v", on, err)
	}
}

// Free is how many bytes are free.
func (d *Disk) Free() int64 {
	d.t.Helper()
	var s unix.Statfs_t
	if err := unix.Statfs(d.Dir, &s); err != nil {
		d.t.Fatal(err)
	}
	return int64(s.Bavail) * s.Bsize
}

// alien is a file that is not of whoever is tested.
const alien = "alien"

// Fill writes a file of somebody else's until only so many bytes are free. It may be
// called again, and then what was filled before stays.
func (d *Disk) Fill(leave int64) {
	d.t.Helper()
	f, err := os.OpenFile(filepath.Join(d.Dir, alien), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	_, err = io.CopyN(f, zeros{}, max(0, d.Free()-leave))
	if err = errors.Join(err, f.Close()); err != nil && !errors.Is(err, syscall.ENOSPC) {
		d.t.Fatal(err)
	}
}

// Empty removes what Fill wrote.
func (d *Disk) Empty() {
	d.t.Helper()
	if err := os.Remove(filepath.Join(d.Dir, alien)); err != nil && !errors.Is(err, os.ErrNotExist) {
		d.t.Fatal(err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
