package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

func newOS(t *testing.T) *OS {
	t.Helper()
	o, err := NewOS(t.TempDir())
	if err != nil {
		t.Fatalf("NewOS: %v", err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return o
}

func TestFileReadsWhatWasWritten(t *testing.T) {
	t.Parallel()
	o := newOS(t)
	f, err := o.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"hello ", "world"} {
		if _, err := io.WriteString(f, s); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.WriteAt([]byte("J"), 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(5); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if got := f.Name(); got != "a" {
		t.Errorf("Name = %q, want a", got)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := ReadFile(o, "a", 100)
	if err != nil || string(got) != "Jello" {
		t.Errorf("ReadFile = %q, %v, want Jello", got, err)
	}
	fi, err := o.Stat("a")
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("Stat = %v, %v, want mode 0600", fi, err)
	}
	if err := f.Sync(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Sync after Close = %v, want fs.ErrClosed", err)
	}
}

func TestSyncFailureSticks(t *testing.T) {
	t.Parallel()
	o := newOS(t)
	calls := 0
	o.syncFile = func(*os.File) error {
		calls++
		if calls == 1 {
			return syscall.EIO
		}
		return nil // as Linux does: the error is reported once
	}
	f, err := o.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	first := f.Sync()
	var syncErr *SyncError
	if !errors.As(first, &syncErr) || !errors.Is(first, syscall.EIO) || syncErr.Name != "a" {
		t.Fatalf("Sync = %v, want *SyncError of a with EIO", first)
	}
	_, writeErr := f.Write([]byte("x"))
	_, writeAtErr := f.WriteAt([]byte("x"), 0)
	for what, err := range map[string]error{
		"Sync": f.Sync(), "Write": writeErr, "WriteAt": writeAtErr, "Truncate": f.Truncate(0),
	} {
		if !errors.Is(err, first) {
			t.Errorf("%s after a failed sync = %v, want the first error", what, err)
		}
	}
	if calls != 1 {
		t.Errorf("the kernel was asked %d times, want 1", calls)
	}
	if _, err := f.ReadAt(make([]byte, 1), 0); err != io.EOF {
		t.Errorf("ReadAt after a failed sync = %v, want io.EOF (reading goes on)", err)
	}
}

// TestSyncFailureIsEverybodys has two syncs of a file at once, of which the kernel
// tells only one that a write was lost: the other must not return success.
func TestSyncFailureIsEverybodys(t *testing.T) {
	t.Parallel()
	o := newOS(t)
	first, hold := make(chan struct{}), make(chan struct{})
	var calls atomic.Int32
	o.syncFile = func(*os.File) error {
		if calls.Add(1) == 1 {
			close(first)
			<-hold // it has the error, but nobody knows yet
			return syscall.EIO
		}
		return nil
	}
	opened, err := o.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	f := opened.(*file)
	var errs [2]error
	var wg sync.WaitGroup
	wg.Go(func() { errs[0] = f.Sync() })
	<-first
	asked := make(chan struct{})
	wg.Go(func() { errs[1] = f.Sync(); close(asked) })
	for f.asked.Load() < 2 {
		runtime.Gosched()
	}
	select {
	case <-asked:
		t.Error("a sync returned although the kernel's report was still out")
	default:
	}
	close(hold)
	wg.Wait()
	for i, err := range errs {
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("Sync %d = %v; want EIO", i, err)
		}
	}
}

// TestSyncShared proves that those who wait while a sync is under way are served
// by the next one together.
func TestSyncShared(t *testing.T) {
	t.Parallel()
	o := newOS(t)
	first, hold := make(chan struct{}), make(chan struct{})
	calls := 0
	o.syncFile = func(*os.File) error {
		if calls++; calls == 1 {
			close(first)
			<-hold
		}
		return nil
	}
	opened, err := o.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	f := opened.(*file)
	var wg sync.WaitGroup
	wg.Go(func() { _ = f.Sync() })
	<-first
	for range 8 {
		wg.Go(func() { _ = f.Sync() })
	}
	for f.asked.Load() < 9 {
		runtime.Gosched()
	}
	close(hold)
	wg.Wait()
	if calls != 2 {
		t.Errorf("the kernel was asked %d times by 9 callers; want 2", calls)
	}
}

func TestSyncDirFailureSticks(t *testing.T) {
	t.Parallel()
	o := newOS(t)
	calls := 0
	o.syncDir = func(*os.File) error {
		calls++
		if calls == 1 {
			return syscall.EIO
		}
		return nil
	}
	for i := range 2 {
		if err := o.SyncDir("."); !errors.Is(err, syscall.EIO) {
			t.Errorf("SyncDir call %d = %v, want EIO", i+1, err)
		}
	}
}

// TestSyncDirFull proves that a full disk is not for ever.
func TestSyncDirFull(t *testing.T) {
	t.Parallel()
	o := newOS(t)
	err := error(syscall.ENOSPC)
	o.syncDir = func(*os.File) error { return err }
	if got := o.SyncDir("."); !errors.Is(got, syscall.ENOSPC) {
		t.Errorf("SyncDir on a full disk = %v; want ENOSPC", got)
	}
	err = nil
	if got := o.SyncDir("."); got != nil {
		t.Errorf("SyncDir with room again = %v", got)
	}
}

func TestNamesStayInside(t *testing.T) {
	t.Parallel()
	o := newOS(t)
	outside := t.TempDir()
	if err := os.Symlink(outside, o.Path("link")); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Create("link/x"); err == nil {
		t.Error("Create through a link that leaves the root succeeded")
	}
	for _, name := range []string{"../x", "/x", "", "a//b", "a/../b"} {
		if _, err := o.Create(name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("Create(%q) = %v, want fs.ErrInvalid", name, err)
		}
		if err := o.Rename(name, "x"); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("Rename(%q) = %v, want fs.ErrInvalid", name, err)
		}
		if err := MkdirAllSync(o, name, 0o700); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("MkdirAllSync(%q) = %v, want fs.ErrInvalid", name, err)
		}
	}
	if left, _ := os.ReadDir(outside); len(left) != 0 {
		t.Errorf("outside the root there is now %v", left)
	}
}

