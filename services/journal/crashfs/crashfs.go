// Package crashfs is a disk in memory for crash tests: it keeps every operation
// in order, and shows what a disk may hold when the power goes at any point.
//
// What comes in: the calls of durable.FS. What goes out: [FS.Crash], a new FS
// with everything that was synced before that point, and of the rest what the
// given chance leaves: nothing, everything, or some of it, out of order and in
// torn sectors. [FS.Fault], [FS.FaultRead] and [FS.Bad] make operations fail.
//
// What it assumes of a disk is what package durable promises, and no more: a
// file's bytes and size are safe after Sync, a directory's names after SyncDir.
// Between them a write may be there in part (in sectors of 512 bytes), wholly or
// not at all, independent of writes before it; changes of the names in one
// directory survive in their order.
//
// Concurrency: every method may be called from any goroutine.
package crashfs

import (
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// Sector is what a disk writes in one piece.
const Sector = 512

// Kind says what an operation does.
type Kind uint8

// The kinds.
const (
	Write Kind = iota
	Truncate
	Sync
	SyncDir
	Create
	Rename
	Remove
	Allocate
)

// Op is one operation as Fault sees it.
type Op struct {
	Kind Kind
	Name string // of the file or directory
	Size int    // bytes, of a Write or Allocate
	// New is how many of them need space that the file has not got, neither
	// written nor allocated: on a full disk these have none.
	New int
}

// FS is the disk.
type FS struct {
	mu    sync.Mutex
	names map[string]*inode // files; guarded by mu
	dirs  map[string]bool   // guarded by mu
	ops   []op              // guarded by mu
	base  map[string]*inode // files as they were at the beginning, all synced
	fault func(Op) error    // guarded by mu

	faultRead func(name string, offset int64) error // guarded by mu
	bad       []badBlocks                           // guarded by mu
}

// badBlocks are a piece of a file that the disk does not give.
type badBlocks struct {
	name       string
	begin, end int64
}

var _ durable.FS = (*FS)(nil)

// inode is a file apart from its names.
type inode struct {
	data   []byte
	failed error // a sync has failed
	start  []byte
	room   int64 // bytes of the file, from its beginning, that have space on the disk
}

// op is an operation as it is played again.
type op struct {
	kind    Kind
	file    *inode
	name    string // of names and directories
	newName string
	offset  int64
	data    []byte
	until   int  // of a Sync: the operations that it makes safe are those before
	lost    bool // a sync of it has failed: no later one makes it safe
}

// New makes an empty disk.
func New() *FS {
	return &FS{names: map[string]*inode{}, dirs: map[string]bool{".": true}, base: map[string]*inode{}}
}

// Ops is how many operations there have been: points to crash at are 0 to Ops.
func (f *FS) Ops() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.ops)
}

// Fault has every operation ask fn first; what it returns is the operation's
// error. A Write that fails with anything leaves half of it behind; a Sync that
// fails goes on failing, as package durable promises. A Sync may wait in fn while
// other operations go on: it makes safe what was written before it began. nil
// ends it.
func (f *FS) Fault(fn func(Op) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fn
}

// FaultRead has every read of a file ask fn first; what it returns is the read's
// error. nil ends it.
func (f *FS) FaultRead(fn func(name string, offset int64) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faultRead = fn
}

// Bad has every read of a file that touches these bytes fail with EIO, until Mend.
func (f *FS) Bad(name string, offset, length int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bad = append(f.bad, badBlocks{name, offset, offset + length})
}

// Mend ends what Bad began.
func (f *FS) Mend() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bad = nil
}

// isBad says whether a read touches what the disk does not give. The caller holds
// mu.
func (f *FS) isBad(name string, offset int64, length int) bool {
	return slices.ContainsFunc(f.bad, func(b badBlocks) bool {
		return b.name == name && offset < b.end && offset+int64(length) > b.begin
	})
}

func (f *FS) ask(o Op) error {
	if f.fault == nil {
		return nil
	}
	return f.fault(o)
}

