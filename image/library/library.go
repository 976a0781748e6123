package library

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// File is one library.
type File struct {
	Path string // in the image
	File string // on the build machine
	Root string // the directory it was found in, as given to Closure
}

// dirs is where Debian's dynamic linker looks, for every architecture whose multiarch directory the package has.
var dirs = []string{"lib", "usr/lib", "lib64", "usr/lib64", "lib/*-linux-gnu", "usr/lib/*-linux-gnu"}

// Closure returns the libraries that the programs need, in the order of their paths. It looks for them below roots.
func Closure(programs, roots []string) ([]File, error) {
	found := make(map[string]File)
	todo := slices.Clone(programs)
	for len(todo) > 0 {
		names, interpreter, err := needs(todo[0])
		if err != nil {
			return nil, fmt.Errorf("libraries of %s: %w", todo[0], err)
		}
		if interpreter != "" {
			names = append(names, interpreter)
		}
		for _, name := range names {
			if _, ok := found[path.Base(name)]; ok {
				continue
			}
			f, err := find(name, roots)
			if err != nil {
				return nil, fmt.Errorf("libraries of %s: %w", todo[0], err)
			}
			found[path.Base(name)] = f
			todo = append(todo, f.File)
		}
		todo = todo[1:]
	}
	files := make([]File, 0, len(found))
	for _, f := range found {
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

// needs returns the libraries an ELF file names and its interpreter, which libraries do not have.
func needs(file string) (names []string, interpreter string, err error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	if names, err = f.ImportedLibraries(); err != nil {
		return nil, "", err
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		raw := make([]byte, p.Filesz)
		if _, err := p.ReadAt(raw, 0); err != nil {
			return nil, "", err
		}
		interpreter = strings.TrimRight(string(raw), "\x00")
	}
	return names, interpreter, nil
}

// find looks for an absolute path (the interpreter's, which stays as it is) or a bare name.
func find(name string, roots []string) (File, error) {
	for _, root := range roots {
		for _, dir := range dirs {
			matches, err := filepath.Glob(filepath.Join(root, dir, path.Base(name)))
			if err != nil {
				return File{}, err
			}
			for _, m := range matches {
				full, err := filepath.EvalSymlinks(m)
				if errors.Is(err, os.ErrNotExist) {
					// A link with an absolute target (the interpreter's in libc6): look for the target below root.
					full, err = absolute(root, m)
				}
				if err != nil {
					return File{}, err
				}
				to := name
				if !path.IsAbs(name) {
					rel, err := filepath.Rel(root, m)
					if err != nil {
						return File{}, err
					}
					to = "/" + filepath.ToSlash(rel)
				}
				return File{Path: to, File: full, Root: root}, nil
			}
		}
	}
	return File{}, fmt.Errorf("%s is in none of the packages", name)
}

func absolute(root, link string) (string, error) {
	target, err := os.Readlink(link)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(filepath.Join(root, target))
}
