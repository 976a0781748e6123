package boot

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// modules loads kernel modules, each once.
type modules struct {
	log     *slog.Logger
	files   map[string]*moduleFile // by name, with underscores
	aliases aliasTable
	tuned   <-chan struct{} // closed when a network card may appear

	mu    sync.Mutex
	asked map[string]bool // modaliases and names seen; guarded by mu
}

// moduleFile is one line of modules.dep.
type moduleFile struct {
	path string
	deps []string // names

	once sync.Once
	err  error // valid after once
}

func newModules(version string, log *slog.Logger) (*modules, error) {
	m := &modules{log: log, files: map[string]*moduleFile{}, asked: map[string]bool{}}
	dir := filepath.Join(moduleRoot, version)
	for name, read := range map[string]func(io.Reader) error{
		"modules.dep":   func(r io.Reader) error { return m.readDependencies(r, dir) },
		"modules.alias": func(r io.Reader) (err error) { m.aliases, err = readAliases(r); return err },
	} {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return nil, fmt.Errorf("modules: %w", err)
		}
		err = read(f)
		_ = f.Close() // only read from
		if err != nil {
			return nil, fmt.Errorf("modules: read %s: %w", name, err)
		}
	}
	return m, nil
}

// readDependencies reads modules.dep: "path: path path…".
func (m *modules) readDependencies(r io.Reader, dir string) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		path, deps, ok := strings.Cut(lines.Text(), ":")
		if !ok {
			continue
		}
		f := &moduleFile{path: filepath.Join(dir, path)}
		for dep := range strings.FieldsSeq(deps) {
			f.deps = append(f.deps, moduleName(dep))
		}
		m.files[moduleName(path)] = f
	}
	return lines.Err()
}

// moduleName is the kernel's name of a module file: without ending, and with
// underscores where the file may have hyphens.
func moduleName(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	return strings.ReplaceAll(name, "-", "_")
}

// empty gives back the memory of the modules' files, which lie in it as all of the image does, once the kernel takes no
// more. Their names stay: who asks for one still learns from the kernel that it must not be.
func (m *modules) empty() error {
	var first error
	for _, f := range m.files {
		if err := os.Truncate(f.path, 0); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// resolve returns the modules for modaliases that were not asked for before.
func (m *modules) resolve(modaliases []string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for _, alias := range modaliases {
		if m.asked[alias] {
			continue
		}
		m.asked[alias] = true
		for _, name := range m.aliases.match(alias) {
			if !m.asked[name] {
				m.asked[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// load loads one. A driver that finds no device it likes is no error worth a
// line on the screen; nor is a module that is built into the kernel.
func (m *modules) load(name string) {
	err := m.insert(moduleName(name))
	if errors.Is(err, unix.EPERM) {
		m.log.Warn("new hardware is used from the next start on", "module", name)
		return
	}
	if err != nil && !errors.Is(err, unix.ENODEV) && !errors.Is(err, os.ErrNotExist) {
		m.log.Warn("module not loaded", "module", name, "err", err)
	}
}

// insert loads a module after those it depends on, once, whoever asks first.
func (m *modules) insert(name string) error {
	f := m.files[name]
	if f == nil {
		return fmt.Errorf("module %s: %w", name, os.ErrNotExist)
	}
	f.once.Do(func() {
		for _, dep := range f.deps {
			// modules.dep has no circles: the kernel could not load them either.
			if err := m.insert(dep); err != nil {
				f.err = fmt.Errorf("module %s: needs %s: %w", name, dep, err)
				return
			}
		}
		if m.tuned != nil && strings.Contains(f.path, networkDrivers) {
			<-m.tuned
		}
		options := "async_probe"
		if inOrder(f.path) {
			options = ""
		}
		f.err = insertFile(f.path, options)
	})
	return f.err
}

// networkDrivers is where the kernel keeps those of network cards.
const networkDrivers = "/drivers/net/"

// inOrder says whether a module's devices must be found in the order in which
// they are plugged in: network cards are named by it, and those of a virtual
// machine hang on its own bus.
//
// A module that is loaded in order is not done before every driver in the
// machine has looked at its devices, those of others too; half a second for a
// disk controller without disks. The others are loaded with async_probe, and
// nobody waits for anybody.
func inOrder(path string) bool {
	return strings.Contains(path, networkDrivers) || strings.Contains(path, "/drivers/virtio/")
}

func insertFile(path, options string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read from
	err = unix.FinitModule(int(file.Fd()), options, 0)
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("load %s: %w", filepath.Base(path), err)
	}
	return nil
}
