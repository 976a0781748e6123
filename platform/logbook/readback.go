package logbook

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// ReadBack gives whole lines ahead of to, of one file and in their order, and the place
// of the first of them: to of the next call. The zero Position is the end of the log. No
// lines: there are none ahead of it any more. Nobody who writes waits for it.
func (b *Book) ReadBack(to Position) (lines [][]byte, from Position, err error) {
	b.mu.Lock()
	fsys, end := b.fsys, Position{b.number, b.size}
	b.mu.Unlock()
	if fsys == nil {
		return nil, to, ErrNoDisk
	}
	if to == (Position{}) || to.Compare(end) > 0 {
		to = end // behind the end: of another log, the disk is a new one
	}
	numbers, err := listFiles(fsys)
	if err != nil {
		return nil, to, err
	}
	for _, n := range slices.Backward(numbers) {
		if n > to.File || n == to.File && to.Offset == 0 {
			continue
		}
		part, at, err := linesAhead(fsys, n, to)
		if errors.Is(err, fs.ErrNotExist) {
			break // removed just now, and so are those before it
		}
		if err != nil {
			return nil, to, fmt.Errorf("logbook: read back: %w", err)
		}
		if len(part) == 0 {
			continue
		}
		for line := range bytes.Lines(part) {
			lines = append(lines, bytes.TrimRight(line, "\n"))
		}
		return lines, Position{n, at}, nil
	}
	return nil, to, nil
}

// linesAhead reads the last whole lines of a file, as much as maxRead, those ahead of to
// where to is in it, and says where the first begins. What a power cut left behind the
// last of them is passed over.
func linesAhead(fsys durable.FS, number int, to Position) (part []byte, at int64, err error) {
	f, err := fsys.Open(fileName(number))
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	size := info.Size()
	if number == to.File {
		size = min(size, to.Offset)
	}
	at = max(0, size-maxRead)
	part = make([]byte, size-at)
	n, err := f.ReadAt(part, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	part = part[:bytes.LastIndexByte(part[:n], '\n')+1]
	if at > 0 {
		begun := bytes.IndexByte(part, '\n') + 1 // the end of a line, or of one more: it comes next time
		part, at = part[begun:], at+int64(begun)
	}
	return part, at, nil
}
