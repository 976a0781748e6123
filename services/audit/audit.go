// Package audit keeps who changed what on the box, for a year and longer.
//
// What comes in: a change that has been made ([Book.Note]). What goes out: changes, the
// newest first ([Book.Find]).
//
// What is durable on return of Note: the change's entry. Whoever notes before he answers
// can't have told anybody of a change that isn't here; a cut between the change and its
// entry leaves a change that nobody was told of.
//
// Concurrency: every method may be called from any goroutine; entries are in the order in
// which they were noted.
//
// # Files
//
// [maxFiles] files, audit.0 the one that is written to; at [maxBytes] each becomes the
// next, and the last goes. A line of each is a CRC32C of what follows in eight hexadecimal
// digits, a space, and an entry as JSON. What a cut has left of a line at the end is cut
// off when the file is opened; a line that is damaged elsewhere is left out.
package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

const (
	// maxBytes is one file: some ten thousand changes.
	maxBytes = 4 << 20
	maxFiles = 8
	// maxSum is what stands in front of an entry in its line, and behind it.
	maxSum = 8 + 1 + 1
	// maxEntry bounds a line: what was said is cut by whoever notes it.
	maxEntry = 64 << 10
)

// Entry is one change.
type Entry struct {
	Number uint64          `json:"number"` // counts up, from 1
	At     time.Time       `json:"at"`
	Who    string          `json:"who"`              // an address
	From   string          `json:"from,omitempty"`   // the network address
	What   string          `json:"what"`             // the call: PUT /api/accounts/{address}/password
	On     string          `json:"on"`               // its path and query
	Said   json.RawMessage `json:"said,omitempty"`   // what came with it, without secrets
	Failed bool            `json:"failed,omitempty"` // the box could not do it, or only a part
}

// Book is all of them.
type Book struct {
	files durable.FS

	mu     sync.Mutex
	file   durable.File // audit.0; nil: it could not be opened
	size   int64
	next   uint64
	broken error
}

func fileName(i int) string { return "audit." + strconv.Itoa(i) }

// Open opens or makes it. Where the disk doesn't give it, the book takes nothing until the
// next start, and says why ([Book.Err]): mail must not wait for it.
func Open(files durable.FS, log *slog.Logger) *Book {
	b := &Book{files: files, next: 1}
	if b.broken = b.open(); b.broken != nil {
		log.Error("what administrators change can't be noted", "err", b.broken)
	}
	return b
}

func (b *Book) open() error {
	for i := range maxFiles {
		entries, _, err := b.read(i)
		if err != nil {
			return err
		}
		if len(entries) > 0 {
			b.next = entries[len(entries)-1].Number + 1
			break
		}
	}
	return b.openFile()
}

// openFile opens the one that is written to, and cuts off what a cut has left.
func (b *Book) openFile() error {
	_, whole, err := b.read(0)
	if err != nil {
		return err
	}
	f, err := b.files.OpenFile(fileName(0), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("audit: open: %w", err)
	}
	if err = f.Truncate(whole); err == nil {
		err = b.files.SyncDir(".")
	}
	if err != nil {
		return errors.Join(fmt.Errorf("audit: open: %w", err), f.Close())
	}
	b.file, b.size = f, whole
	return nil
}

// read gives a file's entries, and how long what is whole of it is.
func (b *Book) read(i int) (entries []Entry, whole int64, err error) {
	text, err := durable.ReadFile(b.files, fileName(i), maxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("audit: %w", err)
	}
	for len(text) > 0 {
		line, rest, found := bytes.Cut(text, []byte("\n"))
		if !found {
			break
		}
		whole += int64(len(line)) + 1
		if e, ok := parse(line); ok {
			entries = append(entries, e)
		}
		text = rest
	}
	return entries, whole, nil
}

// parse reads a line.
func parse(line []byte) (e Entry, ok bool) {
	sum, text, found := bytes.Cut(line, []byte(" "))
	n, err := strconv.ParseUint(string(sum), 16, 32)
	if !found || len(sum) != 8 || err != nil || uint32(n) != crc32.Checksum(text, castagnoli()) {
		return e, false
	}
	return e, json.Unmarshal(text, &e) == nil && e.Number > 0
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// Note adds a change; its Number is given to it.
func (b *Book) Note(e Entry) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken != nil {
		return b.broken
	}
	e.Number = b.next
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if len(text) > maxEntry {
		e.Said = nil
		if text, err = json.Marshal(e); err != nil || len(text) > maxEntry {
			return errors.Join(errors.New("audit: a change is too long to be noted"), err)
		}
	}
	line := fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(text, castagnoli()), text)
	if b.size+int64(len(line)) > maxBytes {
		if err := b.roll(); err != nil {
			return err
		}
	}
	if _, err := b.file.WriteAt(line, b.size); err != nil {
		return fmt.Errorf("audit: write: %w", err)
	}
	if err := b.file.Sync(); err != nil {
		b.broken = fmt.Errorf("audit: sync: %w", err)
		return b.broken
	}
	b.size += int64(len(line))
	b.next++
	return nil
}

// roll makes each file the next. A cut between two steps leaves a number that no file
// has, which reading passes over.
func (b *Book) roll() error {
	if err := b.file.Close(); err != nil {
		b.broken = fmt.Errorf("audit: close: %w", err)
		return b.broken
	}
	for i := maxFiles - 2; i >= 0; i-- {
		if err := b.files.Rename(fileName(i), fileName(i+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			b.broken = fmt.Errorf("audit: %w", err)
			return b.broken
		}
	}
	if err := b.openFile(); err != nil {
		b.broken = err
		return err
	}
	return nil
}

// Err is why nothing more can be noted until the next start; nil: it can.
func (b *Book) Err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.broken
}

// Close ends it.
func (b *Book) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.broken = fs.ErrClosed
	if b.file == nil {
		return nil
	}
	return b.file.Close()
}
