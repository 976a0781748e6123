package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// Shadow is an FS that shows another one and keeps in memory, for as long as it
// lives, whatever is written: what lies below is never touched, and need not take
// writes. A recovery can do its work on it and be read from. Nothing in it is ever
// durable, though Sync says nothing against it: whoever acknowledges anything that
// was only written here, loses it.
//
// A file takes as much memory as there are pages of it that were written. Methods
// may be called from any goroutine.
type Shadow struct {
	below FS

	mu   sync.Mutex
	over map[string]*shade // what was written, made or, nil, removed; guarded by mu
	dirs map[string]bool   // made here; guarded by mu
	// gone are the files below of shades that were removed or replaced: somebody may
	// have them open still; guarded by mu
	gone []File
}

// NewShadow gives a shadow of below. Whoever makes it closes it.
func NewShadow(below FS) *Shadow {
	return &Shadow{below: below, over: map[string]*shade{}, dirs: map[string]bool{}}
}

// shadePage is the piece in which a file is taken over when it is written to.
const shadePage = 4096

// shade is a file that was written to.
type shade struct {
	mu    sync.RWMutex
	below File             // nil: none, or nothing of it is left
	from  int64            // bytes of below that still show; guarded by mu
	pages map[int64][]byte // guarded by mu
	size  int64            // guarded by mu
	perm  fs.FileMode
	time  time.Time // guarded by mu
}

// Close closes the files below. Nothing may be used any more.
func (s *Shadow) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.over {
		s.put(name, nil)
	}
	var errs []error
	for _, below := range s.gone {
		errs = append(errs, below.Close())
	}
	clear(s.over)
	s.gone = nil
	return errors.Join(errs...)
}

// put has name stand for another shade, or for none. The caller holds mu.
func (s *Shadow) put(name string, f *shade) {
	if before := s.over[name]; before != nil && before != f && before.below != nil {
		s.gone = append(s.gone, before.below)
	}
	s.over[name] = f
}

// Open opens for reading.
func (s *Shadow) Open(name string) (File, error) { return s.OpenFile(name, os.O_RDONLY, 0) }

// Create makes or empties a file.
func (s *Shadow) Create(name string) (File, error) {
	return s.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
}

// OpenFile opens name. It knows of the flags the ways of access, O_CREATE, O_EXCL,
// O_TRUNC and O_APPEND; others change nothing.
func (s *Shadow) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	if err := valid("open", name); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, known := s.over[name]
	if !known && flag&(os.O_WRONLY|os.O_RDWR) == 0 {
		return s.below.Open(name)
	}
	if !known {
		var err error
		if f, err = s.takeOver(name); err != nil {
			return nil, err
		}
	}
	switch {
	case f == nil && flag&os.O_CREATE == 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case f == nil:
		f = &shade{pages: map[int64][]byte{}, perm: perm, time: time.Now()}
	case flag&(os.O_CREATE|os.O_EXCL) == os.O_CREATE|os.O_EXCL:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	}
	s.over[name] = f
	if flag&os.O_TRUNC != 0 {
		f.truncate(0)
	}
	h := &shadeHandle{shade: f, name: name}
	if flag&os.O_APPEND != 0 {
		h.at = f.length()
	}
	return h, nil
}

// takeOver begins the shade of a file below; nil when there is none.
func (s *Shadow) takeOver(name string) (*shade, error) {
	below, err := s.below.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	info, err := below.Stat()
	if err != nil {
		return nil, errors.Join(err, below.Close())
	}
	return &shade{
		below: below, from: info.Size(), size: info.Size(), pages: map[int64][]byte{}, perm: info.Mode().Perm(), time: info.ModTime(),
	}, nil
}

