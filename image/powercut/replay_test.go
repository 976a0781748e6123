package powercut

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf16"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/image/nbd"
	"github.com/sanduk-mail/sanduk/image/vm"
	"github.com/sanduk-mail/sanduk/platform/disk"
)

// partition finds the data partition in the disk's GUID partition table (UEFI 2.10 §5.3).
func partition(image string) (from, size int64, err error) {
	f, err := os.Open(image)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	const sector, entry, entries = 512, 128, 128 // as written by the image's builder
	table := make([]byte, entries*entry)
	if _, err := f.ReadAt(table, 2*sector); err != nil {
		return 0, 0, err
	}
	var name bytes.Buffer
	if err := binary.Write(&name, binary.LittleEndian, utf16.Encode([]rune("sanduk-data\x00"))); err != nil {
		return 0, 0, err
	}
	for e := range slices.Chunk(table, entry) {
		if bytes.HasPrefix(e[56:], name.Bytes()) {
			first, last := binary.LittleEndian.Uint64(e[32:]), binary.LittleEndian.Uint64(e[40:])
			return int64(first) * sector, int64(last-first+1) * sector, nil
		}
	}
	return 0, 0, errors.New("the disk has no data partition")
}

// copyPart copies a part of a file into one of its own; holes stay holes.
func copyPart(to, from string, off, size int64) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := out.Truncate(size); err != nil {
		return err
	}
	end := off + size
	for at := off; at < end; {
		data, err := in.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) || err == nil && data >= end {
			break
		}
		if err != nil {
			return err
		}
		hole, err := in.Seek(data, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		if at = min(hole, end); at == data {
			return fmt.Errorf("%s changes while it is copied", from)
		}
		if _, err := io.Copy(io.NewOffsetWriter(out, data-off), io.NewSectionReader(in, data, at-data)); err != nil {
			return err
		}
	}
	return out.Close()
}

// inMemory is a directory in memory where there is such a thing: thousands of images are made and thrown away.
func inMemory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "sanduk-powercut-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// recorded is an opened recording.
type recorded struct {
	*proof
	trace  *nbd.Trace
	replay *nbd.Replay
	dir    string // in memory
	base   string
	supers atomic.Int64 // cuts that tore the superblock
}

func (p *proof) open(t *testing.T, lie int) *recorded {
	t.Helper()
	r := &recorded{proof: p, dir: inMemory(t)}
	r.base = filepath.Join(r.dir, "base")
	from, size, err := partition(p.first)
	if err != nil {
		t.Fatal(err)
	}
	if err := copyPart(r.base, p.first, from, size); err != nil {
		t.Fatal(err)
	}
	if r.trace, err = nbd.OpenTrace(p.trace); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.trace.Close() })
	if r.replay, err = nbd.NewReplay(r.trace, r.base, from, lie); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.replay.Close() })
	return r
}

// job is one cut to look at.
type job struct {
	place int64
	seed  uint64
	image string
	loss  nbd.Loss
}

// result is what was found there.
type result struct {
	job
	problems []problem
	phases   []phase
	err      error
}

// places chooses where to cut: most of them while there is load, some during the start before it, and right behind every
// flush that is drawn, where all is durable that must be and nothing more.
func (r *recorded) places(n int, seed uint64) []int64 {
	random := rand.New(rand.NewPCG(seed, 3))
	load := r.h.asked[0].asked
	flushes := r.trace.Flushes()
	list := make([]int64, 0, n)
	for len(list) < n {
		switch random.IntN(10) {
		case 0:
			list = append(list, random.Int64N(load+1))
		case 1, 2:
			list = append(list, flushes[random.IntN(len(flushes))]+int64(random.IntN(2)))
		default:
			list = append(list, load+random.Int64N(r.trace.Moves()-load+1))
		}
	}
	slices.Sort(list)
	return list
}

