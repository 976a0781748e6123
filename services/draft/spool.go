package draft

import (
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// prefix marks the spool's own files, so that nothing else is ever swept away.
const prefix = "draft-"

// What all drafts of a spool may hold at once, so that a crowd of senders can
// neither use up the memory of a 512 MB box nor fill its disk.
const (
	// MemoryBudget is in bytes; drafts beyond it go to files at once.
	MemoryBudget = 32 << 20
	// ScanBudget is in bytes: what looking at all messages that come in may take.
	// One alone takes some 4 MB if its header is made for that.
	ScanBudget = 32 << 20
	// Reserve is what the spool leaves free on the disk, in bytes: more than the
	// log's own reserve, so that a draft is refused before anything else is.
	Reserve = 96 << 20
	// freeEvery is how many bytes are written to files between two looks at the
	// free space.
	freeEvery = 1 << 20
)

// Spool makes drafts. One process uses a spool directory at a time.
type Spool struct {
	fs   durable.FS
	dir  string
	free func() (int64, error) // nil: unknown

	last     atomic.Uint64 // number of the last file made
	memory   atomic.Int64  // bytes of drafts in memory
	scanning atomic.Int64  // bytes of drafts' scanners and digests, about
	blocks   sync.Pool     // of *[blockSize]byte
	written  atomic.Int64  // bytes written to files since the last look at the free space
}

// NewSpool opens the directory dir of fs for drafts, makes it if it is missing,
// and removes the drafts that a crash left in it. free tells the bytes free on
// the disk; nil if that isn't known.
func NewSpool(fs durable.FS, dir string, free func() (int64, error)) (*Spool, error) {
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("draft: make spool directory %s: %w", dir, err)
	}
	entries, err := fs.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("draft: sweep spool directory %s: %w", dir, err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		if err := fs.Remove(path.Join(dir, e.Name())); err != nil {
			return nil, fmt.Errorf("draft: sweep spool directory %s: %w", dir, err)
		}
	}
	return &Spool{fs: fs, dir: dir, free: free}, nil
}

// New begins a draft of at most limit bytes. The caller discards it.
func (s *Spool) New(limit int64) *Draft {
	return &Draft{spool: s, limit: limit, scanner: message.NewScanner(message.Limits{})}
}

func (s *Spool) create() (durable.File, string, error) {
	name := path.Join(s.dir, prefix+strconv.FormatUint(s.last.Add(1), 10))
	f, err := s.fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	return f, name, err
}

// takeDisk says whether n more bytes may be written: mail.ErrNoSpace when too
// little would be left. A disk that doesn't tell its free space is written to
// until it is full.
func (s *Spool) takeDisk(n int) error {
	if s.free == nil {
		return nil
	}
	if since := s.written.Add(int64(n)); since != int64(n) && since < freeEvery {
		return nil
	}
	free, err := s.free()
	if err != nil {
		return fmt.Errorf("ask for free space: %w", err)
	}
	if free < Reserve {
		s.written.Store(0) // look again at the next byte
		return fmt.Errorf("%w: %d bytes are left", mail.ErrNoSpace, free)
	}
	s.written.Store(1) // not 0, which means: look at once
	return nil
}
