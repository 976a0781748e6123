package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// What a Book keeps when nothing else is said.
const (
	// DefaultKeep is how long after its last step a message can be found.
	DefaultKeep = 90 * 24 * time.Hour
	// DefaultBytes are some ten million steps: three hundred people's of ninety days.
	DefaultBytes = 1 << 30
)

const (
	// flushEvery is how long steps are in memory at most before they are on disk.
	flushEvery = time.Second
	// markEvery is how often it is noted how far the owner's log is in the trace.
	markEvery = 10 * time.Second
	// rollEvery is how old the first step of the current file gets: an office in which
	// little happens forgets in time, too.
	rollEvery = 7 * 24 * time.Hour
	// tidyEvery is how often it is looked for what is to be forgotten, and how long
	// nothing is sealed after that has failed.
	tidyEvery = time.Hour
	// maxPending bounds what waits for a disk that takes no writes.
	maxPending = 4 << 20
	markFile   = "mark"

	markVersion = 2
	maxMark     = 1 + 8 + binary.MaxVarintLen64 + 4
)

// Options are what a Book needs; only Files and Log are required.
type Options struct {
	Files durable.FS
	Log   *slog.Logger
	Keep  time.Duration // 0: DefaultKeep
	Bytes int64         // all segments; 0: DefaultBytes
	// Sure says whether steps may be forgotten by the machine's clock; nil: they may.
	Sure func() bool
	// Seen hears of every step that Handler takes from the log, those of strangers that are
	// too many to be kept too; nil: nobody does. It must not log, nor wait.
	Seen func(Step)
}

// Book is the trace.
type Book struct {
	opts   Options
	mark   uint64    // of the start
	markAt time.Time // when it was noted

	mu       sync.Mutex // guards what waits, and position
	pending  []byte
	waiting  []Step
	lost     int
	position func() uint64 // see Follow

	disk     sync.Mutex // guards what is on disk
	current  *current
	segments []*segment // from the oldest on
	broken   error      // why nothing more can be written; guarded by disk
	gap      bool       // steps were left out: the next start has to look from the mark of before
	sealing  time.Time  // when sealing is tried again; zero: when the file is full
	decoder  *zstd.Decoder
	noted    uint64 // the mark on disk
	notedAt  time.Time

	undecided *undecided // messages of which it isn't known yet whether they are taken

	poke chan struct{}
	end  chan struct{}
	over chan struct{}
}

// Open opens the trace, or makes one. What is damaged is left out, and the log says so.
func Open(opts Options) (*Book, error) {
	if opts.Keep == 0 {
		opts.Keep = DefaultKeep
	}
	if opts.Bytes == 0 {
		opts.Bytes = DefaultBytes
	}
	b := &Book{opts: opts, poke: make(chan struct{}, 1), end: make(chan struct{}), over: make(chan struct{})}
	b.undecided = newUndecided(b.Add)
	b.mark, b.markAt = b.readMark()
	b.noted = b.mark
	if err := b.find(); err != nil {
		return nil, err
	}
	if b.current.damaged > 0 {
		opts.Log.Error("a part of the trace is damaged and is left out", "file", b.current.file.Name(), "bytes", b.current.damaged)
	}
	go b.run()
	return b, nil
}

// find opens what there is, and goes on where a crash has left it.
func (b *Book) find() error {
	entries, err := b.opts.Files.ReadDir(".")
	if err != nil {
		return fmt.Errorf("trace: %w", err)
	}
	var open []uint32
	next := uint32(0)
	for _, e := range entries {
		var number uint32
		switch _, err := fmt.Sscanf(e.Name(), "%08d", &number); {
		case err != nil:
		case e.Name() == segmentName(number):
			next = max(next, number+1)
			s, err := findSegment(b.opts.Files, number)
			if err != nil {
				b.opts.Log.Error("a piece of the trace can't be read and is left out", "segment", number, "err", err)
				continue
			}
			b.segments = append(b.segments, s)
		case e.Name() == currentName(number):
			open, next = append(open, number), max(next, number)
		}
	}
	if b.current, err = openCurrent(b.opts.Files, next); err != nil {
		return err
	}
	for _, number := range open {
		if number == next {
			continue
		}
		if err := b.finish(number); err != nil { // no room, mostly: the next start tries again
			b.opts.Log.Error("a piece of the trace can't be finished and is left out", "segment", number, "err", err)
		}
	}
	slices.SortFunc(b.segments, func(x, y *segment) int { return int(x.number) - int(y.number) })
	return nil
}