// recorder notes the operations that matter for durability, in order.
type recorder struct {
	FS
	log    []string
	failOn string // the operation that fails
}

func (r *recorder) note(format string, args ...any) error {
	op := fmt.Sprintf(format, args...)
	r.log = append(r.log, op)
	if op == r.failOn {
		return syscall.EIO
	}
	return nil
}

func (r *recorder) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	if err := r.note("open %s", name); err != nil {
		return nil, err
	}
	f, err := r.FS.OpenFile(name, flag, perm)
	return &recordedFile{File: f, r: r}, err
}

func (r *recorder) Rename(a, b string) error {
	if err := r.note("rename %s %s", a, b); err != nil {
		return err
	}
	return r.FS.Rename(a, b)
}

func (r *recorder) MkdirAll(name string, perm fs.FileMode) error {
	if err := r.note("mkdir %s", name); err != nil {
		return err
	}
	return r.FS.MkdirAll(name, perm)
}

func (r *recorder) SyncDir(name string) error {
	if err := r.note("syncdir %s", name); err != nil {
		return err
	}
	return r.FS.SyncDir(name)
}

type recordedFile struct {
	File
	r *recorder
}

func (f *recordedFile) Write(p []byte) (int, error) {
	if err := f.r.note("write %s", f.Name()); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f *recordedFile) Sync() error {
	if err := f.r.note("sync %s", f.Name()); err != nil {
		return err
	}
	return f.File.Sync()
}

var replaceOrder = []string{
	"open d/a.new", "write d/a.new", "sync d/a.new", "rename d/a.new d/a", "syncdir d",
}

func TestReplaceOrder(t *testing.T) {
	t.Parallel()
	o := newOS(t)
	if err := MkdirAllSync(o, "d", 0o700); err != nil {
		t.Fatal(err)
	}
	// What a crashed attempt left, longer and with other permissions.
	if err := os.WriteFile(o.Path("d/a.new"), []byte(strings.Repeat("x", 100)), 0o666); err != nil {
		t.Fatal(err)
	}
	r := &recorder{FS: o}
	if err := ReplaceBytes(r, "d/a", 0o640, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.log, replaceOrder) {
		t.Errorf("operations\n got %q\nwant %q", r.log, replaceOrder)
	}
	if got, err := ReadFile(o, "d/a", 10); string(got) != "new" {
		t.Errorf("content = %q, %v, want new", got, err)
	}
	if fi, err := os.Stat(o.Path("d/a")); err != nil || fi.Mode().Perm() != 0o640 {
		t.Errorf("mode = %v, %v, want 0640", fi.Mode(), err)
	}
}

