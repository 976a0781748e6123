package module

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Tree is every module of one kernel.
type Tree struct {
	version string
	modules map[string]*Module // by name
	alias   map[string][]string
	builtin map[string]string // name to path, for what is in the kernel itself
}

// Module is one file of a Tree.
type Module struct {
	Info
	// Path is relative to the kernel's module directory, without the ending of a packed file.
	Path string
	// File is where the module is on the build machine.
	File string
}

// ReadTree reads all modules below dir, which is /lib/modules/VERSION of the kernel's package.
func ReadTree(dir string) (*Tree, error) {
	t := &Tree{
		version: filepath.Base(dir),
		modules: make(map[string]*Module),
		alias:   make(map[string][]string),
		builtin: make(map[string]string),
	}
	raw, err := os.ReadFile(filepath.Join(dir, "modules.builtin"))
	if err != nil {
		return nil, fmt.Errorf("kernel modules: %w", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		p := strings.TrimSpace(lines.Text())
		t.builtin[nameOf(p)] = p
	}
	files, err := list(dir)
	if err != nil {
		return nil, fmt.Errorf("kernel modules: %w", err)
	}
	mods, err := parseAll(dir, files)
	if err != nil {
		return nil, fmt.Errorf("kernel modules: %w", err)
	}
	for _, m := range mods {
		t.modules[m.Name] = m
		for _, a := range m.Aliases {
			t.alias[a] = append(t.alias[a], m.Name)
		}
	}
	return t, nil
}

// Version is the kernel's version, as uname -r prints it.
func (t *Tree) Version() string { return t.version }

// list returns the module files below dir in order.
func list(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if base := d.Name(); strings.HasSuffix(base, ".ko") || strings.Contains(base, ".ko.") {
			files = append(files, p)
		}
		return nil
	})
	slices.Sort(files)
	return files, err
}

// parseAll reads the files side by side: a kernel has some 4,000.
func parseAll(dir string, files []string) ([]*Module, error) {
	mods := make([]*Module, len(files))
	errs := make([]error, len(files))
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				mods[i], errs[i] = parseFile(dir, files[i])
			}
		})
	}
	for i := range files {
		next <- i
	}
	close(next)
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", files[i], err)
		}
	}
	return mods, nil
}

func parseFile(dir, file string) (*Module, error) {
	raw, err := ReadFile(file)
	if err != nil {
		return nil, err
	}
	info, err := ParseInfo(raw)
	if err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(dir, file)
	if err != nil {
		return nil, err
	}
	if i := strings.Index(rel, ".ko."); i >= 0 {
		rel = rel[:i+len(".ko")]
	}
	if info.Name == "" {
		info.Name = nameOf(rel)
	}
	return &Module{Info: info, Path: filepath.ToSlash(rel), File: file}, nil
}

// nameOf returns the kernel's name of a module file: hyphens are underscores there.
func nameOf(p string) string {
	base, _, _ := strings.Cut(path.Base(p), ".ko")
	return canonical(base)
}

func canonical(name string) string { return strings.ReplaceAll(name, "-", "_") }
