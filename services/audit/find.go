package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sort"
	"strings"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

const (
	// MaxFound is how many entries one answer has.
	MaxFound = 200
	// maxLooked are entries looked at for one answer, some ten milliseconds: whoever looks
	// for something rare asks on.
	maxLooked = 10_000
)

// Query is what somebody looks for.
type Query struct {
	Text   string // stands in who, what, on, from or said, without regard to case
	Before uint64 // only those with a lower number; 0: all
	Limit  int    // at most MaxFound; 0: that many
}

// Find gives changes, the newest first, and the Before of the question that goes on; 0:
// there are no more. It may find nothing though there are more.
func (b *Book) Find(ctx context.Context, q Query) (found []Entry, next uint64, err error) {
	if q.Limit <= 0 || q.Limit > MaxFound {
		q.Limit = MaxFound
	}
	s := search{q: q, text: strings.ToLower(q.Text), looks: maxLooked}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range maxFiles {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		if q.Before != 0 {
			if first, err := b.first(i); err != nil {
				return nil, 0, err
			} else if first >= q.Before {
				continue
			}
		}
		text, err := b.text(i)
		if err != nil {
			return nil, 0, err
		}
		if s.in(text); s.next != 0 {
			break
		}
	}
	return s.found, s.next, nil
}

// first is the number of a file's first entry; 0: that isn't known, or there is none.
func (b *Book) first(i int) (uint64, error) {
	f, err := b.files.Open(fileName(i))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("audit: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	line := make([]byte, maxEntry+maxSum)
	n, _ := f.ReadAt(line, 0) // what can't be read is said when the file is
	line, _, _ = bytes.Cut(line[:n], []byte("\n"))
	e, _ := parse(line)
	return e.Number, nil
}

// text is a file as it is.
func (b *Book) text(i int) ([]byte, error) {
	text, err := durable.ReadFile(b.files, fileName(i), maxBytes)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return text, nil
}

// search is one question that is being answered.
type search struct {
	q     Query
	text  string // of q, in lower case
	looks int    // how many entries are looked at yet
	found []Entry
	next  uint64
}

// in looks through a file from its end on.
func (s *search) in(text []byte) {
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	text = text[:s.end(text)]
	for len(text) > 0 {
		begin := bytes.LastIndexByte(text[:len(text)-1], '\n') + 1
		line := text[begin : len(text)-1]
		text = text[:begin]
		e, ok := parse(line)
		if !ok {
			continue
		}
		if s.q.Before != 0 && e.Number >= s.q.Before {
			continue
		}
		if s.looks == 0 || len(s.found) == s.q.Limit {
			s.next = e.Number + 1
			return
		}
		s.looks--
		if e.has(s.text) {
			s.found = append(s.found, e)
		}
	}
}

// end is where the entries below the question's number end: they stand in the order of
// their numbers.
func (s *search) end(text []byte) int {
	if s.q.Before == 0 {
		return len(text)
	}
	n := sort.Search(len(text), func(at int) bool {
		at = bytes.LastIndexByte(text[:at], '\n') + 1
		for at < len(text) { // a damaged line is as the next whole one
			line, _, _ := bytes.Cut(text[at:], []byte("\n"))
			if e, ok := parse(line); ok {
				return e.Number >= s.q.Before
			}
			at += len(line) + 1
		}
		return true
	})
	return bytes.LastIndexByte(text[:n], '\n') + 1
}

// has says whether the text, in lower case, stands in the entry.
func (e *Entry) has(text string) bool {
	if text == "" {
		return true
	}
	all := strings.ToLower(strings.Join([]string{e.Who, e.What, e.On, e.From, string(e.Said)}, "\x00"))
	return strings.Contains(all, text)
}
