package search

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"sync"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// manifestVersion is the version of the format that doc.go describes.
const manifestVersion = 3

// maxManifest is far more than the segments that one account can have.
const maxManifest = 1 << 20

// segmentName is what the manifest says of a segment.
type segmentName struct {
	number uint64
	salt   uint64
	words  int64 // bytes in the pages of its words
}

func (n segmentName) files() (words, lists string) {
	return fmt.Sprintf("%08d.words", n.number), fmt.Sprintf("%08d.lists", n.number)
}

// manifest is the truth about which files are an account's index.
type manifest struct {
	modSeq   mail.ModSeq // whatever had changed up to here has been looked at
	next     uint64      // number of the next segment
	segments []segmentName
}

func (m *manifest) encode() []byte {
	b := []byte{manifestVersion}
	b = binary.AppendUvarint(b, uint64(m.modSeq))
	b = binary.AppendUvarint(b, m.next)
	b = binary.AppendUvarint(b, uint64(len(m.segments)))
	for _, s := range m.segments {
		b = binary.AppendUvarint(b, s.number)
		b = binary.LittleEndian.AppendUint64(b, s.salt)
		b = binary.AppendUvarint(b, uint64(s.words))
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

func decodeManifest(b []byte) (manifest, error) {
	if len(b) < 5 || binary.LittleEndian.Uint32(b[len(b)-4:]) != crc32.Checksum(b[:len(b)-4], crc32.MakeTable(crc32.Castagnoli)) {
		return manifest{}, fmt.Errorf("%w: checksum of the manifest", errDamage)
	}
	d := reader{b: b[:len(b)-4]}
	if v := d.byte(); v != manifestVersion {
		return manifest{}, fmt.Errorf("%w: manifest of version %d", errDamage, v)
	}
	m := manifest{modSeq: mail.ModSeq(d.uvarint(1<<64 - 1)), next: d.uvarint(1 << 50)}
	for range d.uvarint(uint64(len(b))) {
		s := segmentName{number: d.uvarint(1 << 50)}
		if salt := d.bytes(8); len(salt) == 8 {
			s.salt = binary.LittleEndian.Uint64(salt)
		}
		s.words = int64(d.uvarint(1 << 50))
		m.segments = append(m.segments, s)
	}
	if d.err != nil || len(d.b) > 0 {
		return manifest{}, fmt.Errorf("%w: manifest", errDamage)
	}
	return m, nil
}

// account is the index of one account.
type account struct {
	id    mail.AccountID
	files durable.FS
	dir   string

	// mu is held for reading while segments are asked, for writing while they are
	// exchanged, opened or closed.
	mu       sync.RWMutex
	open     bool
	manifest manifest
	segments []*segment

	// Guarded by Index.mu:
	used   uint64 // when it was last asked for
	pinned int    // by those who use segments without holding mu
}

// load opens the account's files; the caller holds mu. An index that is damaged,
// or of another version, is as good as none: the next writing replaces it.
func (a *account) load() error {
	if a.open {
		return nil
	}
	a.manifest = manifest{next: 1}
	b, err := durable.ReadFile(a.files, path.Join(a.dir, "manifest"), maxManifest)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		a.open = true
		return nil
	case err != nil:
		err = readError(err)
		a.open = errors.Is(err, errDamage)
		return err
	}
	m, err := decodeManifest(b)
	if err != nil {
		a.open = true
		return err
	}
	for _, name := range m.segments {
		s, err := a.openSegment(name)
		if err != nil {
			a.unload()
			// Numbers go on behind what there is, so that no file is written over
			// that somebody may still be reading.
			a.open, a.manifest = errors.Is(err, errDamage), manifest{next: m.next}
			return err
		}
		a.segments = append(a.segments, s)
	}
	a.open, a.manifest = true, m
	return nil
}

func (a *account) openSegment(name segmentName) (*segment, error) {
	wordsName, listsName := name.files()
	words, err := a.files.Open(path.Join(a.dir, wordsName))
	if err == nil {
		var lists durable.File
		if lists, err = a.files.Open(path.Join(a.dir, listsName)); err == nil {
			var s *segment
			if s, err = openSegment(words, lists, name.words, name.salt); err == nil {
				s.name = name
				s.close = func() error { return errors.Join(words.Close(), lists.Close()) }
				return s, nil
			}
			_ = lists.Close() // only read from
		}
		_ = words.Close()
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %w", errDamage, err)
	}
	if !errors.Is(err, errDamage) && !errors.Is(err, errRead) {
		err = readError(err)
	}
	return nil, fmt.Errorf("open search segment %d: %w", name.number, err)
}

// unload closes the files; the caller holds mu.
func (a *account) unload() {
	for _, s := range a.segments {
		_ = s.close() // only read from
	}
	a.segments, a.open = nil, false
}

// forget drops an index that turned out to be damaged; the caller holds mu.
func (a *account) forget() error {
	a.unload()
	m := manifest{next: a.manifest.next}
	if err := a.save(m); err != nil {
		return err
	}
	a.open, a.manifest = true, m
	return nil
}

func (a *account) save(m manifest) error {
	if err := durable.MkdirAllSync(a.files, a.dir, 0o700); err != nil {
		return err
	}
	return durable.ReplaceBytes(a.files, path.Join(a.dir, "manifest"), 0o600, m.encode())
}

// create writes a segment's files, synced, which nothing refers to yet. Only one
// goroutine writes.
func (a *account) create(write func(*segmentWriter) error) (_ *segment, err error) {
	if err := durable.MkdirAllSync(a.files, a.dir, 0o700); err != nil {
		return nil, err
	}
	a.mu.Lock()
	name := segmentName{number: a.manifest.next, salt: rand.Uint64()}
	a.manifest.next++
	a.mu.Unlock()
	wordsName, listsName := name.files()
	words, err := a.files.Create(path.Join(a.dir, wordsName))
	if err != nil {
		return nil, fmt.Errorf("create search segment: %w", err)
	}
	lists, err := a.files.Create(path.Join(a.dir, listsName))
	if err != nil {
		_ = words.Close()
		return nil, fmt.Errorf("create search segment: %w", err)
	}
	defer func() {
		err = errors.Join(err, words.Close(), lists.Close())
		if err != nil {
			a.remove(name)
		}
	}()
	bufWords, bufLists := bufio.NewWriterSize(words, 256<<10), bufio.NewWriterSize(lists, 256<<10)
	w := newSegmentWriter(bufWords, bufLists, name.salt)
	if err := write(w); err != nil {
		return nil, err
	}
	name.words = w.words.length
	for _, step := range []func() error{bufWords.Flush, bufLists.Flush, words.Sync, lists.Sync, func() error { return a.files.SyncDir(a.dir) }} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("write search segment: %w", err)
		}
	}
	return a.openSegment(name)
}