// finish ends what a crash, or a disk that failed, has interrupted while a segment was
// made. There may be more in the file than in its segment.
func (b *Book) finish(number uint32) error {
	c, err := openCurrent(b.opts.Files, number)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(b.segments, func(s *segment) bool { return s.number == number })
	if i >= 0 && int(b.segments[i].steps) >= c.steps {
		return errors.Join(c.file.Close(), b.opts.Files.Remove(currentName(number)))
	}
	s, err := b.seal(c)
	switch {
	case err != nil:
		return err
	case i >= 0:
		b.segments[i] = s
	default:
		b.segments = append(b.segments, s)
	}
	return nil
}

// Add takes a step. It never waits for the disk.
func (b *Book) Add(s Step) {
	list := s.parts()
	b.mu.Lock()
	for _, part := range list {
		if len(b.pending) > maxPending {
			b.lost++
			continue
		}
		b.pending = appendRecord(b.pending, part.encode())
		b.waiting = append(b.waiting, part)
	}
	b.mu.Unlock()
	b.wake()
}

// Mark is how far the owner's log was certainly in the trace before it was opened, and when
// that was noted: messages from there on are to be looked for, and added if they aren't
// here. 0 says that it isn't known.
func (b *Book) Mark() (position uint64, at time.Time) { return b.mark, b.markAt }

// unpacker gives the one for all segments; they are read one after the other.
func (b *Book) unpacker() (*zstd.Decoder, error) {
	if b.decoder == nil {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(2*(blockBytes+maxStep)), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, fmt.Errorf("trace: decompress: %w", err)
		}
		b.decoder = d
	}
	return b.decoder, nil
}

// Newest is the time of the newest step on disk; zero: there is none.
func (b *Book) Newest() (at time.Time) {
	b.disk.Lock()
	defer b.disk.Unlock()
	for _, s := range b.segments {
		if s.last.After(at) {
			at = s.last
		}
	}
	if b.current.last.After(at) {
		at = b.current.last
	}
	return at
}

// run writes what waits, once a second at most, and forgets what is over.
func (b *Book) run() {
	defer close(b.over)
	tidy := time.NewTicker(tidyEvery)
	defer tidy.Stop()
	var before uint64 // what Follow's function said a turn ago: lines of then have been added since
	for {
		select {
		case <-b.end:
			return
		case <-tidy.C:
			b.undecided.sum(time.Now())
			b.tidy()
			continue
		case <-b.poke:
		}
		now := b.ask()
		if err := b.write(true); err != nil {
			b.opts.Log.Error("what happens to mail can't be noted now", "err", err)
			if b.isBroken() {
				return // the next start mends it
			}
			b.wake()
		} else {
			b.note(before, false)
		}
		before = now
		select {
		case <-b.end:
			return
		case <-time.After(flushEvery):
		}
	}
}

// wake has run look.
func (b *Book) wake() {
	select {
	case b.poke <- struct{}{}:
	default:
	}
}

func (b *Book) isBroken() bool {
	b.disk.Lock()
	defer b.disk.Unlock()
	return b.broken != nil
}

// tidy forgets what is over, also where so little happens that no file is ever full.
func (b *Book) tidy() {
	b.disk.Lock()
	defer b.disk.Unlock()
	if b.broken != nil {
		return
	}
	if b.opts.sure() && b.current.steps > 0 && time.Since(b.current.first) > rollEvery {
		if err := b.roll(); err != nil {
			b.opts.Log.Warn("the trace's file can't be sealed now", "err", err)
		}
		return
	}
	b.forget()
}

func (o *Options) sure() bool { return o.Sure == nil || o.Sure() }

// Follow says how to learn how far the owner's log has come, in whose numbers Mark
// speaks; 0: that is not known now.
func (b *Book) Follow(position func() uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.position = position
}

func (b *Book) ask() uint64 {
	b.mu.Lock()
	position := b.position
	b.mu.Unlock()
	if position == nil {
		return 0
	}
	return position()
}

