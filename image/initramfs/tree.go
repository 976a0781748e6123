package initramfs

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// Owner is who a file belongs to.
type Owner struct{ UID, GID uint32 }

// Root is the owner of nearly everything.
var Root = Owner{}

// Entry is one file, link or directory.
type Entry struct {
	Path   string      // absolute, clean
	Mode   fs.FileMode // permission bits, and fs.ModeDir or fs.ModeSymlink
	Owner  Owner
	Data   []byte // a file's content, a link's target
	Source string // where it comes from: a package's name or one of our own programs; for the manifest
}

// Tree is a set of entries with distinct paths.
type Tree struct{ entries map[string]Entry }

// New returns an empty tree.
func New() *Tree { return &Tree{entries: make(map[string]Entry)} }

// Add puts an entry into the tree, and directories above it (mode 0755, root's) where there are none. A path that is
// there already is an error, unless both are directories: the later one then says mode and owner.
func (t *Tree) Add(e Entry) error {
	if !path.IsAbs(e.Path) || path.Clean(e.Path) != e.Path || e.Path == "/" {
		return fmt.Errorf("image file %q: the path must be absolute and clean", e.Path)
	}
	if e.Mode&^(fs.ModePerm|fs.ModeDir|fs.ModeSymlink) != 0 {
		return fmt.Errorf("image file %s: mode %v is not allowed in the image", e.Path, e.Mode)
	}
	old, ok := t.entries[e.Path]
	if ok && !(old.Mode.IsDir() && e.Mode.IsDir()) {
		return fmt.Errorf("image file %s: from %s and from %s", e.Path, old.Source, e.Source)
	}
	for dir := path.Dir(e.Path); dir != "/"; dir = path.Dir(dir) {
		if above, ok := t.entries[dir]; !ok {
			t.entries[dir] = Entry{Path: dir, Mode: fs.ModeDir | 0o755}
		} else if !above.Mode.IsDir() {
			return fmt.Errorf("image file %s: %s is not a directory", e.Path, dir)
		}
	}
	t.entries[e.Path] = e
	return nil
}

// AddFile adds a regular file of root's.
func (t *Tree) AddFile(name string, mode fs.FileMode, data []byte, source string) error {
	return t.Add(Entry{Path: name, Mode: mode, Data: data, Source: source})
}

// AddDir adds a directory of root's.
func (t *Tree) AddDir(name string, mode fs.FileMode) error {
	return t.Add(Entry{Path: name, Mode: fs.ModeDir | mode})
}

// AddFS adds every file below a file system's root at dir. Files get mode 0644. Names that begin with a dot are
// refused: they are an editor's or a version control's left-overs.
func (t *Tree) AddFS(dir string, files fs.FS, source string) error {
	return fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == ".":
			return nil
		case strings.HasPrefix(d.Name(), "."):
			return fmt.Errorf("image file %s: hidden files do not belong into the image", name)
		case d.IsDir():
			return t.AddDir(path.Join(dir, name), 0o755)
		case !d.Type().IsRegular():
			return fmt.Errorf("image file %s: not a regular file", name)
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		return t.AddFile(path.Join(dir, name), 0o644, data, source)
	})
}

// Entries returns everything in the order of the paths: a directory stands before what is in it.
func (t *Tree) Entries() []Entry {
	return slices.SortedFunc(maps.Values(t.entries), func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
}

// ErrEmpty is returned for an archive without entries.
var ErrEmpty = errors.New("initramfs: nothing to archive")
