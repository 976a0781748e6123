package durable

import "fmt"

// SyncError says that the kernel could not bring a file's or directory's
// changes to the disk. What was written since the last good sync may or may
// not be there. It is permanent for the handle that saw it.
type SyncError struct {
	Name string // as opened, relative to the FS
	Err  error  // the kernel's answer, usually syscall.EIO or syscall.ENOSPC
}

func (e *SyncError) Error() string {
	return fmt.Sprintf("durable: sync %s: %v (the file is closed to further writing)", e.Name, e.Err)
}

// Unwrap returns the kernel's error.
func (e *SyncError) Unwrap() error { return e.Err }
