package logbook

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// Position is a place in the log on the disk: behind the last line that somebody has
// read. The zero Position is the beginning.
type Position struct {
	File   int   `json:"file"`
	Offset int64 `json:"offset"`
}

// Compare orders positions.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Offset, q.Offset))
}

// maxRead bounds one Read in bytes; every line fits, see frame.
const maxRead = 128 << 10

// ErrNoDisk is Read's error while the log is in memory only.
var ErrNoDisk = errors.New("logbook: the log has no disk")

// End is behind the last line on the disk.
func (b *Book) End() Position {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Position{b.number, b.size}
}

// Before is the beginning of a line about so many bytes before the end of the log.
func (b *Book) Before(n int64) Position {
	b.mu.Lock()
	fsys, end := b.fsys, Position{b.number, b.size}
	b.mu.Unlock()
	if fsys == nil {
		return Position{}
	}
	at := Position{File: end.File}
	for have := end.Offset; have < n && at.File > 1; {
		info, err := fsys.Stat(fileName(at.File - 1))
		if err != nil {
			return at // the oldest
		}
		at.File--
		if have += info.Size(); have > n {
			return b.lineFrom(fsys, Position{at.File, have - n}, end)
		}
	}
	if end.File == at.File && end.Offset > n {
		return b.lineFrom(fsys, Position{at.File, end.Offset - n}, end)
	}
	return at
}

// lineFrom is the beginning of the first line at or behind a place; where it can't be
// found, that of the file.
func (b *Book) lineFrom(fsys durable.FS, at, end Position) Position {
	part, err := readLines(fsys, at, end)
	if i := bytes.IndexByte(part, '\n'); err == nil && i >= 0 {
		return Position{at.File, at.Offset + int64(i) + 1}
	}
	return Position{File: at.File}
}

// Read gives whole lines behind from, of one file, and the place behind them. lost says
// that what stood there has been removed meanwhile to make room. What a power cut left
// of a line is passed over. Nobody who writes waits for it.
func (b *Book) Read(from Position) (lines [][]byte, next Position, lost bool, err error) {
	b.mu.Lock()
	fsys, end := b.fsys, Position{b.number, b.size}
	b.mu.Unlock()
	if fsys == nil {
		return nil, from, false, ErrNoDisk
	}
	numbers, err := listFiles(fsys)
	if err != nil {
		return nil, from, false, err
	}
	if from.Compare(end) > 0 {
		from = Position{} // of another log: the disk is a new one
	}
	next = from
	lost = from.File > 0 && len(numbers) > 0 && numbers[0] > from.File
	for _, n := range numbers {
		switch {
		case n < next.File:
			continue
		case n > end.File:
			return nil, next, lost, nil // begun meanwhile
		case n > next.File:
			next = Position{File: n}
		}
		part, err := readLines(fsys, next, end)
		if errors.Is(err, fs.ErrNotExist) {
			lost = true
			continue // removed just now
		}
		if err != nil {
			return nil, from, lost, fmt.Errorf("logbook: read: %w", err)
		}
		if len(part) == 0 {
			continue
		}
		next.Offset += int64(len(part))
		for line := range bytes.Lines(part) {
			lines = append(lines, bytes.TrimRight(line, "\n"))
		}
		return lines, next, lost, nil
	}
	return nil, next, lost, nil
}

// readLines reads whole lines of one file. Of the one that is being written nothing is
// read behind end: that may be half a line.
func readLines(fsys durable.FS, from, end Position) ([]byte, error) {
	f, err := fsys.Open(fileName(from.File))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	size := int64(maxRead)
	if from.File == end.File {
		size = min(size, max(0, end.Offset-from.Offset))
	}
	part := make([]byte, size)
	n, err := f.ReadAt(part, from.Offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return part[:bytes.LastIndexByte(part[:n], '\n')+1], nil
}