// exchange makes the new segments part of the index in the place of the old ones,
// and everything up to modSeq looked at.
func (a *account) exchange(old, added []*segment, modSeq mail.ModSeq) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.load(); errors.Is(err, errDamage) {
		modSeq = 0 // what had been looked at is lost
	} else if err != nil {
		return err
	}
	m := manifest{modSeq: modSeq, next: a.manifest.next}
	var segments []*segment
	placed := false
	for _, have := range a.segments {
		if !slices.ContainsFunc(old, func(o *segment) bool { return o.name.number == have.name.number }) {
			segments = append(segments, have)
			continue
		}
		if !placed {
			segments, placed = append(segments, added...), true
		}
	}
	if !placed {
		segments = append(segments, added...)
	}
	for _, s := range added {
		m.next = max(m.next, s.name.number+1)
	}
	for _, s := range segments {
		m.segments = append(m.segments, s.name)
	}
	if err := a.save(m); err != nil {
		return fmt.Errorf("write search manifest: %w", err)
	}
	gone := a.segments
	a.manifest, a.segments = m, segments
	for _, g := range gone {
		if !slices.Contains(segments, g) {
			_ = g.close() // only read from
			a.remove(g.name)
		}
	}
	return nil
}

// remove takes a segment's files away. What stays is taken away by tidy.
func (a *account) remove(name segmentName) {
	words, lists := name.files()
	_ = a.files.Remove(path.Join(a.dir, words))
	_ = a.files.Remove(path.Join(a.dir, lists))
}

// tidy removes the files that a crash or a forgotten index left.
func (a *account) tidy(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.load(); err != nil && !errors.Is(err, errDamage) {
		return err
	}
	known := map[string]bool{"manifest": true}
	for _, s := range a.manifest.segments {
		words, lists := s.files()
		known[words], known[lists] = true, true
	}
	entries, err := a.files.ReadDir(a.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if known[e.Name()] || ctx.Err() != nil {
			continue
		}
		var number uint64
		if _, err := fmt.Sscanf(e.Name(), "%d.", &number); err == nil {
			a.manifest.next = max(a.manifest.next, number+1) // not used again while it may be open
		}
		if err := a.files.Remove(path.Join(a.dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
