package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// DefaultSegment is when a segment is full. Small enough that reading the
	// last one at the start takes a moment, and that replacing one in compaction
	// is a small piece of work; large enough that 50 GB are 800 files.
	DefaultSegment = 64 << 20
	// DefaultReserve of free space is only for entries without bodies: flags and
	// deletions of a long day, and the indexes' growth by them.
	DefaultReserve = 64 << 20
)

// Options says how to open a journal.
type Options struct {
	Logger *slog.Logger     // required
	Now    func() time.Time // nil: time.Now
	// Free tells the bytes free on the journal's disk; nil: unknown, no reserve.
	Free    func() (int64, error)
	Reserve int64 // bytes; 0: DefaultReserve
	Segment int64 // bytes; 0: DefaultSegment
	// Ring is the size in bytes of the commit ring that is made if there is none;
	// 0: DefaultRing at most, by the free space, and none where Free is nil;
	// NoRing: one that is there is emptied, and no more than that.
	Ring int64
	// Recovering is told of what Open reads, after every MiB or so; may be nil.
	Recovering func(Recovering)
	// ReadOnly is why nothing is to be written; nil: it is a journal like any other.
	// What a recovery would write is kept in memory, so that there is to be read what
	// there would be, and from its beginning the journal is one that has failed.
	ReadOnly error
}

// Recovering says how far Open is with what a start needs to read.
type Recovering struct {
	Read, Of int64 // of a segment in bytes, or of what the ring holds in batches
	Done     bool  // with all of it, or given up
}

// Damage is a place of the log that does not hold what was written there.
type Damage struct {
	Segment uint32 // 0: the commit ring
	Offset  int64  // where it begins
	Length  int64  // up to the next valid record
	LSN     LSN    // of the first record that is missing; 0 if not known
}

// Journal is an open log.
type Journal struct {
	opts  Options
	log   *slog.Logger
	shelf shelf
	// shadow is what the segments are read through when nothing is to be written;
	// else nil.
	shadow *durable.Shadow
	enc    *zstd.Encoder
	dec    *zstd.Decoder

	frameWriters sync.Pool // of *frameWriter, for the memory they hold

	durable atomic.Uint64 // LSN up to which everything is on disk and applied

	records *writer // of whoever commits
	bodies  *writer // guarded by bodiesLock
	// bodiesLock orders the writing of large bodies; nobody holds it while
	// syncing.
	bodiesLock sync.Mutex

	ring   *ring      // nil: none; of whoever commits, but for what it says
	made   chan *ring // one that has been made and not yet been taken over
	making sync.WaitGroup
	// ringLock is held by who makes a ring, ringTried is when that began last; of
	// whoever commits.
	ringLock  sync.Mutex
	ringTried time.Time
	floor     LSN // up to which the ring said that all was durable; of Open

	numberLock sync.Mutex
	lastNumber uint32 // of the newest segment; guarded by numberLock

	compacting sync.Mutex // held by whoever rewrites segments

	mu    sync.Mutex
	queue []*request // guarded by mu
	// staged are the large bodies that no record names yet; guarded by mu. One
	// whose record never comes stays in it until the next start.
	staged  map[BodyRef]bool
	closing bool     // guarded by mu
	failure error    // guarded by mu; set once
	damage  []Damage // guarded by mu
	// turn holds a token while nobody commits. Who takes it may commit, and has
	// records, ring and buf to himself until he puts it back.
	turn chan struct{}
	buf  []byte // of a batch
	// handed gives the turn to run, with what is behind.
	handed chan struct{}
	// behind is a batch that is durable and not yet applied, though some have been
	// told; of whoever has the turn. isBehind says so to all others, and unsettled
	// is locked meanwhile.
	behind    []*request
	isBehind  atomic.Bool
	unsettled sync.RWMutex

	wake    chan struct{}
	failed  chan struct{}
	stopped chan struct{}
}

// Open recovers the journal below log/ of fsys, making it if there is none, and
// starts its goroutines. Damage does not keep it from opening.
func Open(fsys durable.FS, opts Options) (*Journal, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Reserve == 0 {
		opts.Reserve = DefaultReserve
	}
	if opts.Segment == 0 {
		opts.Segment = DefaultSegment
	}
	j := &Journal{
		opts: opts, log: opts.Logger, shelf: shelf{fs: fsys, segments: map[uint32]*segment{}}, staged: map[BodyRef]bool{},
		made: make(chan *ring, 1), turn: make(chan struct{}, 1), handed: make(chan struct{}, 1), wake: make(chan struct{}, 1), failed: make(chan struct{}), stopped: make(chan struct{}),
	}
	if opts.ReadOnly != nil {
		j.shadow = durable.NewShadow(fsys)
		j.shelf.fs, j.opts.Ring = j.shadow, NoRing
	}
	var err error
	if j.enc, j.dec, err = newCodec(min(4, runtime.GOMAXPROCS(0))); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if j.opts.Recovering == nil {
		j.opts.Recovering = func(Recovering) {}
	}
	if err = j.recover(); err == nil {
		err = j.prepareRing()
	}
	j.opts.Recovering(Recovering{Done: true})
	if err != nil {
		_ = j.closeRing() // the first error is the one that counts
		j.Release()
		return nil, fmt.Errorf("journal: open: %w", err)
	}
	if opts.ReadOnly != nil {
		_ = j.fail(opts.ReadOnly)
	}
	j.turn <- struct{}{}
	go j.run()
	return j, nil
}