// Chance decides what becomes of unsynced operations in a crash.
type Chance struct {
	r    *rand.Rand
	keep float64
}

// Nothing keeps nothing that was not synced.
func Nothing() Chance { return Chance{} }

// Everything keeps everything that was written.
func Everything() Chance { return Chance{keep: 1} }

// Some keeps each unsynced sector and name with a chance of one half.
func Some(seed uint64) Chance { return Chance{rand.New(rand.NewPCG(seed, 2)), 0.5} }

func (c Chance) keeps() bool {
	if c.r == nil {
		return c.keep == 1
	}
	return c.r.Float64() < c.keep
}

// lose drops what was not synced of a file when its sync has failed: it can be
// read, but as the kernel takes it for written no later sync brings it to the
// disk. The caller holds mu.
func (f *FS) lose(file *inode) {
	safe := safeOps(f.ops)
	for i := range f.ops {
		o := &f.ops[i]
		o.lost = o.lost || o.file == file && !safe[i] && (o.kind == Write || o.kind == Truncate || o.kind == Allocate)
	}
}

// Restart is the end of the process, and the start of another, without a power
// cut: what was written can be read, and files whose sync failed can be written
// to once more.
func (f *FS) Restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = nil
	for _, file := range f.names {
		file.failed = nil
	}
}

// Crash is the disk after the power went behind the first point operations.
func (f *FS) Crash(point int, chance Chance) *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	ops := f.ops[:point]
	safe := safeOps(ops)
	after := New()
	for dir := range f.dirs {
		after.dirs[dir] = true // an empty directory does no harm
	}
	contents := map[*inode][]byte{}
	rooms := map[*inode]int64{} // that allocations have left
	names := map[string]*inode{}
	for name, file := range f.base {
		names[name] = file
	}
	lost := map[string]bool{} // directories whose later changes are lost
	for i, o := range ops {
		switch o.kind {
		case Write:
			contents[o.file] = playWrite(content(contents, o.file), o, safe[i], chance)
		case Truncate:
			if safe[i] || chance.keeps() {
				contents[o.file] = resize(content(contents, o.file), o.offset)
				rooms[o.file] = min(rooms[o.file], o.offset)
			}
		case Allocate:
			if safe[i] || chance.keeps() {
				rooms[o.file] = max(rooms[o.file], o.offset)
			}
		case Create, Rename, Remove:
			dir := path.Dir(o.name)
			if !safe[i] && (lost[dir] || !chance.keeps()) {
				lost[dir] = true
				continue
			}
			playName(names, o)
		}
	}
	for name, file := range names {
		data := slices.Clone(content(contents, file))
		copied := &inode{data: data, start: slices.Clone(data), room: max(rooms[file], int64(len(data)))}
		after.names[name], after.base[name] = copied, copied
	}
	return after
}

// safeOps tells which operations a later sync has made safe.
func safeOps(ops []op) []bool {
	safe := make([]bool, len(ops))
	files, dirs := map[*inode]int{}, map[string]bool{}
	for i, o := range slices.Backward(ops) {
		switch o.kind {
		case Sync:
			files[o.file] = max(files[o.file], o.until)
		case SyncDir:
			dirs[o.name] = true
		case Write, Truncate, Allocate:
			safe[i] = i < files[o.file] && !o.lost
		default:
			safe[i] = dirs[path.Dir(o.name)]
		}
	}
	return safe
}

func content(contents map[*inode][]byte, file *inode) []byte {
	if data, ok := contents[file]; ok {
		return data
	}
	return slices.Clone(file.start)
}

// playWrite writes what survives of a write, sector by sector.
func playWrite(data []byte, o op, safe bool, chance Chance) []byte {
	for begin := 0; begin < len(o.data); {
		at := o.offset + int64(begin)
		n := min(len(o.data)-begin, int(Sector-at%Sector))
		if safe || chance.keeps() {
			if end := at + int64(n); end > int64(len(data)) {
				data = resize(data, end)
			}
			copy(data[at:], o.data[begin:begin+n])
		}
		begin += n
	}
	return data
}

