package transfer

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
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
	// A Maildir's own messages, and their keywords, come before the folders in it.
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
	case courierDir: // says something about the messages
		return 0
	case "cur":
		return 1
	case "new":
		return 2
	}
	return 3
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
// messages, of 60 bytes each, take 77 MB.
type nameList struct {
	pieces [][]byte // of namePiece bytes; each name behind its length in a byte
	names  []listed
	isDir  map[string]bool
}

// listed is a name in the pieces.
type listed struct {
	key uint64 // for the order, of messages
	at  uint32 // place in all pieces together
}

const (
	namePiece = 1 << 20
	// maxPieces bounds the names of one directory: some ten million.
	maxPieces = 1 << 10
)

// errManyFiles says that a directory has more than anybody's Maildir.
var errManyFiles = errors.New("there are too many files in it")

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
			if messages && (strings.HasPrefix(name, ".") || e.IsDir()) {
				continue
			}
			if e.IsDir() {
				n.isDir[name] = true
			}
			l := listed{}
			if messages {
				l.key = parseMaildirName(name).number
			}
			if l.at, ok = n.keep(name); !ok {
				return errManyFiles
			}
			n.names = append(n.names, l)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// keep puts a name into the last piece, or a new one.
func (n *nameList) keep(name string) (at uint32, ok bool) {
	name = name[:min(len(name), 255)] // as long as file names are
	last := len(n.pieces) - 1
	if last < 0 || len(n.pieces[last])+1+len(name) > namePiece {
		if last++; last == maxPieces {
			return 0, false
		}
		n.pieces = append(n.pieces, make([]byte, 0, namePiece))
	}
	at = uint32(last*namePiece + len(n.pieces[last]))
	n.pieces[last] = append(append(n.pieces[last], byte(len(name))), name...)
	return at, true
}

func (n *nameList) name(at uint32) []byte {
	piece := n.pieces[at/namePiece][at%namePiece:]
	return piece[1 : 1+int(piece[0])]
}

// sort puts messages into their order and other names into the alphabet's, what
// describes a folder first.
func (n *nameList) sort() {
	slices.SortFunc(n.names, func(a, b listed) int {
		x, y := n.name(a.at), n.name(b.at)
		if a.key == b.key && describes(x) != describes(y) {
			if describes(x) {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.key, b.key), bytes.Compare(x, y))
	})
}

// describes reports whether a file says something about others.
func describes(name []byte) bool {
	return string(name) == keywordsFile || string(name) == folderFile || bytes.HasSuffix(name, []byte(mboxSidecar))
}

func (n *nameList) all() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, l := range n.names {
			if !yield(string(n.name(l.at))) {
				return
			}
		}
	}
}
