package transfer

import (
	"archive/tar"
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"
	"time"
)

// file is one file of an archive, whatever holds it.
type file struct {
	path     string // below the archive's root, with "/"
	size     int64
	modified time.Time
	// open gives the content; for a stream it may be called once, and before the
	// next file is asked for.
	open func() (io.ReadCloser, error)
	dir  bool
}

// isMessageDir reports whether files in a directory of that name are messages of
// a Maildir.
func isMessageDir(name string) bool { return name == "cur" || name == "new" }

// tarFiles are the files of a tar stream, in its order.
func tarFiles(ctx context.Context, r io.Reader) iter.Seq2[file, error] {
	return func(yield func(file, error) bool) {
		t := tar.NewReader(r)
		for {
			h, err := t.Next()
			if err == io.EOF {
				return
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(file{}, fmt.Errorf("read tar: %w", err))
				return
			}
			f := file{
				path: cleanPath(h.Name), size: h.Size, modified: h.ModTime, dir: h.Typeflag == tar.TypeDir,
				open: func() (io.ReadCloser, error) { return io.NopCloser(t), nil },
			}
			if !f.dir && h.Typeflag != tar.TypeReg {
				continue // links and devices
			}
			if !yield(f, nil) {
				return
			}
		}
	}
}

// zipFiles are the files of a zip archive, in its order.
func zipFiles(ctx context.Context, r io.ReaderAt, size int64) iter.Seq2[file, error] {
	return func(yield func(file, error) bool) {
		z, err := zip.NewReader(r, size)
		if err != nil {
			yield(file{}, fmt.Errorf("read zip: %w", err))
			return
		}
		for _, e := range z.File {
			if err := ctx.Err(); err != nil {
				yield(file{}, err)
				return
			}
			f := file{
				path: cleanPath(e.Name), size: int64(e.UncompressedSize64), modified: e.Modified,
				dir: e.FileInfo().IsDir(), open: e.Open,
			}
			if !f.dir && !e.Mode().IsRegular() {
				continue
			}
			if !yield(f, nil) {
				return
			}
		}
	}
}

// cleanPath is a path of a stranger's archive without "..", "." and a leading "/".
// Nothing is ever written to it.
func cleanPath(name string) string {
	return strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/")
}

// tree walks the files of a directory: in each, what describes it, then the
// messages of a Maildir in their order, then other files by name, then the
// directories below. Of a directory it keeps only the names.
type tree struct {
	ctx  context.Context
	root fs.FS
}

func (t *tree) files() iter.Seq2[file, error] {
	return func(yield func(file, error) bool) { t.walk(".", 0, yield) }
}

const (
	// maxTreeDepth is above mail.MaxMailboxDepth with the directories that
	// programs put between.
	maxTreeDepth = 80
	// namesAtOnce is how many names are read from a directory at a time.
	namesAtOnce = 1024
)

// walk reports whether to go on.
func (t *tree) walk(dir string, depth int, yield func(file, error) bool) bool {
	if err := t.ctx.Err(); err != nil {
		yield(file{}, err)
		return false
	}
	if depth > maxTreeDepth {
		return yield(file{path: dir}, fmt.Errorf("%s: directories are too deep", dir))
	}
	var names nameList
	messages := isMessageDir(path.Base(dir))
	if err := names.read(t.root, dir, messages); err != nil {
		return yield(file{path: dir}, fmt.Errorf("read directory %s: %w", dir, err))
	}
	names.sort()
	if depth > 0 && !yield(file{path: dir, dir: true}, nil) {
		return false
	}
	var dirs []string
	for name := range names.all() {
		full := path.Join(dir, name)
		if !messages && names.isDir[name] {
			if name != keysDir { // asked for where a message says so
				dirs = append(dirs, full)
			}
			continue
		}
		f, err := t.file(full)
		if errors.Is(err, fs.ErrNotExist) {
			continue // its program has renamed or removed it
		}
		if err == nil && !f.mode.IsRegular() {
			continue
		}
		if !yield(f.file, err) {
			return false
		}
		if err := t.ctx.Err(); err != nil {
			yield(file{}, err)
			return false
		}
	}
	// A Maildir's own messages come before the folders in it.
	slices.SortStableFunc(dirs, func(a, b string) int { return rank(path.Base(a)) - rank(path.Base(b)) })
	for _, d := range dirs {
		if !t.walk(d, depth+1, yield) {
			return false
		}
	}
	return true
}

// rank orders the directories within one.
func rank(name string) int {
	switch name {
	case "cur":
		return 0
	case "new":
		return 1
	}
	return 2
}

type treeFile struct {
	file
	mode fs.FileMode
}

func (t *tree) file(name string) (treeFile, error) {
	info, err := fs.Lstat(t.root, name)
	if err != nil {
		return treeFile{file: file{path: name}}, fmt.Errorf("%s: %w", name, err)
	}
	return treeFile{file{
		path: name, size: info.Size(), modified: info.ModTime(),
		open: func() (io.ReadCloser, error) { return t.root.Open(name) },
	}, info.Mode()}, nil
}

// nameList holds the names of a directory in little memory: a million names of
// messages, of 60 bytes each, take 80 MB.
type nameList struct {
	text  []byte
	ends  []uint32
	order []uint32
	key   []uint64 // of messages
	isDir map[string]bool
}

// maxNames bounds the bytes of all names of one directory.
const maxNames = 1 << 30

func (n *nameList) read(root fs.FS, dir string, messages bool) error {
	f, err := root.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read from
	d, ok := f.(fs.ReadDirFile)
	if !ok {
		return errors.New("this is not a directory")
	}
	n.isDir = map[string]bool{}
	for {
		entries, err := d.ReadDir(namesAtOnce)
		for _, e := range entries {
			name := e.Name()
			if len(n.text)+len(name) > maxNames {
				return errors.New("there are too many files in it")
			}
			if messages && (strings.HasPrefix(name, ".") || e.IsDir()) {
				continue
			}
			if e.IsDir() {
				n.isDir[name] = true
			}
			if messages {
				n.key = append(n.key, parseMaildirName(name).number)
			}
			n.order = append(n.order, uint32(len(n.ends)))
			n.text = append(n.text, name...)
			n.ends = append(n.ends, uint32(len(n.text)))
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (n *nameList) name(i uint32) []byte {
	begin := uint32(0)
	if i > 0 {
		begin = n.ends[i-1]
	}
	return n.text[begin:n.ends[i]]
}

// sort puts messages into their order and other names into the alphabet's, what
// describes a folder first.
func (n *nameList) sort() {
	slices.SortFunc(n.order, func(a, b uint32) int {
		x, y := n.name(a), n.name(b)
		if n.key != nil {
			if n.key[a] != n.key[b] {
				if n.key[a] < n.key[b] {
					return -1
				}
				return 1
			}
			return strings.Compare(string(x), string(y))
		}
		if p, q := describes(string(x)), describes(string(y)); p != q {
			if p {
				return -1
			}
			return 1
		}
		return strings.Compare(string(x), string(y))
	})
}

// describes reports whether a file says something about others.
func describes(name string) bool {
	return name == keywordsFile || name == folderFile || strings.HasSuffix(name, mboxSidecar)
}

func (n *nameList) all() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, i := range n.order {
			if !yield(string(n.name(i))) {
				return
			}
		}
	}
}
