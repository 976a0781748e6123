package powercut

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/sanduk-mail/sanduk/image/nbd"
)

// phase is what a cut fell into. A cut may have fallen into several.
type phase string

// What was not flushed yet stands in these files; or it left something half done.
const (
	inRing     phase = "commit ring"
	inLog      phase = "log"
	inIndex    phase = "index (checkpoint or sweep)"
	inSearch   phase = "search index"
	inOther    phase = "file system, files just made"
	shrinking  phase = "half-written index"
	compacting phase = "half-written segment of a compaction"
	expiring   phase = "expired and not swept"
	indexing   phase = "half-written search index"
	starting   phase = "start"
	nothing    phase = "nothing unflushed"
)

// phases counts cuts.
type phases map[phase]int

func (p phases) add(list []phase) {
	for _, x := range list {
		p[x]++
	}
}

func (p phases) String() string {
	var parts []string
	for _, x := range slices.Sorted(maps.Keys(p)) {
		parts = append(parts, fmt.Sprintf("%d %s", p[x], x))
	}
	return strings.Join(parts, "; ")
}

// block is a file system's unit of space, in bytes.
const block = 4096

// fellInto says what a cut fell into, by what was at risk (places on the file system image), and by what it left of the
// data directory, which nobody has opened yet. It counts too few: a file that was being made, and of which the file
// system does not know yet, is not told from the file system's own writes.
func fellInto(ctx context.Context, image, dir string, at []nbd.Range) ([]phase, error) {
	list, err := leftover(filepath.Join(dir, "mail"))
	if err != nil {
		return nil, err
	}
	if len(at) == 0 {
		return append(list, nothing), nil
	}
	owner, err := owners(ctx, image, dir)
	if err != nil {
		return nil, err
	}
	seen := make(map[phase]bool)
	for _, r := range at {
		for b := r.Off / block; b <= (r.Off+r.N-1)/block && b < r.Off/block+maxTrim; b++ {
			if p, ok := owner[b]; ok {
				seen[p] = true
			} else {
				seen[inOther] = true
			}
		}
	}
	return append(list, slices.Collect(maps.Keys(seen))...), nil
}

// maxTrim bounds the blocks of one write that are looked at: the largest trim is of the whole disk.
const maxTrim = 4096

// owners tells for the blocks of the mail's files which they belong to.
func owners(ctx context.Context, image, dir string) (map[int64]phase, error) {
	var asked []phase
	var commands bytes.Buffer
	err := filepath.WalkDir(filepath.Join(dir, "mail"), func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		p, short := inOther, strings.TrimPrefix(name, dir)
		switch {
		case strings.HasPrefix(short, "/mail/ring/"):
			p = inRing
		case strings.HasPrefix(short, "/mail/log/") && strings.HasSuffix(short, ".new"):
			p = compacting
		case strings.HasPrefix(short, "/mail/log/"):
			p = inLog
		case strings.HasPrefix(short, "/mail/search/"):
			p = inSearch
		case strings.Contains(short, "/index.db"): // also one that is being made
			p = inIndex
		}
		asked = append(asked, p)
		fmt.Fprintf(&commands, "blocks %s\n", short)
		return nil
	})
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "debugfs", "-f", "/dev/stdin", image)
	cmd.Stdin = &commands
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("debugfs blocks: %w", err)
	}
	owner := make(map[int64]phase)
	next := -1
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "debugfs: ") {
			next++
			continue
		}
		if next < 0 || next >= len(asked) {
			continue
		}
		for number := range strings.FieldsSeq(lines.Text()) {
			if n, err := strconv.ParseInt(number, 10, 64); err == nil {
				owner[n] = asked[next]
			}
		}
	}
	return owner, lines.Err()
}

// leftover is what stands half done in a data directory's mail.
func leftover(dir string) ([]phase, error) {
	var list []phase
	made, err := filepath.Glob(filepath.Join(dir, "accounts", "*", "index.db?*"))
	if err != nil {
		return nil, err
	}
	if len(made) > 0 {
		list = append(list, shrinking)
	}
	unfinished, err := filepath.Glob(filepath.Join(dir, "log", "*.new"))
	if err != nil {
		return nil, err
	}
	if len(unfinished) > 0 {
		list = append(list, compacting)
	}
	indexes, err := filepath.Glob(filepath.Join(dir, "accounts", "*", "index.db"))
	if err != nil {
		return nil, err
	}
	for _, index := range indexes {
		unswept, err := notSwept(index)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", index, err)
		}
		if unswept {
			list = append(list, expiring)
			break
		}
	}
	accounts, err := filepath.Glob(filepath.Join(dir, "search", "a*"))
	if err != nil {
		return nil, err
	}
	for _, account := range accounts {
		half, err := notNamed(account)
		if err != nil {
			return nil, err
		}
		if half {
			list = append(list, indexing)
			break
		}
	}
	return list, nil
}

// notSwept says whether an index still has to let go of something (package store: "expired", "swept"). In one that a
// lying disk has torn there is nothing to be read, and bbolt panics; that it is damaged is for the store to find.
func notSwept(index string) (_ bool, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			err = nil
		}
	}()
	db, err := bolt.Open(index, 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return false, nil
	}
	defer db.Close()
	var marks [2]uint64
	err = db.View(func(tx *bolt.Tx) error {
		meta := tx.Bucket([]byte("meta"))
		if meta == nil {
			return nil
		}
		for i, name := range []string{"expired", "swept"} {
			marks[i], _ = binary.Uvarint(meta.Get([]byte(name)))
		}
		return nil
	})
	return marks[0] > marks[1], err
}

// notNamed says whether an account's search index has files that its manifest does not name (package search: Files).
func notNamed(dir string) (bool, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.*"))
	if err != nil {
		return false, err
	}
	b, err := os.ReadFile(filepath.Join(dir, "manifest"))
	if errors.Is(err, fs.ErrNotExist) {
		return len(files) > 0, nil
	}
	if err != nil {
		return false, err
	}
	named := make(map[string]bool)
	b = b[min(1, len(b)):]
	number := func() uint64 {
		n, size := binary.Uvarint(b)
		b = b[max(size, 0):]
		return n
	}
	number() // ModSeq
	number() // next
	for range min(number(), uint64(len(b))) {
		name := fmt.Sprintf("%08d", number())
		b = b[min(8, len(b)):] // salt
		number()
		named[name] = true
	}
	segment := regexp.MustCompile(`^(\d{8})\.`)
	for _, file := range files {
		if m := segment.FindStringSubmatch(filepath.Base(file)); m == nil || !named[m[1]] {
			return true, nil
		}
	}
	return false, nil
}
