package nbd

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// A trace is a file: 16 bytes of head (magic, size of the disk), then for each move 24 bytes (kind, 1 with FUA, six
// zeros, offset, length) and, for a write, its data. Numbers are little-endian.
const (
	traceMagic  = "SKNBDTR1"
	traceHead   = 16
	traceRecord = 24
)

const (
	kindWrite = 1
	kindTrim  = 2
	kindFlush = 3
)

// TraceWriter writes a trace.
type TraceWriter struct {
	file *os.File
	out  *bufio.Writer
}

// CreateTrace begins a trace of a disk of the given size.
func CreateTrace(name string, size int64) (*TraceWriter, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("nbd: trace: %w", err)
	}
	t := &TraceWriter{file: f, out: bufio.NewWriterSize(f, 1<<20)}
	if _, err := t.out.Write(binary.LittleEndian.AppendUint64([]byte(traceMagic), uint64(size))); err != nil {
		f.Close()
		return nil, fmt.Errorf("nbd: trace: %w", err)
	}
	return t, nil
}

func (t *TraceWriter) put(w write) error {
	head := make([]byte, traceRecord)
	switch {
	case w.flush:
		head[0] = kindFlush
	case w.data == nil:
		head[0] = kindTrim
	default:
		head[0] = kindWrite
	}
	if w.fua {
		head[1] = 1
	}
	binary.LittleEndian.PutUint64(head[8:], uint64(w.off))
	binary.LittleEndian.PutUint64(head[16:], uint64(w.n))
	if _, err := t.out.Write(head); err != nil {
		return fmt.Errorf("nbd: trace: %w", err)
	}
	if _, err := t.out.Write(w.data); err != nil {
		return fmt.Errorf("nbd: trace: %w", err)
	}
	return nil
}

// Close writes out what is buffered. Further calls do nothing.
func (t *TraceWriter) Close() error {
	err := t.out.Flush()
	if again := t.file.Close(); !errors.Is(again, os.ErrClosed) {
		return errors.Join(err, again)
	}
	return nil
}

// Trace is a recorded trace, opened for reading.
type Trace struct {
	Size  int64 // of the disk, in bytes
	file  *os.File
	moves []move
}

// move is a write without its data, which is at data in the file.
type move struct {
	write
	kind byte
	at   int64
}

// errTrace means that a file is no whole trace.
var errTrace = errors.New("nbd: not a trace, or cut short")

// OpenTrace reads where everything is.
func OpenTrace(name string) (_ *Trace, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("nbd: trace: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("nbd: trace: %w", err)
	}
	head := make([]byte, traceRecord)
	if _, err := f.ReadAt(head[:traceHead], 0); err != nil || string(head[:8]) != traceMagic {
		return nil, errTrace
	}
	t := &Trace{Size: int64(binary.LittleEndian.Uint64(head[8:])), file: f}
	for at := int64(traceHead); at < info.Size(); {
		if _, err := f.ReadAt(head, at); err != nil {
			return nil, errTrace
		}
		at += traceRecord
		m := move{kind: head[0], at: at, write: write{
			off: int64(binary.LittleEndian.Uint64(head[8:])), n: int64(binary.LittleEndian.Uint64(head[16:])),
			fua: head[1] == 1, flush: head[0] == kindFlush,
		}}
		if m.n < 0 || m.off < 0 || m.n > t.Size || m.off > t.Size-m.n || m.kind < kindWrite || m.kind > kindFlush {
			return nil, errTrace
		}
		if m.kind == kindWrite {
			if m.n > info.Size()-at {
				return nil, errTrace
			}
			at += m.n
		}
		t.moves = append(t.moves, m)
	}
	return t, nil
}

// Moves is how many writes, trims and flushes there are.
func (t *Trace) Moves() int64 { return int64(len(t.moves)) }

// Flushes lists where flushes stand.
func (t *Trace) Flushes() []int64 {
	var list []int64
	for i, m := range t.moves {
		if m.flush {
			list = append(list, int64(i))
		}
	}
	return list
}

// Close closes the file.
func (t *Trace) Close() error { return t.file.Close() }

// read gives a move with its data.
func (t *Trace) read(i int64) (write, error) {
	m := t.moves[i]
	w := m.write
	if m.kind == kindWrite {
		w.data = make([]byte, m.n)
		if _, err := io.ReadFull(io.NewSectionReader(t.file, m.at, m.n), w.data); err != nil {
			return w, fmt.Errorf("nbd: trace: %w", err)
		}
	}
	return w, nil
}

// Touching lists the writes and trims that touch n bytes at off.
func (t *Trace) Touching(off, n int64) []int64 {
	var list []int64
	for i, m := range t.moves {
		if !m.flush && m.off < off+n && off < m.off+m.n {
			list = append(list, int64(i))
		}
	}
	return list
}
