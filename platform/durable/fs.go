package durable

import (
	"io"
	"io/fs"
)

// File is an open file or, when it was opened on one, a directory handle that
// only Stat, Name and Close are good for.
//
// ReadAt, WriteAt and Write follow io's contracts; Write continues where this
// handle's last Write ended (or at the end, with O_APPEND). Any number of
// goroutines may call any of them.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Writer
	io.Closer

	// Sync makes the file's bytes and size durable (fdatasync). After it has
	// failed once, it and every write fails for ever with the same *SyncError.
	Sync() error
	// Truncate sets the size in bytes; it becomes durable with the next Sync.
	// What Allocate set aside behind the new size is given back.
	Truncate(size int64) error
	// Allocate sets space aside for n bytes at off without changing what can be
	// read: writing there does not meet a full disk. It becomes durable with the
	// next Sync. errors.ErrUnsupported where the file system can't.
	Allocate(off, n int64) error
	Stat() (fs.FileInfo, error)
	// Name is the name the file was opened by, relative to the FS.
	Name() string
}

// FS is a directory tree that survives power cuts as the package comment says.
// Names follow io/fs rules (fs.ValidPath); a bad one gives fs.ErrInvalid.
// Errors wrap the fs package's sentinels (fs.ErrNotExist, fs.ErrExist).
type FS interface {
	// Open opens for reading.
	Open(name string) (File, error)
	// Create makes or empties a file, readable and writable by the owner only
	// (0600), open for reading and writing.
	Create(name string) (File, error)
	// OpenFile takes os.O_* flags and the permission bits of a new file. With
	// syscall.O_DIRECT, which not every file system knows (EINVAL), writes go past
	// the page cache: offset, length and memory (AlignedBytes) must be multiples of
	// Alignment, and a write's error is the disk's own.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	// Rename replaces newName in one step, seen entirely or not at all, also
	// across a power cut. It is durable after SyncDir of both directories.
	Rename(oldName, newName string) error
	// Remove removes a file or an empty directory.
	Remove(name string) error
	// ReadDir lists a directory sorted by name.
	ReadDir(name string) ([]fs.DirEntry, error)
	Stat(name string) (fs.FileInfo, error)
	// SyncDir makes the names inside a directory durable.
	SyncDir(name string) error
	// MkdirAll makes a directory and its missing parents, without syncing
	// them: see MkdirAllSync.
	MkdirAll(name string, perm fs.FileMode) error
}
