package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// tempSuffix marks a replacement in the making. One fixed name for each target
// (rather than a random one) means that what a crash leaves behind is
// overwritten by the next attempt and never piles up.
const tempSuffix = ".new"

// Replace makes name hold what write writes, in one step: after a power cut
// the file is entirely the old or entirely the new one; after a nil return it
// is the new one. The order is: temporary file, write, sync, rename, sync the
// directory. On error the old file is untouched, except when only the last
// sync failed: then either may be found after a power cut.
//
// perm are the new file's bits. There must be one writer per name.
func Replace(fsys FS, name string, perm fs.FileMode, write func(io.Writer) error) error {
	temp := name + tempSuffix
	if err := fsys.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("durable: replace %s: remove what an earlier attempt left: %w", name, err)
	}
	// O_EXCL so that the permission bits are ours, not a leftover's.
	f, err := fsys.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return fmt.Errorf("durable: replace %s: create: %w", name, err)
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = fsys.Rename(temp, name)
	}
	if err != nil {
		_ = fsys.Remove(temp) // best effort; the next Replace removes it
		return fmt.Errorf("durable: replace %s: %w", name, err)
	}
	if err := fsys.SyncDir(path.Dir(name)); err != nil {
		return fmt.Errorf("durable: replace %s: %w", name, err)
	}
	return nil
}

// ReplaceBytes is Replace for contents that are already in memory.
func ReplaceBytes(fsys FS, name string, perm fs.FileMode, data []byte) error {
	return Replace(fsys, name, perm, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// ErrTooLarge is what ReadFile returns for a file above the caller's limit.
var ErrTooLarge = errors.New("durable: file is larger than allowed")

// ReadFile returns the whole of name, which must not be larger than limit
// bytes: state files are small, and a damaged one must not fill the memory.
func ReadFile(fsys FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	data, err := io.ReadAll(io.NewSectionReader(f, 0, limit+1))
	if err != nil {
		return nil, fmt.Errorf("durable: read %s: %w", name, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("durable: read %s: %w (%d bytes)", name, ErrTooLarge, limit)
	}
	return data, nil
}

// MkdirAllSync makes directory name and its missing parents, and syncs the
// parent of every directory it made, so that all of them survive a power cut.
// Directories that exist already are left as they are; their parents are
// synced too, because an earlier attempt may have died between mkdir and sync.
func MkdirAllSync(fsys FS, name string, perm fs.FileMode) error {
	if !fs.ValidPath(name) {
		return &fs.PathError{Op: "mkdir", Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return nil
	}
	parent := path.Dir(name)
	if err := MkdirAllSync(fsys, parent, perm); err != nil {
		return err
	}
	if err := fsys.MkdirAll(name, perm); err != nil {
		return fmt.Errorf("durable: make directory %s: %w", name, err)
	}
	return fsys.SyncDir(parent)
}
