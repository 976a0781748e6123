package draft

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

func newSpool(t *testing.T) (*Spool, string) {
	t.Helper()
	dir := t.TempDir()
	disk, err := durable.NewOS(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.Close() })
	s, err := NewSpool(disk, "spool", nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, filepath.Join(dir, "spool")
}

func files(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestDraft(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, blockSize, blockSize + 1, 3*blockSize - 1, MemoryLimit, MemoryLimit + 1} {
		spool, dir := newSpool(t)
		text := append([]byte("Subject: hello\r\n\r\n"), bytes.Repeat([]byte("x"), size)...)[:max(size, 18)]
		d := spool.New(int64(len(text)))
		for rest := text; len(rest) > 0; {
			n := min(len(rest), 10_000)
			if m, err := d.Write(rest[:n]); m != n || err != nil {
				t.Fatalf("Write = %d, %v; want %d", m, err, n)
			}
			rest = rest[n:]
		}
		if err := d.Finish(); err != nil {
			t.Fatal(err)
		}
		checkReader(t, d, text)
		if d.Size() != int64(len(text)) || d.Digest().Envelope.Subject != "hello" {
			t.Errorf("%d bytes: size %d, digest %+v", size, d.Size(), d.Digest())
		}
		if got, want := files(t, dir), min(1, max(0, len(text)-MemoryLimit)); got != want {
			t.Errorf("%d bytes: %d files in the spool; want %d", size, got, want)
		}
		if err := d.Finish(); err != nil {
			t.Errorf("a second Finish: %v", err)
		}
		if _, err := d.Write([]byte("x")); err == nil {
			t.Error("Write after Finish succeeded")
		}
		d.Discard()
		d.Discard()
		if got := files(t, dir); got != 0 {
			t.Errorf("%d bytes: %d files left after Discard", size, got)
		}
		if err := d.Finish(); err == nil {
			t.Error("Finish after Discard succeeded")
		}
	}
}

// checkReader holds that the draft reads as text, in order and at offsets. What
// iotest does with a large one takes long.
func checkReader(t *testing.T, d *Draft, text []byte) {
	t.Helper()
	if len(text) <= 4*blockSize {
		if err := iotest.TestReader(d.Reader(), text); err != nil {
			t.Errorf("%d bytes: %v", len(text), err)
		}
		return
	}
	if got, err := io.ReadAll(d.Reader()); err != nil || !bytes.Equal(got, text) {
		t.Errorf("%d bytes: %d come out, %v; want the same", len(text), len(got), err)
	}
}

