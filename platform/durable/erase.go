package durable

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Erase overwrites the file name, a host path, with zeros where it stands, and
// removes it, durably: a file that is only removed leaves its bytes on the disk.
// Symbolic links are followed, and left. What the file system or the disk keeps
// elsewhere (snapshots, a journal of data, flash blocks set aside) it can't reach.
// The error wraps fs.ErrNotExist when there is no such file.
func Erase(name string) error {
	name, err := filepath.EvalSymlinks(name)
	if err != nil {
		return fmt.Errorf("durable: erase: %w", err)
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("durable: erase: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", name)
	}
	if err == nil {
		_, err = io.CopyN(f, zeros{}, info.Size())
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("durable: erase: %w", err)
	}
	if err := os.Remove(name); err != nil {
		return fmt.Errorf("durable: erase: %w", err)
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return fmt.Errorf("durable: erase: %w", err)
	}
	if err := errors.Join(fsync(dir), dir.Close()); err != nil {
		return fmt.Errorf("durable: erase: %w", err)
	}
	return nil
}

// zeros reads as zeros without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
