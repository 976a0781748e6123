package logbook

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// The log's bounds.
const (
	// MaxLine in bytes; longer lines are cut. A Go stack line or a mail event
	// is below 1 KiB; 8 KiB leaves room for a long error chain.
	MaxLine = 8 << 10
	// MaxFile in bytes is when a new file is begun, and MaxFiles how many are
	// kept: 64 MiB in all, months of a small office, nothing to a disk that
	// holds mail.
	MaxFile  = 4 << 20
	MaxFiles = 16
	// maxMemory in bytes bounds what is kept while there is no disk.
	maxMemory = 1 << 20
	// SyncEvery is how much of the log a power cut may cost.
	SyncEvery = 5 * time.Second
	// LinesPerSecond and burstLines bound each unit. A panic's stack of all
	// goroutines of a busy mail server fits the burst.
	LinesPerSecond = 200
	burstLines     = 4000
)

const (
	filePrefix = "log-"
	fileSuffix = ".jsonl"
)

// Book is the log of the box.
type Book struct {
	mu      sync.Mutex // guards everything below
	memory  [][]byte   // lines not yet on disk
	inMem   int        // their bytes
	dropped int        // lines lost since the last one that said so
	fsys    durable.FS // nil before Attach, and after the disk failed
	file    durable.File
	number  int // of the current file
	size    int64
	dirty   bool
	timer   *time.Timer

	maxFile int64 // MaxFile; smaller in tests
}

// New returns a Book that keeps lines in memory.
func New() *Book { return &Book{maxFile: MaxFile} }

// Attach begins writing to files at the top of fsys, after those that are
// there, starting with what was kept in memory. It may be called again after
// the disk had failed.
func (b *Book) Attach(fsys durable.FS) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	numbers, err := listFiles(fsys)
	if err != nil {
		return fmt.Errorf("logbook: %w", err)
	}
	b.closeFile()
	b.fsys = fsys
	b.number = 0
	if len(numbers) > 0 {
		b.number = numbers[len(numbers)-1]
	}
	// Always a new file: the last one may end in half a line, and it shows
	// where a start was.
	if err := b.nextFile(); err != nil {
		b.detach(err)
		return err
	}
	b.flushMemory()
	return nil
}

// Detach goes back to memory; PID 1 calls it before the disk is unmounted.
func (b *Book) Detach() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closeFile()
	b.fsys = nil
}

// add takes one line, which ends in \n and is the Book's from now on.
func (b *Book) add(line []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keep(line)
	b.flushMemory()
}

// keep puts a line into memory, dropping the oldest above the bound.
func (b *Book) keep(line []byte) {
	b.memory = append(b.memory, line)
	b.inMem += len(line)
	for b.inMem > maxMemory {
		b.inMem -= len(b.memory[0])
		b.memory[0] = nil
		b.memory = b.memory[1:]
		b.dropped++
	}
}

// flushMemory writes what is in memory, if there is a disk.
func (b *Book) flushMemory() {
	if b.file == nil {
		return
	}
	if b.dropped > 0 {
		lost := b.dropped
		b.dropped = 0
		b.writeLine(note("lines were lost while the log had no disk", lost))
	}
	for len(b.memory) > 0 && b.file != nil {
		line := b.memory[0]
		if !b.writeLine(line) {
			return // still in memory
		}
		b.memory = b.memory[1:]
		b.inMem -= len(line)
	}
	if len(b.memory) == 0 {
		b.memory = nil
	}
}

// writeLine writes to the current file, beginning a new one when it is full.
func (b *Book) writeLine(line []byte) bool {
	if b.size+int64(len(line)) > b.maxFile {
		if err := b.nextFile(); err != nil {
			b.detach(err)
			return false
		}
	}
	n, err := b.file.Write(line)
	b.size += int64(n)
	if err != nil {
		b.detach(err)
		return false
	}
	b.dirty = true
	if b.timer == nil {
		b.timer = time.AfterFunc(SyncEvery, b.syncLater)
	}
	return true
}