// run cuts at all places, looks at what each cut leaves and passes it to each, in no order.
func (r *recorded) run(t *testing.T, places []int64, each func(result)) {
	t.Helper()
	random := rand.New(rand.NewPCG(r.seed, 4))
	workers := max(2, runtime.GOMAXPROCS(0))
	free := make(chan string, workers)
	for i := range workers {
		free <- filepath.Join(r.dir, fmt.Sprintf("cut%d", i))
	}
	load := r.h.asked[0].asked
	var all sync.WaitGroup
	var mu sync.Mutex
	for _, place := range places {
		j := job{place: place, seed: random.Uint64(), image: <-free}
		if err := r.replay.Go(place); err != nil {
			t.Fatal(err)
		}
		if err := vm.CopySparse(j.image, r.base); err != nil {
			t.Fatal(err)
		}
		var err error
		if j.loss, err = r.replay.Cut(j.image, j.seed); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			problems, phases, err := r.look(t.Context(), j)
			if j.place < load {
				phases = append(phases, starting)
			}
			mu.Lock()
			each(result{j, problems, phases, err})
			mu.Unlock()
			free <- j.image
		})
	}
	all.Wait()
}

// look looks at what a cut left and compares it.
func (r *recorded) look(ctx context.Context, j job) ([]problem, []phase, error) {
	o := inspect(ctx, j.image, j.loss.Where)
	if o.tornSuper {
		r.supers.Add(1)
	}
	if o.err != nil || o.reading == nil {
		return o.problems, o.phases, o.err
	}
	problems := append(o.problems, judge(r.h.at(j.place), o.got, make(map[string]uint32))...)
	list := due(r.h.removalsAt(j.place), r.h.ended(j.place), withinOne().retention)
	return append(problems, o.compareUndo(list)...), o.phases, nil
}

// outcome is what is on the file system of a disk after a cut.
type outcome struct {
	*reading  // nil where there is none
	problems  []problem
	phases    []phase
	tornSuper bool
	err       error // not the box's
}

// inspect checks the file system in an image as the box does at its start, then all of it; and reads the mail that is on
// it. What is at places was not flushed at the cut.
func inspect(ctx context.Context, image string, places []nbd.Range) (o outcome) {
	fail := func(format string, args ...any) outcome {
		o.problems = append(o.problems, problem{broken, fmt.Sprintf(format, args...)})
		return o
	}
	var err error
	if o.tornSuper, err = disk.MendTorn(image); err != nil {
		return fail("%v", err)
	}
	if out, err := exec.CommandContext(ctx, "e2fsck", "-p", image).CombinedOutput(); exitCode(err) > 1 || mended(string(out)) {
		return fail("e2fsck -p: %v: %s", err, out)
	}
	if out, err := exec.CommandContext(ctx, "e2fsck", "-f", "-n", image).CombinedOutput(); err != nil {
		return fail("e2fsck -f -n after e2fsck -p: %v: %s", err, out)
	}
	dir := image + ".d"
	if o.err = os.RemoveAll(dir); o.err != nil {
		return o
	}
	if o.err = os.Mkdir(dir, 0o700); o.err != nil {
		return o
	}
	// It also says, on another user's machine, that it can't set owners.
	if out, err := exec.CommandContext(ctx, "debugfs", "-R", "rdump /mail /private "+dir, image).CombinedOutput(); err != nil {
		o.err = fmt.Errorf("debugfs: %w: %s", err, out)
		return o
	}
	if o.phases, o.err = fellInto(ctx, image, dir, places); o.err != nil {
		return o
	}
	if o.reading, err = readData(ctx, dir); err != nil {
		return fail("%v", err)
	}
	o.problems = append(o.problems, o.reading.problems...)
	return o
}

// compareUndo says which of the removals, all of them due, can't be put back.
func (r *reading) compareUndo(removals []removal) []problem {
	var problems []problem
	for _, name := range people() {
		own := slices.DeleteFunc(slices.Clone(removals), func(r removal) bool { return r.account != name })
		problems = append(problems, compareUndo(own, r.listed[name])...)
	}
	return problems
}