func TestReplaceFailsAtEveryStep(t *testing.T) {
	t.Parallel()
	for _, op := range replaceOrder {
		o := newOS(t)
		if err := o.MkdirAll("d", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := ReplaceBytes(o, "d/a", 0o600, []byte("old")); err != nil {
			t.Fatal(err)
		}
		err := ReplaceBytes(&recorder{FS: o, failOn: op}, "d/a", 0o600, []byte("new"))
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("failing %q: error %v, want EIO", op, err)
		}
		want := "old"
		if op == "syncdir d" {
			want = "new"
		}
		if got, err := ReadFile(o, "d/a", 10); string(got) != want {
			t.Errorf("failing %q: content %q, %v, want %q", op, got, err, want)
		}
	}
}

func TestMkdirAllSyncSyncsEveryParent(t *testing.T) {
	t.Parallel()
	r := &recorder{FS: newOS(t)}
	if err := MkdirAllSync(r, "a/b/c", 0o700); err != nil {
		t.Fatal(err)
	}
	want := []string{"mkdir a", "syncdir .", "mkdir a/b", "syncdir a", "mkdir a/b/c", "syncdir a/b"}
	if !slices.Equal(r.log, want) {
		t.Errorf("operations\n got %q\nwant %q", r.log, want)
	}
	if err := MkdirAllSync(r, "a/b/c", 0o700); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestReadFileLimit(t *testing.T) {
	t.Parallel()
	o := newOS(t)
	if err := ReplaceBytes(o, "a", 0o600, []byte("12345")); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(o, "a", 4); !errors.Is(err, ErrTooLarge) {
		t.Errorf("limit 4: %v, want ErrTooLarge", err)
	}
	if got, err := ReadFile(o, "a", 5); string(got) != "12345" {
		t.Errorf("limit 5: %q, %v", got, err)
	}
	if _, err := ReadFile(o, "b", 5); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v, want fs.ErrNotExist", err)
	}
}

func TestReadDirSorted(t *testing.T) {
	t.Parallel()
	o := newOS(t)
	for _, n := range []string{"c", "a", "b"} {
		if err := os.WriteFile(filepath.Join(o.Path("."), n), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := o.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if want := []string{"a", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("ReadDir = %q, want %q", got, want)
	}
	if err := o.Remove("a"); err != nil {
		t.Error(err)
	}
	if _, err := o.Stat("a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat of a removed file = %v", err)
	}
}

// TestDirect writes past the page cache, where the file system of the test lets
// it, over blocks that were written before, and reads it back.
func TestDirect(t *testing.T) {
	t.Parallel()
	o := newOS(t)
	f, err := o.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(make([]byte, 4*Alignment)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	if f, err = o.OpenFile("a", os.O_RDWR|syscall.O_DIRECT, 0); errors.Is(err, syscall.EINVAL) {
		t.Skip("SKIPPED: the file system of the temporary directory takes no direct writes")
	} else if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := AlignedBytes(2 * Alignment)
	if len(b) != 2*Alignment || cap(b) != len(b) {
		t.Errorf("AlignedBytes has length %d and capacity %d; want %d", len(b), cap(b), 2*Alignment)
	}
	copy(b[Alignment:], "direct")
	if _, err := f.WriteAt(b, Alignment); err != nil {
		t.Fatalf("WriteAt = %v", err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	got, err := ReadFile(o, "a", 1<<20)
	if err != nil || len(got) != 4*Alignment || string(got[2*Alignment:2*Alignment+6]) != "direct" {
		t.Errorf("ReadFile = %d bytes, %v; want %d with what was written", len(got), err, 4*Alignment)
	}
}

// TestAllocate sets space aside: the size stays, and Truncate gives it back.
func TestAllocate(t *testing.T) {
	t.Parallel()
	o := newOS(t)
	f, err := o.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write([]byte("content")); err != nil {
		t.Fatal(err)
	}
	blocks := func() int64 {
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(o.Path("a"))
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() != 7 {
			t.Errorf("size %d; want 7", info.Size())
		}
		return info.Sys().(*syscall.Stat_t).Blocks
	}
	before := blocks()
	if err := f.Allocate(7, 1<<20); errors.Is(err, errors.ErrUnsupported) {
		t.Skip("SKIPPED: the file system of the temporary directory sets no space aside")
	} else if err != nil {
		t.Fatalf("Allocate = %v", err)
	}
	if got := blocks(); got < before+1<<20/512 {
		t.Errorf("%d blocks of 512 bytes, were %d; want 1 MiB more", got, before)
	}
	if err := f.Truncate(7); err != nil {
		t.Fatal(err)
	}
	if got := blocks(); got > before+64 {
		t.Errorf("%d blocks of 512 bytes behind Truncate; want about %d", got, before)
	}
}
