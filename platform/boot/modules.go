package boot

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// alwaysModules have no device that asks for them: file systems, what these ask
// the kernel for by name while they mount, and the events of keys and buttons.
const alwaysModules = "ext4 vfat nls_cp437 nls_ascii efivarfs efi_pstore evdev"

// modules loads kernel modules for devices, each once.
type modules struct {
	log     *slog.Logger
	files   map[string]*moduleFile // by name, with underscores
	aliases aliasTable

	mu    sync.Mutex
	asked map[string]bool // modaliases and names seen; guarded by mu
}

// maxPasses bounds how often new devices may bring up further ones before the
// start goes on; a disk behind a hub behind a controller takes three. Those that
// appear later are caught by the kernel's events. It is a count and not a time,
// because a slow machine needs its drivers as much as a quick one.
const maxPasses = 10

// loadModules loads what the devices ask for, and again for the devices that
// these bring, until nothing new appears. The listener that looks after later
// ones is opened first, so none falls between.
func (m *Machine) loadModules(ctx context.Context) error {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return fmt.Errorf("modules: %w", err)
	}
	version := unix.ByteSliceToString(uts.Release[:])
	if _, err := os.Stat(filepath.Join(moduleRoot, version)); errors.Is(err, os.ErrNotExist) {
		m.log.Warn("no kernel modules for this kernel", "version", version)
		m.mountLate()
		return nil // a kernel with everything built in
	}
	mods, err := newModules(version, m.log)
	if err != nil {
		return err
	}
	m.modules = mods
	events, err := listenUevents()
	if err != nil {
		return fmt.Errorf("modules: listen for devices: %w", err)
	}
	names := strings.Fields(alwaysModules)
	for range maxPasses {
		began := time.Now()
		names = append(names, mods.resolve(scanModaliases("/sys"))...)
		if len(names) == 0 {
			break
		}
		scanned := time.Now()
		mods.loadAll(names)
		m.log.Info("modules loaded", "modules", strings.Join(names, " "),
			"scan_ms", scanned.Sub(began).Milliseconds(), "load_ms", time.Since(scanned).Milliseconds())
		names = nil
	}
	m.mountLate()
	m.spawn(func() { m.watchDevices(ctx, events) })
	return nil
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

// loadAll loads modules side by side; each waits for those it depends on.
func (m *modules) loadAll(names []string) {
	var wg sync.WaitGroup
	for _, name := range names {
		wg.Go(func() { m.load(name) })
	}
	wg.Wait()
}

// load loads one. A driver that finds no device it likes is no error worth a
// line on the screen; nor is a module that is built into the kernel.
func (m *modules) load(name string) {
	err := m.insert(moduleName(name))
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
		f.err = insertFile(f.path)
	})
	return f.err
}

func insertFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read from
	err = unix.FinitModule(int(file.Fd()), "", 0)
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("load %s: %w", filepath.Base(path), err)
	}
	return nil
}

// scanModaliases reads what the devices known now ask for.
func scanModaliases(sysfs string) []string {
	files, err := filepath.Glob(filepath.Join(sysfs, "bus/*/devices/*/modalias"))
	if err != nil {
		return nil // only for a bad pattern
	}
	var list []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // the device went away
		}
		if alias := string(bytes.TrimSpace(data)); alias != "" {
			list = append(list, alias)
		}
	}
	return list
}

// aliasTable is modules.alias by the part before the first colon, the bus; what
// has a wildcard there ("acpi*:PNP0C0C:*") stands under anyBus.
type aliasTable map[string][]moduleAlias

const anyBus = "*"

type moduleAlias struct{ pattern, module string }

func readAliases(r io.Reader) (aliasTable, error) {
	t := aliasTable{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) != 3 || fields[0] != "alias" {
			continue
		}
		bus, _, _ := strings.Cut(fields[1], ":")
		if strings.ContainsAny(bus, "*?[") {
			bus = anyBus
		}
		t[bus] = append(t[bus], moduleAlias{fields[1], fields[2]})
	}
	return t, lines.Err()
}

// match returns the modules whose pattern fits modalias.
func (t aliasTable) match(modalias string) []string {
	bus, _, _ := strings.Cut(modalias, ":")
	var names []string
	for _, key := range []string{bus, anyBus} {
		for _, a := range t[key] {
			if globMatch(a.pattern, modalias) {
				names = append(names, a.module)
			}
		}
	}
	return names
}

// globMatch is fnmatch(3) without flags, as far as modules.alias uses it: *, ?
// and sets of characters. It runs in time proportional to the product of the
// lengths: after a mismatch only the last * is tried again.
func globMatch(pattern, s string) bool {
	star, mark := -1, 0
	p, i := 0, 0
	for i < len(s) {
		if p < len(pattern) && pattern[p] == '*' {
			star, mark = p, i
			p++
			continue
		}
		if n := matchOne(pattern[p:], s[i]); n > 0 {
			p += n
			i++
			continue
		}
		if star < 0 {
			return false
		}
		mark++
		p, i = star+1, mark
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchOne returns how much of the pattern stands for the one character c, 0
// when it does not fit.
func matchOne(pattern string, c byte) int {
	if pattern == "" {
		return 0
	}
	switch pattern[0] {
	case '?':
		return 1
	case '[':
		end := strings.IndexByte(pattern, ']')
		if end < 0 {
			return 0
		}
		set := pattern[1:end]
		for len(set) > 0 {
			if len(set) >= 3 && set[1] == '-' {
				if set[0] <= c && c <= set[2] {
					return end + 1
				}
				set = set[3:]
				continue
			}
			if set[0] == c {
				return end + 1
			}
			set = set[1:]
		}
		return 0
	}
	if pattern[0] == c {
		return 1
	}
	return 0
}