// Durable is the LSN up to which everything is on disk and applied.
func (j *Journal) Durable() LSN { return LSN(j.durable.Load()) }

// Failed is closed when the journal can't go on: its owner is to stop and start
// anew, which recovers.
func (j *Journal) Failed() <-chan struct{} { return j.failed }

// Damage lists what was found damaged since Open.
func (j *Journal) Damage() []Damage {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.damage)
}

// Missing reports whether there is no file of this number: if a record or a body was
// ever in one, it is lost, unless compaction has given the file back.
func (j *Journal) Missing(number uint32) bool {
	j.shelf.mu.Lock()
	defer j.shelf.mu.Unlock()
	return j.shelf.segments[number] == nil
}

func (j *Journal) report(d Damage) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if slices.Contains(j.damage, d) {
		return
	}
	j.damage = append(j.damage, d)
	j.log.Error("journal: damaged", "segment", d.Segment, "offset", d.Offset, "length", d.Length, "lsn", d.LSN)
}

// fail makes the failure final.
func (j *Journal) fail(cause error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failure == nil {
		j.failure = fmt.Errorf("journal: %w: %w: %w", mail.ErrClosed, mail.ErrReadOnly, cause)
		close(j.failed)
		j.log.Error("journal: stopped for good", "error", cause)
	}
	return j.failure
}

// refusal is why nothing more is taken, or nil.
func (j *Journal) refusal() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.failure != nil:
		return j.failure
	case j.closing:
		return fmt.Errorf("journal: %w", mail.ErrClosed)
	}
	return nil
}

// Close commits what waits, notes that all is well, and stops. Bodies that are
// open may be read on.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closing {
		j.mu.Unlock()
		return nil
	}
	j.closing = true
	j.mu.Unlock()
	j.poke()
	<-j.stopped

	j.bodiesLock.Lock()
	defer j.bodiesLock.Unlock()
	j.mu.Lock()
	failure := j.failure
	j.mu.Unlock()
	switch {
	case j.opts.ReadOnly != nil:
		failure = nil // nothing was to be written
	case failure == nil:
		failure = j.writeStop()
	}
	return errors.Join(failure, j.closeRing(), j.closeWriter(j.records), j.closeWriter(j.bodies))
}

// writeStop says in the log that everything before it was durable, so that
// damage to the very last batch is told from a torn tail, and leaves the ring
// empty.
func (j *Journal) writeStop() error {
	if j.Durable() == 0 || j.records == nil || j.records.sealed {
		return nil // a seal says the same, and nothing may stand behind it
	}
	if j.ring != nil {
		j.ring.settle()
	}
	r := recordHeader{family: FamilyJournal, kind: typeStop}
	b := j.records.append(nil, &r, nil, nil, nil, j.stamp())
	err := j.records.write(b)
	if err != nil && !errors.Is(err, mail.ErrNoSpace) {
		return err // without space: it is a help, not a need
	}
	if err := j.syncSegment(j.records); err != nil {
		return err
	}
	if err == nil {
		j.durable.Add(1)
	}
	if j.ring == nil {
		return nil
	}
	return j.ring.note(j.Durable())
}

// closeWriter hands the segment that was written to over to the readers.
func (j *Journal) closeWriter(w *writer) error {
	if w == nil {
		return nil
	}
	j.shelf.give(w.seg)
	return nil
}

// Release closes the files. Nothing may be read any more.
func (j *Journal) Release() {
	j.shelf.mu.Lock()
	defer j.shelf.mu.Unlock()
	for _, seg := range j.shelf.segments {
		if seg.file != nil {
			_ = seg.file.Close() // synced, or failed and said so
			seg.file = nil
		}
	}
	if j.shadow != nil {
		_ = j.shadow.Close() // only read from
	}
}

// Commit makes the entry's record durable: nil means that it is on disk and
// applied, or, of a Late one, will be before Settled returns. The context counts only while the entry waits its turn. Errors are
// Prepare's, mail.ErrNoSpace, or mail.ErrClosed with its cause.
func (j *Journal) Commit(ctx context.Context, e *Entry) error {
	r := &request{entry: e, done: make(chan error, 1)}
	j.mu.Lock()
	switch {
	case j.failure != nil:
		defer j.mu.Unlock()
		return j.failure
	case j.closing:
		defer j.mu.Unlock()
		return fmt.Errorf("journal: %w", mail.ErrClosed)
	}
	j.queue = append(j.queue, r)
	j.mu.Unlock()
	select {
	case <-j.turn:
		j.lead(r)
	default:
		j.poke()
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		if r.taken.CompareAndSwap(false, true) {
			return ctx.Err() // withdrawn before its turn
		}
		return <-r.done
	}
}

// lead commits on the goroutine of one who waits, until he need not: when nobody
// commits, that spares two changes of goroutine, a tenth of the time that a quick
// disk takes. What is behind when he has been told is for another.
func (j *Journal) lead(r *request) {
	defer func() {
		if j.behind != nil {
			j.handed <- struct{}{}
			j.poke()
			return
		}
		j.turn <- struct{}{}
	}()
	j.drive(func() bool { return len(r.done) > 0 })
}

func (j *Journal) isClosing() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.closing
}

func (j *Journal) poke() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}