// write puts what waits into the current file, and seals that if it is full.
func (b *Book) write(sync bool) error {
	b.disk.Lock()
	defer b.disk.Unlock()
	if b.broken != nil {
		return b.broken
	}
	b.mu.Lock()
	records, steps, lost := b.pending, b.waiting, b.lost
	b.pending, b.waiting, b.lost = nil, nil, 0
	b.mu.Unlock()
	if lost > 0 {
		b.gap = true
		b.opts.Log.Error("the disk was too slow to note what happens to mail", "steps", lost)
	}
	err := b.current.write(records, steps)
	if err != nil { // no room, mostly: they are tried again
		b.mu.Lock()
		b.pending, b.waiting = append(records, b.pending...), append(steps, b.waiting...)
		b.mu.Unlock()
		return err
	}
	if sync {
		if err = b.current.file.Sync(); err != nil {
			b.broken = fmt.Errorf("trace: sync: %w", err) // what the disk has is not known until the next start
			return b.broken
		}
	}
	if b.current.size >= segmentBytes && sync && !time.Now().Before(b.sealing) {
		if err := b.roll(); err != nil { // the steps are on disk, and stay in this file
			b.sealing = time.Now().Add(tidyEvery)
			b.opts.Log.Warn("the trace's file can't be sealed now", "err", err)
			return b.broken
		}
	}
	return nil
}

// roll begins the next file, makes a segment of the one so far, and forgets what is over.
func (b *Book) roll() error {
	if b.current.steps == 0 {
		return nil
	}
	next, err := openCurrent(b.opts.Files, b.current.number+1)
	if err != nil {
		return err
	}
	s, err := b.seal(b.current)
	if err != nil { // no room, mostly: the file goes on growing, and is tried again
		return errors.Join(err, next.file.Close(), b.opts.Files.Remove(currentName(next.number)))
	}
	b.segments, b.current = append(b.segments, s), next
	b.forget()
	return nil
}

// forget removes segments whose time is over, and the oldest for which there is no room.
func (b *Book) forget() {
	total := int64(0)
	for _, s := range b.segments {
		total += s.bytes
	}
	sure, kept := b.opts.sure(), b.segments[:0:0]
	for _, s := range b.segments {
		if total <= b.opts.Bytes && (!sure || time.Since(s.last) < b.opts.Keep) {
			kept = append(kept, s)
			continue
		}
		if err := b.opts.Files.Remove(segmentName(s.number)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			b.opts.Log.Error("an old piece of the trace can't be removed", "err", err)
			kept = append(kept, s)
			continue
		}
		total -= s.bytes
	}
	b.segments = kept
}

// note keeps the mark on disk, which must not be ahead of what is there.
func (b *Book) note(mark uint64, now bool) {
	if mark == 0 || mark == b.noted || b.gap || !now && time.Since(b.notedAt) < markEvery {
		return
	}
	text := binary.LittleEndian.AppendUint64([]byte{markVersion}, uint64(time.Now().UnixNano()))
	text = binary.AppendUvarint(text, mark)
	text = binary.LittleEndian.AppendUint32(text, crc32.Checksum(text, castagnoli))
	if err := durable.ReplaceBytes(b.opts.Files, markFile, 0o600, text); err != nil {
		b.opts.Log.Warn("it could not be noted how far the trace has come", "err", err)
		return
	}
	b.noted, b.notedAt = mark, time.Now()
}

// readMark gives 0 if there is none.
func (b *Book) readMark() (uint64, time.Time) {
	text, err := durable.ReadFile(b.opts.Files, markFile, maxMark)
	if err != nil {
		return 0, time.Time{}
	}
	return parseMark(text)
}

func parseMark(text []byte) (uint64, time.Time) {
	if len(text) < 1+8+1+4 || text[0] != markVersion {
		return 0, time.Time{}
	}
	body, sum := text[:len(text)-4], binary.LittleEndian.Uint32(text[len(text)-4:])
	mark, size := binary.Uvarint(body[9:])
	if size != len(body)-9 || crc32.Checksum(body, castagnoli) != sum {
		return 0, time.Time{}
	}
	return mark, time.Unix(0, int64(binary.LittleEndian.Uint64(body[1:])))
}

// Close writes what waits.
func (b *Book) Close() error {
	close(b.end)
	<-b.over
	b.undecided.end(time.Now())
	position := b.ask()
	err := b.write(true)
	if err == nil {
		b.note(position, true)
	}
	b.disk.Lock()
	defer b.disk.Unlock()
	if b.decoder != nil {
		b.decoder.Close()
	}
	return errors.Join(err, b.current.file.Close())
}
