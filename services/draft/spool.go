package draft

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/message"
)

// prefix marks the spool's own files, so that nothing else is ever swept away.
const prefix = "draft-"

// Spool makes drafts. One process uses a spool directory at a time.
type Spool struct {
	fs   durable.FS
	dir  string
	last atomic.Uint64 // number of the last file made
}

// NewSpool opens the directory dir of fs for drafts, makes it if it is missing,
// and removes the drafts that a crash left in it.
func NewSpool(fs durable.FS, dir string) (*Spool, error) {
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
	return &Spool{fs: fs, dir: dir}, nil
}

// New begins a draft of at most limit bytes. The caller discards it.
func (s *Spool) New(limit int64) *Draft {
	return &Draft{spool: s, limit: limit, sum: sha256.New(), scanner: message.NewScanner(message.Limits{})}
}

func (s *Spool) create() (durable.File, string, error) {
	name := path.Join(s.dir, prefix+strconv.FormatUint(s.last.Add(1), 10))
	f, err := s.fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	return f, name, err
}