// TestNoMemory: a draft goes on in a file, with the same bytes, wherever in it
// the memory ends.
func TestNoMemory(t *testing.T) {
	t.Parallel()
	for _, blocks := range []int64{0, 1, 2} {
		spool, dir := newSpool(t)
		spool.memory.Store(MemoryBudget - blocks*blockSize)
		text := bytes.Repeat([]byte("0123456789"), 4*blockSize/10)
		d := spool.New(1 << 30)
		for rest := text; len(rest) > 0; rest = rest[min(len(rest), 1000):] {
			if _, err := d.Write(rest[:min(len(rest), 1000)]); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Finish(); err != nil {
			t.Fatal(err)
		}
		checkReader(t, d, text)
		if got := files(t, dir); got != 1 {
			t.Errorf("%d files in the spool; want the draft", got)
		}
		d.Discard()
		if got := spool.memory.Load(); got != MemoryBudget-blocks*blockSize {
			t.Errorf("%d bytes are counted after Discard; want as many as before", got)
		}
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	spool, _ := newSpool(t)
	d := spool.New(10)
	defer d.Discard()
	if _, err := d.Write(make([]byte, 10)); err != nil {
		t.Errorf("Write up to the limit: %v", err)
	}
	for range 2 {
		if n, err := d.Write(make([]byte, 1)); n != 0 || !errors.Is(err, mail.ErrTooLarge) {
			t.Errorf("Write over the limit = %d, %v; want ErrTooLarge", n, err)
		}
	}
	if err := d.Finish(); !errors.Is(err, mail.ErrTooLarge) {
		t.Errorf("Finish = %v; want ErrTooLarge again", err)
	}
}

// fullFS is a disk on which there is room for so many bytes.
type fullFS struct {
	durable.FS
	room int
	err  error
}

type fullFile struct {
	durable.File
	fs *fullFS
}

func (f *fullFS) OpenFile(name string, flag int, perm fs.FileMode) (durable.File, error) {
	file, err := f.FS.OpenFile(name, flag, perm)
	return &fullFile{file, f}, err
}

func (f *fullFile) Write(p []byte) (int, error) {
	if f.fs.room -= len(p); f.fs.room < 0 {
		return 0, f.fs.err
	}
	return f.File.Write(p)
}

func TestDiskErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		room int
		err  error
		want error
	}{
		{0, syscall.ENOSPC, mail.ErrNoSpace},
		{MemoryLimit + 10, syscall.ENOSPC, mail.ErrNoSpace},
		{MemoryLimit + 10, syscall.EDQUOT, mail.ErrNoSpace},
		{MemoryLimit + 10, syscall.EIO, syscall.EIO},
	} {
		spool, dir := newSpool(t)
		spool.fs = &fullFS{spool.fs, test.room, test.err}
		d := spool.New(1 << 30)
		var err error
		for range 10 {
			_, err = d.Write(make([]byte, MemoryLimit/3))
		}
		if !errors.Is(err, test.want) || !errors.Is(err, test.err) {
			t.Errorf("room for %d: Write = %v; want %v (%v)", test.room, err, test.want, test.err)
		}
		if again := d.Finish(); again != err {
			t.Errorf("Finish = %v; want the same: %v", again, err)
		}
		d.Discard()
		if got := files(t, dir); got != 0 {
			t.Errorf("%d files left after Discard", got)
		}
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	spool, dir := newSpool(t)
	d := spool.New(1 << 30)
	if _, err := io.CopyN(d, zeros{}, MemoryLimit+1); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "not ours"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := files(t, dir); got != 2 {
		t.Fatalf("%d files; want the draft and a stranger", got)
	}
	if _, err := NewSpool(spool.fs, "spool", nil); err != nil {
		t.Fatal(err)
	}
	if got := files(t, dir); got != 1 {
		t.Errorf("%d files after a new start; want the stranger alone", got)
	}
	d.Discard() // its file is gone; that is nobody's trouble
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestMemoryBudget: a crowd of drafts goes to files when the memory for all is
// used up, and gives it back. Large ones leave half of it to small ones.
func TestMemoryBudget(t *testing.T) {
	t.Parallel()
	spool, dir := newSpool(t)
	var drafts []*Draft
	write := func(n, size int) {
		for range n {
			d := spool.New(MemoryLimit)
			if _, err := d.Write(make([]byte, size)); err != nil {
				t.Fatal(err)
			}
			drafts = append(drafts, d)
		}
	}
	write(MemoryBudget/2/MemoryLimit+3, MemoryLimit)
	if got := files(t, dir); got != 3 {
		t.Errorf("%d drafts are files; want the 3 beyond half the budget", got)
	}
	write(MemoryBudget/2/smallDraft+2, smallDraft)
	if got := files(t, dir); got != 5 {
		t.Errorf("%d drafts are files; want these 3 and the 2 small ones beyond the budget", got)
	}
	for _, d := range drafts {
		d.Discard()
		d.Discard()
	}
	if got := spool.memory.Load(); got != 0 {
		t.Errorf("%d bytes are still counted after everything was discarded", got)
	}
}

// TestReserve: a disk that is nearly full refuses drafts before it is full, and
// takes them again when there is room.
func TestReserve(t *testing.T) {
	t.Parallel()
	spool, _ := newSpool(t)
	free := int64(Reserve + 1)
	spool.free = func() (int64, error) { return free, nil }
	write := func() error {
		d := spool.New(1 << 30)
		defer d.Discard()
		for range 8 {
			if _, err := d.Write(make([]byte, freeEvery/2)); err != nil {
				return err
			}
		}
		return d.Finish()
	}
	if err := write(); err != nil {
		t.Fatal(err)
	}
	free = Reserve - 1
	if err := write(); !errors.Is(err, mail.ErrNoSpace) {
		t.Errorf("got %v; want ErrNoSpace", err)
	}
	free = Reserve
	if err := write(); err != nil {
		t.Errorf("after room was made: %v", err)
	}
}

// TestScanBudget: many messages with enormous headers at once are put off before
// they use up the memory, and an ordinary one is taken beside them.
func TestScanBudget(t *testing.T) {
	t.Parallel()
	spool, _ := newSpool(t)
	hostile := bytes.Repeat([]byte("a@b.test,"), 1<<17)
	refused := 0
	var drafts []*Draft
	for range 100 {
		d := spool.New(mail.MaxMessage)
		drafts = append(drafts, d)
		_, err := d.Write([]byte("To: "))
		for rest := hostile; len(rest) > 0 && err == nil; rest = rest[min(len(rest), 16<<10):] {
			_, err = d.Write(rest[:min(len(rest), 16<<10)])
		}
		if err == nil {
			continue
		}
		refused++
		if refusal, ok := errors.AsType[*mail.Refusal](err); !ok || !refusal.Temporary() {
			t.Fatalf("a message that does not fit is refused with %v; want a temporary refusal", err)
		}
	}
	if got := spool.scanning.Load(); refused == 0 || refused == len(drafts) || got > ScanBudget+int64(len(drafts))*2*scanShare+4*message.DefaultHeader {
		t.Errorf("%d of %d are refused, %d bytes are held; want some, and about %d", refused, len(drafts), got, ScanBudget)
	}
	d := spool.New(mail.MaxMessage)
	if _, err := d.Write([]byte("Subject: hello\r\n\r\nbody\r\n")); err != nil || d.Finish() != nil {
		t.Errorf("an ordinary message beside them: %v", err)
	}
	for _, d := range append(drafts, d) {
		d.Discard()
	}
	if got := spool.scanning.Load(); got != 0 {
		t.Errorf("%d bytes are counted behind the last message; want 0", got)
	}
}