// syncLater runs in a goroutine of its own. The sync itself happens outside
// the lock: nobody who logs waits for the disk.
func (b *Book) syncLater() {
	b.mu.Lock()
	file, dirty := b.file, b.dirty
	b.timer, b.dirty = nil, false
	b.mu.Unlock()
	if file == nil || !dirty {
		return
	}
	if err := file.Sync(); err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.file == file {
			b.detach(err)
		}
	}
}

// Sync brings everything to the disk now.
func (b *Book) Sync() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.file == nil {
		return nil
	}
	b.dirty = false
	return b.file.Sync()
}

// OnDisk says whether what is synced is on a disk; otherwise it is in memory.
func (b *Book) OnDisk() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.file != nil
}

// detach goes back to memory because of err.
func (b *Book) detach(err error) {
	b.closeFile()
	b.fsys = nil
	b.keep(note("the log has lost its disk: "+err.Error(), 0))
}

func (b *Book) closeFile() {
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	if b.file == nil {
		return
	}
	_ = b.file.Sync()  // the log is not worth failing for
	_ = b.file.Close() // as above
	b.file = nil
}

// nextFile ends the current file, begins the next and removes the oldest.
func (b *Book) nextFile() error {
	if b.file != nil {
		_ = b.file.Sync()
		_ = b.file.Close()
		b.file = nil
	}
	b.number++
	b.size = 0
	f, err := b.fsys.OpenFile(fileName(b.number), os.O_WRONLY|os.O_CREATE|os.O_APPEND|os.O_EXCL, 0o640)
	if err != nil {
		return fmt.Errorf("logbook: begin file: %w", err)
	}
	b.file = f
	numbers, err := listFiles(b.fsys)
	if err != nil {
		return fmt.Errorf("logbook: %w", err)
	}
	for len(numbers) > MaxFiles {
		if err := b.fsys.Remove(fileName(numbers[0])); err != nil {
			return fmt.Errorf("logbook: remove the oldest file: %w", err)
		}
		numbers = numbers[1:]
	}
	return b.fsys.SyncDir(".")
}

// Tail returns up to limit bytes of whole lines from the end of the log.
func (b *Book) Tail(limit int) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var parts [][]byte
	left := limit
	for _, line := range slices.Backward(b.memory) {
		if len(line) > left {
			return join(parts), nil
		}
		parts = append(parts, line)
		left -= len(line)
	}
	if b.fsys == nil {
		return join(parts), nil
	}
	numbers, err := listFiles(b.fsys)
	if err != nil {
		return nil, err
	}
	for _, n := range slices.Backward(numbers) {
		part, whole, err := tailFile(b.fsys, fileName(n), left)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		left -= len(part)
		if !whole {
			break
		}
	}
	return join(parts), nil
}

func join(backward [][]byte) []byte {
	slices.Reverse(backward)
	return slices.Concat(backward...)
}

// tailFile returns the last whole lines of a file within limit bytes, and
// whether that is all of it.
func tailFile(fsys durable.FS, name string, limit int) (part []byte, whole bool, err error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = f.Close() }() // only read from
	fi, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	// One byte more than asked for tells whether a line begins there.
	from := max(0, fi.Size()-int64(limit)-1)
	buf := make([]byte, fi.Size()-from)
	n, err := f.ReadAt(buf, from)
	if n < len(buf) {
		return nil, false, errors.Join(err, errors.New("logbook: file became shorter"))
	}
	if len(buf) <= limit {
		return buf, true, nil
	}
	_, after, _ := bytes.Cut(buf, []byte("\n"))
	return after, false, nil
}

func fileName(number int) string { return fmt.Sprintf("%s%08d%s", filePrefix, number, fileSuffix) }

// listFiles returns the numbers of the log files, ascending.
func listFiles(fsys durable.FS) ([]int, error) {
	entries, err := fsys.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("list files: %w", err)
	}
	var numbers []int
	for _, e := range entries {
		digits, isLog := strings.CutPrefix(strings.TrimSuffix(e.Name(), fileSuffix), filePrefix)
		n, err := strconv.Atoi(digits)
		if isLog && err == nil && e.Name() == path.Base(fileName(n)) {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}