func playName(names map[string]*inode, o op) {
	switch o.kind {
	case Create:
		names[o.name] = o.file
	case Remove:
		delete(names, o.name)
	case Rename:
		if file := names[o.name]; file != nil {
			names[o.newName] = file
			delete(names, o.name)
		}
	}
}

func resize(data []byte, size int64) []byte {
	if size <= int64(len(data)) {
		return data[:size]
	}
	return append(data, make([]byte, size-int64(len(data)))...)
}

// Flip changes one bit of a file, as a failing disk does.
func (f *FS) Flip(name string, offset int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.names[name].data[offset] ^= 1
}

// Size is the size of a file in bytes; 0 if there is none.
func (f *FS) Size(name string) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if file := f.names[name]; file != nil {
		return int64(len(file.data))
	}
	return 0
}

// Open opens for reading.
func (f *FS) Open(name string) (durable.File, error) { return f.OpenFile(name, os.O_RDONLY, 0) }

// Create makes or empties a file.
func (f *FS) Create(name string) (durable.File, error) {
	return f.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
}

// OpenFile opens a file as os.OpenFile does.
func (f *FS) OpenFile(name string, flag int, _ fs.FileMode) (durable.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	file := f.names[name]
	switch {
	case !fs.ValidPath(name):
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	case file == nil && flag&os.O_CREATE == 0, file == nil && !f.dirs[path.Dir(name)]:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case file != nil && flag&os.O_EXCL != 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	case file == nil:
		if err := f.ask(Op{Kind: Create, Name: name}); err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		file = &inode{}
		f.names[name] = file
		f.ops = append(f.ops, op{kind: Create, file: file, name: name})
	}
	h := &handle{fs: f, file: file, name: name, direct: flag&syscall.O_DIRECT != 0}
	if flag&os.O_TRUNC != 0 && len(file.data) > 0 {
		file.data = nil
		f.ops = append(f.ops, op{kind: Truncate, file: file})
	}
	return h, nil
}

// Rename moves a file within its directory.
func (f *FS) Rename(oldName, newName string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.names[oldName] == nil || path.Dir(oldName) != path.Dir(newName) {
		return &fs.PathError{Op: "rename", Path: oldName, Err: fs.ErrNotExist}
	}
	if err := f.ask(Op{Kind: Rename, Name: oldName}); err != nil {
		return &fs.PathError{Op: "rename", Path: oldName, Err: err}
	}
	o := op{kind: Rename, name: oldName, newName: newName}
	playName(f.names, o)
	f.ops = append(f.ops, o)
	return nil
}

// Remove removes a file.
func (f *FS) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.names[name] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	if err := f.ask(Op{Kind: Remove, Name: name}); err != nil {
		return &fs.PathError{Op: "remove", Path: name, Err: err}
	}
	o := op{kind: Remove, name: name}
	playName(f.names, o)
	f.ops = append(f.ops, o)
	return nil
}

// ReadDir lists the files of a directory.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.dirs[name] {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	var entries []fs.DirEntry
	for file, node := range f.names {
		if path.Dir(file) == name {
			entries = append(entries, fs.FileInfoToDirEntry(info{path.Base(file), int64(len(node.data))}))
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// Stat describes a file or directory.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if node := f.names[name]; node != nil {
		return info{path.Base(name), int64(len(node.data))}, nil
	}
	if f.dirs[name] {
		return info{path.Base(name), 0}, nil
	}
	return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
}

// SyncDir makes the names in a directory safe.
func (f *FS) SyncDir(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ask(Op{Kind: SyncDir, Name: name}); err != nil {
		return &durable.SyncError{Name: name, Err: err}
	}
	f.ops = append(f.ops, op{kind: SyncDir, name: name})
	return nil
}

// MkdirAll makes directories. They are safe at once: what is in them matters.
func (f *FS) MkdirAll(name string, _ fs.FileMode) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for ; name != "."; name = path.Dir(name) {
		f.dirs[name] = true
	}
	return nil
}

// info is a fs.FileInfo.
type info struct {
	name string
	size int64
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return 0o600 }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return false }
func (i info) Sys() any           { return nil }

