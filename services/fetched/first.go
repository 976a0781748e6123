package fetched

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path"
	"strconv"
	"sync"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	firstMagic   = "skdfrst"
	firstVersion = 1
	firstSuffix  = ".first"
	// maxEmails of one account have a bit: 2 MB. Of those behind them it is not known
	// whether they were fetched before, and nothing is said.
	maxEmails = 1 << 24
	maxFirst  = len(firstMagic) + 1 + maxEmails/8 + 4
)

// First remembers which mail each account has fetched, by whatever protocol: a bit for each
// email. It is in memory, and on disk when Save has been called: a power cut makes some
// mail seem not fetched.
type First struct {
	files durable.FS
	dir   string

	mu    sync.Mutex
	known map[reading]*bits
}

// reading is whose mail somebody fetches: their own, or that of who has opened it to them.
type reading struct{ who, owner mail.AccountID }

// bits of one reading; guarded by First.mu.
type bits struct {
	set    []byte
	dirty  bool
	broken bool // it could not be read: nothing is known, and nothing is written
	idle   bool // nobody has asked since Save
}

// OpenFirst makes a First on the directory of a Book.
func OpenFirst(files durable.FS, dir string) *First {
	return &First{files: files, dir: dir, known: map[reading]*bits{}}
}

func (f *First) name(r reading) string {
	name := strconv.FormatUint(uint64(r.who), 10)
	if r.owner != r.who {
		name += "-" + strconv.FormatUint(uint64(r.owner), 10)
	}
	return path.Join(f.dir, name+firstSuffix)
}

// Is notes that an account has fetched an email of its own, or of another owner's, and says
// whether that is the first time. Where that can't be known it says no. It reads a file when
// an account comes to an owner's mail for the first time, and costs some ten nanoseconds
// else.
func (f *First) Is(who, owner mail.AccountID, email mail.EmailID) bool {
	if email == 0 || email >= maxEmails {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	r := reading{who, owner}
	b := f.known[r]
	if b == nil {
		b = f.read(r)
		f.known[r] = b
	}
	b.idle = false
	i, bit := int(email/8), byte(1)<<(email%8)
	if b.broken || i < len(b.set) && b.set[i]&bit != 0 {
		return false
	}
	if i >= len(b.set) {
		b.set = append(b.set, make([]byte, i+1-len(b.set))...)
	}
	b.set[i] |= bit
	b.dirty = true
	return true
}

// read gives what is on disk. What is damaged has nothing.
func (f *First) read(r reading) *bits {
	text, err := durable.ReadFile(f.files, f.name(r), int64(maxFirst))
	if errors.Is(err, fs.ErrNotExist) {
		return &bits{}
	}
	if err != nil {
		return &bits{broken: true}
	}
	set, err := decodeFirst(text)
	return &bits{set: set, broken: err != nil}
}

// Save writes what has changed, and lets go of what nobody has asked about since the last
// time. The first error is given; what could not be written is tried again.
func (f *First) Save() error {
	f.mu.Lock()
	texts := map[reading][]byte{}
	for r, b := range f.known {
		switch {
		case b.dirty:
			texts[r], b.dirty = appendFirst(b.set), false
		case b.idle:
			delete(f.known, r)
		}
		b.idle = true
	}
	f.mu.Unlock()
	var first error
	for r, text := range texts { // nobody who fetches waits for the disk
		err := durable.MkdirAllSync(f.files, f.dir, 0o700)
		if err == nil {
			err = durable.ReplaceBytes(f.files, f.name(r), 0o600, text)
		}
		if err == nil {
			continue
		}
		f.mu.Lock()
		if b := f.known[r]; b != nil {
			b.dirty = true
		}
		f.mu.Unlock()
		if first == nil {
			first = fmt.Errorf("fetched: note what account %s has fetched: %w", r.who, err)
		}
	}
	return first
}

// Forget removes what is noted of an account and its own mail.
func (f *First) Forget(id mail.AccountID) error {
	r := reading{id, id}
	f.mu.Lock()
	delete(f.known, r)
	f.mu.Unlock()
	if err := f.files.Remove(f.name(r)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("fetched: forget account %s: %w", id, err)
	}
	return nil
}

func appendFirst(set []byte) []byte {
	b := make([]byte, 0, len(firstMagic)+1+len(set)+4)
	b = append(append(append(b, firstMagic...), firstVersion), set...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli()))
}

// decodeFirst reads what appendFirst wrote; what is no such file has nothing. The error is
// mail.ErrNewer.
func decodeFirst(text []byte) ([]byte, error) {
	head, sum := len(firstMagic)+1, len(text)-4
	if sum < head || string(text[:len(firstMagic)]) != firstMagic {
		return nil, nil
	}
	if text[head-1] != firstVersion {
		return nil, mail.ErrNewer
	}
	if sum-head > maxEmails/8 || binary.BigEndian.Uint32(text[sum:]) != crc32.Checksum(text[:sum], castagnoli()) {
		return nil, nil
	}
	return append([]byte(nil), text[head:sum]...), nil
}