// Rename gives a file, but not a directory, another name.
func (s *Shadow) Rename(oldName, newName string) error {
	if err := errors.Join(valid("rename", oldName), valid("rename", newName)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, known := s.over[oldName]
	if !known {
		var err error
		if f, err = s.takeOver(oldName); err != nil {
			return err
		}
	}
	if f == nil {
		return &fs.PathError{Op: "rename", Path: oldName, Err: fs.ErrNotExist}
	}
	s.over[oldName] = nil // before the new name, which may be the same
	s.put(newName, f)
	return nil
}

// Remove removes a file.
func (s *Shadow) Remove(name string) error {
	if _, err := s.Stat(name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(name, nil) // whoever has it open reads on
	delete(s.dirs, name)
	return nil
}

// Stat describes a file or directory.
func (s *Shadow) Stat(name string) (fs.FileInfo, error) {
	if err := valid("stat", name); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, known := s.over[name]
	switch {
	case f != nil:
		return f.info(path.Base(name)), nil
	case known:
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	case s.dirs[name]:
		return shadeInfo{name: path.Base(name), mode: fs.ModeDir | 0o700}, nil
	}
	return s.below.Stat(name)
}

// ReadDir lists a directory sorted by name.
func (s *Shadow) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := s.below.ReadDir(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && !(s.dirs[name] && errors.Is(err, fs.ErrNotExist)) {
		return entries, err
	}
	all := map[string]fs.DirEntry{}
	for _, e := range entries {
		all[e.Name()] = e
	}
	for dir := range s.dirs {
		if path.Dir(dir) == name {
			all[path.Base(dir)] = fs.FileInfoToDirEntry(shadeInfo{name: path.Base(dir), mode: fs.ModeDir | 0o700})
		}
	}
	for file, f := range s.over {
		switch base := path.Base(file); {
		case path.Dir(file) != name:
		case f == nil:
			delete(all, base)
		default:
			all[base] = fs.FileInfoToDirEntry(f.info(base))
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) }), nil
}

// MkdirAll makes a directory and its missing parents.
func (s *Shadow) MkdirAll(name string, _ fs.FileMode) error {
	if err := valid("mkdir", name); err != nil {
		return err
	}
	for ; name != "."; name = path.Dir(name) {
		if _, err := s.Stat(name); err == nil {
			return nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		s.mu.Lock()
		s.dirs[name] = true
		s.mu.Unlock()
	}
	return nil
}

// SyncDir does nothing.
func (s *Shadow) SyncDir(name string) error { return valid("syncdir", name) }

func (f *shade) length() int64 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.size
}

func (f *shade) info(name string) fs.FileInfo {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return shadeInfo{name: name, size: f.size, mode: f.perm, time: f.time}
}

// truncate sets the size. What was behind it never shows again.
func (f *shade) truncate(size int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.from, f.size, f.time = min(f.from, size), size, time.Now()
	for n, page := range f.pages {
		switch at := n * shadePage; {
		case at >= size:
			delete(f.pages, n)
		case at+shadePage > size:
			clear(page[size-at:])
		}
	}
}

// read fills p, all of which lies within the file. The caller holds mu.
func (f *shade) read(p []byte, off int64) error {
	for len(p) > 0 {
		n, at := off/shadePage, off%shadePage
		part := p[:min(int64(len(p)), shadePage-at)]
		if page := f.pages[n]; page != nil {
			copy(part, page[at:])
		} else if err := f.readBelow(part, off); err != nil {
			return err
		}
		p, off = p[len(part):], off+int64(len(part))
	}
	return nil
}

// readBelow reads what still shows of the file below, and zeros behind it.
func (f *shade) readBelow(p []byte, off int64) error {
	clear(p)
	n := min(int64(len(p)), f.from-off)
	if n <= 0 {
		return nil
	}
	_, err := f.below.ReadAt(p[:n], off)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func (f *shade) write(p []byte, off int64) error {
	if off < 0 {
		return fs.ErrInvalid
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(p) > 0 {
		n, at := off/shadePage, off%shadePage
		page := f.pages[n]
		if page == nil {
			page = make([]byte, shadePage)
			if err := f.readBelow(page, n*shadePage); err != nil {
				return err
			}
			f.pages[n] = page
		}
		done := copy(page[at:], p)
		p, off = p[done:], off+int64(done)
	}
	f.size, f.time = max(f.size, off), time.Now()
	return nil
}

// shadeHandle is a shade as somebody has opened it.
type shadeHandle struct {
	*shade
	name string
	at   int64 // where Write goes on; of whoever writes
}

func (h *shadeHandle) Name() string                { return h.name }
func (h *shadeHandle) Close() error                { return nil }
func (h *shadeHandle) Sync() error                 { return nil }
func (h *shadeHandle) Stat() (fs.FileInfo, error)  { return h.info(path.Base(h.name)), nil }
func (h *shadeHandle) Allocate(int64, int64) error { return nil }

func (h *shadeHandle) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, &fs.PathError{Op: "read", Path: h.name, Err: fs.ErrInvalid}
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	n := min(int64(len(p)), max(0, h.size-off))
	if err := h.read(p[:n], off); err != nil {
		return 0, fmt.Errorf("durable: read %s: %w", h.name, err)
	}
	if n < int64(len(p)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

func (h *shadeHandle) WriteAt(p []byte, off int64) (int, error) {
	if err := h.write(p, off); err != nil {
		return 0, fmt.Errorf("durable: write %s: %w", h.name, err)
	}
	return len(p), nil
}

func (h *shadeHandle) Write(p []byte) (int, error) {
	n, err := h.WriteAt(p, h.at)
	h.at += int64(n)
	return n, err
}

func (h *shadeHandle) Truncate(size int64) error {
	if size < 0 {
		return &fs.PathError{Op: "truncate", Path: h.name, Err: fs.ErrInvalid}
	}
	h.truncate(size)
	return nil
}

// shadeInfo describes what is in memory.
type shadeInfo struct {
	name string
	size int64
	mode fs.FileMode
	time time.Time
}

func (i shadeInfo) Name() string       { return i.name }
func (i shadeInfo) Size() int64        { return i.size }
func (i shadeInfo) Mode() fs.FileMode  { return i.mode }
func (i shadeInfo) ModTime() time.Time { return i.time }
func (i shadeInfo) IsDir() bool        { return i.mode.IsDir() }
func (i shadeInfo) Sys() any           { return nil }