// handle is an open file.
type handle struct {
	fs     *FS
	file   *inode
	name   string
	direct bool // opened with O_DIRECT

	end int64 // of this handle's last Write; guarded by fs.mu
}

func (h *handle) Name() string { return h.name }
func (h *handle) Close() error { return nil }

func (h *handle) ReadAt(p []byte, off int64) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if h.fs.faultRead != nil {
		if err := h.fs.faultRead(h.name, off); err != nil {
			return 0, &fs.PathError{Op: "read", Path: h.name, Err: err}
		}
	}
	if off >= int64(len(h.file.data)) {
		return 0, io.EOF
	}
	if h.fs.isBad(h.name, off, len(p)) {
		return 0, &fs.PathError{Op: "read", Path: h.name, Err: syscall.EIO}
	}
	n := copy(p, h.file.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *handle) Write(p []byte) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	n, err := h.writeAt(p, h.end)
	h.end += int64(n)
	return n, err
}

func (h *handle) WriteAt(p []byte, off int64) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	return h.writeAt(p, off)
}

func (h *handle) writeAt(p []byte, off int64) (int, error) {
	if h.file.failed != nil {
		return 0, h.file.failed
	}
	if h.direct && (off%durable.Alignment != 0 || len(p)%durable.Alignment != 0 ||
		uintptr(unsafe.Pointer(unsafe.SliceData(p)))%durable.Alignment != 0) {
		return 0, &fs.PathError{Op: "write", Path: h.name, Err: syscall.EINVAL}
	}
	grown := max(0, off+int64(len(p))-max(h.file.room, off))
	err := h.fs.ask(Op{Kind: Write, Name: h.name, Size: len(p), New: int(grown)})
	if err != nil {
		p = p[:len(p)/2]
	}
	h.file.room = max(h.file.room, off+int64(len(p)))
	if end := off + int64(len(p)); end > int64(len(h.file.data)) {
		h.file.data = resize(h.file.data, end)
	}
	copy(h.file.data[off:], p)
	h.fs.ops = append(h.fs.ops, op{kind: Write, file: h.file, offset: off, data: slices.Clone(p)})
	return len(p), err
}

func (h *handle) Truncate(size int64) error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if h.file.failed != nil {
		return h.file.failed
	}
	if err := h.fs.ask(Op{Kind: Truncate, Name: h.name}); err != nil {
		return err
	}
	h.file.data = resize(h.file.data, size)
	h.file.room = min(h.file.room, size)
	h.fs.ops = append(h.fs.ops, op{kind: Truncate, file: h.file, offset: size})
	return nil
}

// Allocate sets space aside.
func (h *handle) Allocate(off, n int64) error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if h.file.failed != nil {
		return h.file.failed
	}
	grown := max(0, off+n-max(h.file.room, off))
	if err := h.fs.ask(Op{Kind: Allocate, Name: h.name, Size: int(n), New: int(grown)}); err != nil {
		return &fs.PathError{Op: "allocate", Path: h.name, Err: err}
	}
	h.file.room = max(h.file.room, off+n)
	h.fs.ops = append(h.fs.ops, op{kind: Allocate, file: h.file, offset: off + n})
	return nil
}

func (h *handle) Sync() error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if h.file.failed != nil {
		return h.file.failed
	}
	until, fault := len(h.fs.ops), h.fs.fault
	if fault != nil {
		h.fs.mu.Unlock()
		err := fault(Op{Kind: Sync, Name: h.name})
		h.fs.mu.Lock()
		if err != nil && h.file.failed == nil {
			h.file.failed = &durable.SyncError{Name: h.name, Err: err}
			h.fs.lose(h.file)
		}
		if h.file.failed != nil { // maybe another's: the disk tells but once
			return h.file.failed
		}
	}
	h.fs.ops = append(h.fs.ops, op{kind: Sync, file: h.file, until: until})
	return nil
}

func (h *handle) Stat() (fs.FileInfo, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	return info{path.Base(h.name), int64(len(h.file.data))}, nil
}
