package nbd

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

const testSize = 1 << 20

// newDisk makes a disk on a file of zeros.
func newDisk(t *testing.T, o Options) (*Disk, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(file, make([]byte, testSize), 0o644); err != nil {
		t.Fatal(err)
	}
	d, err := Open(file, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return d, file
}

func content(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func block(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }

func put(t *testing.T, d *Disk, b byte, off int64, n int, fua bool) {
	t.Helper()
	if err := d.WriteAt(block(b, n), off, fua); err != nil {
		t.Fatal(err)
	}
}

func flush(t *testing.T, d *Disk) {
	t.Helper()
	if err := d.Flush(); err != nil {
		t.Fatal(err)
	}
}

func TestReadsWhatWasWritten(t *testing.T) {
	t.Parallel()
	d, file := newDisk(t, Options{})
	put(t, d, 1, 1000, 5000, false)
	put(t, d, 2, 3000, 100, false)
	if err := d.Trim(2000, 512, false); err != nil {
		t.Fatal(err)
	}
	want := make([]byte, testSize)
	copy(want[1000:], block(1, 5000))
	copy(want[3000:], block(2, 100))
	clear(want[2000:2512])
	for _, at := range []struct{ off, n int64 }{{0, testSize}, {2100, 1000}, {999, 2}, {5999, 2}} {
		got := make([]byte, at.n)
		if _, err := d.ReadAt(got, at.off); err != nil || !bytes.Equal(got, want[at.off:at.off+at.n]) {
			t.Errorf("read of %d at %d is not what was written (%v)", at.n, at.off, err)
		}
	}
	if !bytes.Equal(content(t, file), make([]byte, testSize)) {
		t.Error("the image has changed before any flush")
	}
	flush(t, d)
	if !bytes.Equal(content(t, file), want) {
		t.Error("the image after a flush is not what was written")
	}
	if d.Moves() != 4 || d.Unflushed() != 0 {
		t.Errorf("%d moves, %d bytes unflushed, want 4 and 0", d.Moves(), d.Unflushed())
	}
}

func TestRange(t *testing.T) {
	t.Parallel()
	d, _ := newDisk(t, Options{})
	for _, at := range []struct{ off, n int64 }{{testSize, 1}, {-1, 1}, {testSize - 1, 2}, {1 << 62, 512}} {
		if err := d.Trim(at.off, at.n, false); !errors.Is(err, errRange) {
			t.Errorf("trim of %d at %d: %v, want errRange", at.n, at.off, err)
		}
		if err := d.WriteAt(make([]byte, at.n%4096), at.off, false); !errors.Is(err, errRange) {
			t.Errorf("write at %d: %v, want errRange", at.off, err)
		}
	}
}

// TestCut proves over many seeds what a cut may do and what it may not: each sector holds one of the contents that it
// was given since the last flush, or the one before; and that it does all of this.
func TestCut(t *testing.T) {
	t.Parallel()
	const sectors = 64
	seen := map[string]bool{}
	for seed := range uint64(300) {
		d, file := newDisk(t, Options{})
		legal := make([]map[byte]bool, sectors)
		for s := range legal {
			legal[s] = map[byte]bool{0: true}
		}
		r := rand.New(rand.NewPCG(seed, 1))
		for value := byte(1); value < 40; value++ {
			s := r.IntN(sectors - 8)
			n := 1 + r.IntN(8)
			fua := r.IntN(10) == 0
			put(t, d, value, int64(s)*sector, n*sector, fua)
			for i := s; i < s+n; i++ {
				if fua {
					legal[i] = map[byte]bool{}
				}
				legal[i][value] = true
			}
			if value == 20 {
				flush(t, d)
				now := make([]byte, sectors*sector)
				if _, err := d.ReadAt(now, 0); err != nil {
					t.Fatal(err)
				}
				for i := range legal {
					legal[i] = map[byte]bool{now[i*sector]: true}
				}
			}
		}
		newest := make([]byte, sectors*sector)
		if _, err := d.ReadAt(newest, 0); err != nil {
			t.Fatal(err)
		}
		loss, err := d.Cut(seed)
		if err != nil || loss.Lost > loss.AtRisk || loss.AtRisk == 0 {
			t.Fatalf("seed %d: loss %+v, %v", seed, loss, err)
		}
		got := content(t, file)
		for i := range legal {
			s := got[i*sector : (i+1)*sector]
			if !legal[i][s[0]] || !bytes.Equal(s, block(s[0], sector)) {
				t.Fatalf("seed %d: sector %d holds %d, which a cut can't leave; it can: %v", seed, i, s[0], legal[i])
			}
			if s[0] == newest[i*sector] {
				seen["kept"] = true
			} else {
				seen["lost"] = true
			}
		}
		switch loss.Lost {
		case 0:
			seen["nothing lost"] = true
		case loss.AtRisk:
			seen["all lost"] = true
		}
	}
	for _, what := range []string{"kept", "lost", "all lost"} {
		if !seen[what] {
			t.Errorf("300 cuts and never: %s", what)
		}
	}
}

// TestCutIsRepeatable holds that a seed that found something finds it again.
func TestCutIsRepeatable(t *testing.T) {
	t.Parallel()
	var images [2][]byte
	for i := range images {
		d, file := newDisk(t, Options{})
		for v := range byte(50) {
			put(t, d, v, int64(v)*700, 3000, false)
		}
		if _, err := d.Cut(7); err != nil {
			t.Fatal(err)
		}
		images[i] = content(t, file)
	}
	if !bytes.Equal(images[0], images[1]) {
		t.Error("the same seed cuts differently")
	}
}

func TestLie(t *testing.T) {
	t.Parallel()
	d, file := newDisk(t, Options{Lie: 2})
	for v := byte(1); v <= 4; v++ {
		put(t, d, v, int64(v)*sector, sector, false)
		flush(t, d)
	}
	if _, err := d.Lose(); err != nil {
		t.Fatal(err)
	}
	for v := byte(1); v <= 4; v++ {
		want := v
		if v > 2 {
			want = 0
		}
		if got := content(t, file)[int(v)*sector]; got != want {
			t.Errorf("sector %d holds %d, want %d: the last two of four flushes were lies", v, got, want)
		}
	}
}

func TestLoseKeepsFUA(t *testing.T) {
	t.Parallel()
	d, file := newDisk(t, Options{})
	put(t, d, 1, 0, 4096, false)
	put(t, d, 2, 512, 512, true)
	put(t, d, 3, 0, 4096, false)
	loss, err := d.Lose()
	if want := (Loss{8192, 8192, []Range{{0, 4096}, {0, 4096}}}); err != nil || !reflect.DeepEqual(loss, want) {
		t.Errorf("loss %+v, %v, want 8192 of 8192", loss, err)
	}
	want := make([]byte, testSize)
	copy(want[512:], block(2, 512))
	if !bytes.Equal(content(t, file), want) {
		t.Error("after losing everything the image holds something else than what was written with FUA")
	}
}

// TestFailAfter holds that after the last move nothing is carried out and nothing answered.
func TestFailAfter(t *testing.T) {
	t.Parallel()
	d, file := newDisk(t, Options{})
	put(t, d, 1, 0, 512, false)
	dead := d.FailAfter(3, false)
	put(t, d, 2, 512, 512, false)
	flush(t, d)
	select {
	case <-dead:
		t.Fatal("dead after two moves, want three")
	default:
	}
	put(t, d, 3, 1024, 512, false)
	<-dead
	if err := d.WriteAt(block(4, 512), 1536, false); !errors.Is(err, errDead) {
		t.Errorf("a write: %v, want errDead", err)
	}
	if err := d.Flush(); !errors.Is(err, errDead) {
		t.Errorf("a flush: %v, want errDead", err)
	}
	if _, err := d.ReadAt(make([]byte, 512), 0); !errors.Is(err, errDead) {
		t.Errorf("a read: %v, want errDead", err)
	}
	if loss, err := d.Lose(); err != nil || loss.AtRisk != 512 || loss.Lost != 512 {
		t.Errorf("loss %+v, %v, want the 512 bytes after the flush", loss, err)
	}
	if got := content(t, file); got[0] != 1 || got[512] != 2 || got[1024] != 0 {
		t.Errorf("the image holds %d, %d, %d, want 1, 2, 0", got[0], got[512], got[1024])
	}
}

// TestFailAtRisk holds that it does not fail where nothing would be lost.
func TestFailAtRisk(t *testing.T) {
	t.Parallel()
	d, _ := newDisk(t, Options{})
	put(t, d, 1, 0, 512, false)
	dead := d.FailAfter(1, true)
	flush(t, d)
	flush(t, d)
	select {
	case <-dead:
		t.Fatal("dead right behind a flush")
	default:
	}
	put(t, d, 2, 512, 512, false)
	<-dead
	if loss, err := d.Lose(); err != nil || loss.AtRisk != 512 || loss.Lost != 512 {
		t.Errorf("loss %+v, %v, want 512 bytes", loss, err)
	}
}

// TestWear holds that a worn disk can be read and not written.
func TestWear(t *testing.T) {
	t.Parallel()
	d, _ := newDisk(t, Options{})
	put(t, d, 1, 0, 512, false)
	flush(t, d)
	d.Wear()
	for what, err := range map[string]error{"write": d.WriteAt(block(2, 512), 0, true), "trim": d.Trim(0, 512, false), "flush": d.Flush()} {
		if !errors.Is(err, errWorn) {
			t.Errorf("a %s: %v, want errWorn", what, err)
		}
	}
	got := make([]byte, 512)
	if _, err := d.ReadAt(got, 0); err != nil || got[0] != 1 {
		t.Errorf("a read: %d, %v, want 1", got[0], err)
	}
}

// TestReplay holds that a trace, cut at its end, gives what the disk itself gave, and that parts work.
func TestReplay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	trace, err := CreateTrace(filepath.Join(dir, "trace"), testSize)
	if err != nil {
		t.Fatal(err)
	}
	d, file := newDisk(t, Options{Trace: trace})
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		off, n := r.Int64N(testSize-9000), 1+r.IntN(9000)
		switch r.IntN(8) {
		case 0:
			flush(t, d)
		case 1:
			err = d.Trim(off, int64(n), false)
		default:
			put(t, d, byte(r.IntN(256)), off, n, r.IntN(9) == 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	whole := make([]byte, testSize)
	if _, err := d.ReadAt(whole, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Cut(3); err != nil {
		t.Fatal(err)
	}
	cut := content(t, file)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	read, err := OpenTrace(filepath.Join(dir, "trace"))
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	if read.Moves() != 500 || len(read.Flushes()) == 0 {
		t.Fatalf("the trace has %d moves and %d flushes, want 500 and some", read.Moves(), len(read.Flushes()))
	}
	base, image := filepath.Join(dir, "base"), filepath.Join(dir, "image")
	replay := func(from, size int64) *Replay {
		if err := os.WriteFile(base, make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
		p, err := NewReplay(read, base, from, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close() })
		if err := p.Go(200); err != nil {
			t.Fatal(err)
		}
		if err := p.Go(read.Moves()); err != nil {
			t.Fatal(err)
		}
		if err := p.Go(0); !errors.Is(err, errBackward) {
			t.Errorf("going back: %v, want errBackward", err)
		}
		return p
	}
	p := replay(0, testSize)
	if err := os.WriteFile(image, content(t, base), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Cut(image, 3); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content(t, image), cut) {
		t.Error("the replay's cut is not the disk's with the same seed")
	}
	const from, size = 300_000, 200_000
	p = replay(from, size)
	if err := p.cache.drain(p.base); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content(t, base), whole[from:from+size]) {
		t.Error("the replay of a part is not that part")
	}
}

func TestOpenTraceRefuses(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "trace")
	w, err := CreateTrace(file, testSize)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.put(write{off: 512, n: 512, data: block(1, 512)}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	good := content(t, file)
	beyond := bytes.Clone(good)
	beyond[traceHead+14] = 1
	for name, bad := range map[string][]byte{
		"nothing": {}, "another magic": append([]byte("X"), good[1:]...), "without its end": good[:len(good)-1], "beyond the disk": beyond,
	} {
		if err := os.WriteFile(file, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenTrace(file); !errors.Is(err, errTrace) {
			t.Errorf("a trace %s: %v, want errTrace", name, err)
		}
	}
}
