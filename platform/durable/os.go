package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// OS is the FS of a directory on a real disk. Names cannot leave the
// directory, not even through symbolic links (os.Root).
type OS struct {
	root *os.Root

	mu   sync.Mutex
	dirs map[string]*SyncError // directories whose sync has failed; guarded by mu

	syncFile func(*os.File) error
	syncDir  func(*os.File) error
}

var _ FS = (*OS)(nil)

// NewOS opens the existing directory dir as a tree. Close it when done.
func NewOS(dir string) (*OS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("durable: open root: %w", err)
	}
	return &OS{root: root, dirs: map[string]*SyncError{}, syncFile: fdatasync, syncDir: fsync}, nil
}

// Close releases the root; files opened through it stay open.
func (o *OS) Close() error { return o.root.Close() }

// Path is the host path of name, for libraries that insist on opening a file
// themselves (bbolt).
func (o *OS) Path(name string) string {
	return filepath.Join(o.root.Name(), filepath.FromSlash(name))
}

// Open opens name for reading.
func (o *OS) Open(name string) (File, error) { return o.OpenFile(name, os.O_RDONLY, 0) }

// Create makes or empties name with mode 0600, for reading and writing.
func (o *OS) Create(name string) (File, error) {
	return o.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
}

// OpenFile opens name with os.O_* flags; perm are a new file's bits before umask.
func (o *OS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	if err := valid("open", name); err != nil {
		return nil, err
	}
	f, err := o.root.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &file{f: f, name: name, sync: o.syncFile}, nil
}

// Rename moves oldName over newName in one step.
func (o *OS) Rename(oldName, newName string) error {
	if err := valid("rename", oldName); err != nil {
		return err
	}
	if err := valid("rename", newName); err != nil {
		return err
	}
	return o.root.Rename(oldName, newName)
}

// Remove removes a file or an empty directory.
func (o *OS) Remove(name string) error {
	if err := valid("remove", name); err != nil {
		return err
	}
	return o.root.Remove(name)
}

// ReadDir lists name sorted by file name.
func (o *OS) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := valid("readdir", name); err != nil {
		return nil, err
	}
	d, err := o.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }() // only read from
	entries, err := d.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

// Stat describes name, following links that stay inside the root.
func (o *OS) Stat(name string) (fs.FileInfo, error) {
	if err := valid("stat", name); err != nil {
		return nil, err
	}
	return o.root.Stat(name)
}

// MkdirAll makes name and its missing parents; it syncs nothing.
func (o *OS) MkdirAll(name string, perm fs.FileMode) error {
	if err := valid("mkdir", name); err != nil {
		return err
	}
	if name == "." {
		return nil
	}
	return o.root.MkdirAll(name, perm)
}

// SyncDir makes the names inside directory name durable. A failure sticks to
// the directory until the OS is opened anew; only for lack of space it does not:
// names are the file system's own metadata, which nothing takes for written that
// is not, as it happens to the pages of a file.
func (o *OS) SyncDir(name string) error {
	if err := valid("syncdir", name); err != nil {
		return err
	}
	if err := o.dirFailure(name); err != nil {
		return err
	}
	d, err := o.root.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }() // nothing was written through it
	if err := o.syncDir(d); err != nil {
		if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
			return &SyncError{Name: name, Err: err}
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.dirs[name] == nil {
			o.dirs[name] = &SyncError{Name: name, Err: err}
		}
		return o.dirs[name]
	}
	return o.dirFailure(name)
}

// dirFailure returns the sticky error of a directory, or an untyped nil.
func (o *OS) dirFailure(name string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.dirs[name]; err != nil {
		return err
	}
	return nil
}

func valid(op, name string) error {
	if !fs.ValidPath(name) {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return nil
}