// mended says that e2fsck found more to do than a power cut explains: to replay the journal, and to finish what that has
// noted as begun, like removing a file. A block of 4 KiB that was torn at 512 bytes may be the one that commits a
// transaction of ext4's journal: then that one is left out, as if the block were not there, and e2fsck looks at
// everything, in which it must find nothing but that a list of blocks could be written shorter. It also tells the sizes
// of a clean file system.
func mended(out string) bool {
	expected := regexp.MustCompile(`^\S+(: (recovering journal|clean, .*|Inode \d+ extent tree \(at level \d+\) could be (shorter|narrower)\.  IGNORED\.|Clearing orphaned inode .*|Truncating orphaned inode .*|` +
		`Journal transaction \d+ was corrupt, replay was aborted\.|\d+/\d+ files .*)| contains a file system with errors, check forced\.)$`)
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); line != "" && !expected.MatchString(line) {
			return true
		}
	}
	return false
}

func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return 1 << 10 // it could not be run
}

// maxReported problems are enough to see what is wrong.
const maxReported = 20

// replay cuts the recording at many places, on the honest disk that it was made on.
func (p *proof) replay(t *testing.T) {
	r := p.open(t, 0)
	places := r.places(number(t, "SANDUK_REPLAYS", shortReplays), p.seed)
	began := time.Now()
	var atRisk, lostBytes int64
	bad, done, into := 0, 0, make(phases)
	r.run(t, places, func(res result) {
		into.add(res.phases)
		if done++; done%500 == 0 {
			t.Logf("%d cuts replayed, %d with problems, %v", done, bad, time.Since(began).Round(time.Second))
		}
		atRisk += res.loss.AtRisk
		lostBytes += res.loss.Lost
		if res.err != nil {
			res.problems = append(res.problems, problem{broken, res.err.Error()})
		}
		if len(res.problems) == 0 {
			return
		}
		if bad++; bad > maxReported {
			return
		}
		t.Errorf("cut at move %d of %d, seed %d, %d of %d bytes lost: %s", res.place, r.trace.Moves(), res.seed, res.loss.Lost, res.loss.AtRisk, tally(res.problems))
		for _, problem := range res.problems[:min(len(res.problems), maxReported)] {
			t.Error(problem)
		}
	})
	took := time.Since(began)
	t.Logf("figures: %d cuts of a recording of %d moves with %d flushes and %d operations in %v (%.1f cuts/s); %d of %d unflushed bytes lost; %d torn superblocks; %d cuts with problems; they fell into: %v",
		len(places), r.trace.Moves(), len(r.trace.Flushes()), r.h.count(), took.Round(time.Millisecond), float64(len(places))/took.Seconds(), lostBytes, atRisk, r.supers.Load(), bad, into)
}

// lies is how many flushes the lying disk of the replay is behind: a second's work, while the file system stays in one
// piece often enough for the mail to be looked at.
const lies = 6

// replayLying is the same on a disk that is some flushes behind what it says: acknowledged mail must get lost.
func (p *proof) replayLying(t *testing.T) {
	r := p.open(t, lies)
	places := r.places(max(20, number(t, "SANDUK_REPLAYS", shortReplays)/20), p.seed+1)
	lossy, bad := 0, 0
	r.run(t, places, func(res result) {
		if len(res.problems) > 0 || res.err != nil {
			bad++
		}
		if slices.ContainsFunc(res.problems, func(p problem) bool { return p.fault == lost }) {
			lossy++
		}
	})
	t.Logf("control: a disk %d flushes behind: %d cuts, %d with problems, %d with acknowledged mail lost", lies, len(places), bad, lossy)
	if lossy == 0 {
		t.Error("on a disk that lies about flushes no acknowledged mail was lost: this test would see nothing")
	}
}
