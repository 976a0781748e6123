package image

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/image/apt"
	"github.com/sanduk-mail/sanduk/image/initramfs"
	"github.com/sanduk-mail/sanduk/image/library"
	"github.com/sanduk-mail/sanduk/image/manifest"
	"github.com/sanduk-mail/sanduk/image/module"
)

// fetch gets every package that the board names.
func (b *builder) fetch(ctx context.Context) error {
	err := b.fetchNames(ctx, b.packageNames())
	if b.Firmware && errors.Is(err, apt.ErrNoNonFree) {
		fmt.Fprintf(b.Log, `
*** WITHOUT FIRMWARE: Debian's component non-free-firmware cannot be reached from here.
*** The image gets no CPU microcode (known processor defects stay open) and no firmware for
*** network cards (many Realtek and Broadcom cards will not work, or not well).
*** For a box that goes to an office, make the component reachable and build again.
*** %v

`, err)
		b.Firmware = false
		err = b.fetchNames(ctx, b.packageNames())
	}
	return err
}

func (b *builder) packageNames() []string {
	names := []string{b.Board.Kernel.Package, b.Board.Loader.Package}
	names = append(names, b.Board.Packages...)
	if b.Firmware {
		names = append(names, b.Board.Firmware.Packages...)
		for _, m := range b.Board.Firmware.Microcode {
			names = append(names, m.Package)
		}
	}
	return names
}

func (b *builder) fetchNames(ctx context.Context, names []string) error {
	packages, err := b.Packages.Fetch(ctx, names)
	if err != nil {
		return err
	}
	b.packages = make(map[string]apt.Package)
	for i, p := range packages {
		b.packages[names[i]] = p
	}
	return nil
}

// packageFile returns the content of a file in a package.
func (b *builder) packageFile(name, file string) ([]byte, error) {
	full, err := b.packages[name].Path(file)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(full)
}

// linux returns the kernel.
func (b *builder) linux() ([]byte, error) {
	return b.packageFile(b.Board.Kernel.Package, "/boot/"+b.Board.Kernel.Image+"-"+b.kernel)
}

// addModules adds the board's modules with all they need, and depmod's tables for them.
func (b *builder) addModules() error {
	p := b.packages[b.Board.Kernel.Package]
	set, err := b.moduleSet(p)
	if err != nil {
		return err
	}
	dir := "/lib/modules/" + b.kernel
	for _, m := range set.Modules() {
		data, err := module.ReadFile(m.File)
		if err != nil {
			return err
		}
		if err := b.tree.AddFile(path.Join(dir, m.Path), 0o644, data, p.Name); err != nil {
			return err
		}
	}
	for name, data := range map[string][]byte{
		"modules.dep": set.Dep(), "modules.alias": set.Alias(),
		"modules.softdep": set.Softdep(), "modules.builtin": set.Builtin(),
	} {
		if err := b.tree.AddFile(path.Join(dir, name), 0o644, data, p.Name); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) moduleSet(p apt.Package) (*module.Set, error) {
	all, err := p.Path("/lib/modules")
	if err != nil {
		return nil, err
	}
	versions, err := os.ReadDir(all)
	if err != nil {
		return nil, err
	}
	if len(versions) != 1 {
		return nil, fmt.Errorf("package %s has modules for %d kernels, want one", p.Name, len(versions))
	}
	b.kernel = versions[0].Name()
	tree, err := module.ReadTree(filepath.Join(all, b.kernel))
	if err != nil {
		return nil, err
	}
	return tree.Closure(b.Board.Modules)
}

// addTools adds Debian's programs with their libraries, single files, and joined ones.
func (b *builder) addTools() error {
	var roots, programs []string
	owner := make(map[string]string) // package by root
	for _, name := range b.Board.Packages {
		p := b.packages[name]
		roots = append(roots, p.Root)
		owner[p.Root] = p.Name
	}
	for _, name := range b.Board.Tools {
		full, root, err := b.find(name)
		if err != nil {
			return err
		}
		programs = append(programs, full)
		if err := b.copy(name, full, 0o755, owner[root]); err != nil {
			return err
		}
	}
	libraries, err := library.Closure(programs, roots)
	if err != nil {
		return err
	}
	for _, l := range libraries {
		if err := b.copy(l.Path, l.File, 0o755, owner[l.Root]); err != nil {
			return err
		}
	}
	for _, name := range b.Board.Files {
		full, root, err := b.find(name)
		if err != nil {
			return err
		}
		if err := b.copy(name, full, 0o644, owner[root]); err != nil {
			return err
		}
	}
	return b.addBundles()
}

// find looks for a file in the board's packages.
func (b *builder) find(name string) (full, root string, err error) {
	for _, pkg := range b.Board.Packages {
		p := b.packages[pkg]
		if full, err := p.Path(name); err == nil {
			return full, p.Root, nil
		}
	}
	return "", "", fmt.Errorf("%s is in none of the packages %s", name, strings.Join(b.Board.Packages, ", "))
}

func (b *builder) copy(to, from string, mode os.FileMode, source string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return b.tree.AddFile(to, mode, data, source)
}

func (b *builder) addBundles() error {
	for _, bundle := range b.Board.Bundles {
		dir, err := b.packages[bundle.Package].Path(bundle.From)
		if err != nil {
			return err
		}
		entries, err := os.ReadDir(dir) // in order
		if err != nil {
			return err
		}
		var joined bytes.Buffer
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), bundle.Suffix) {
				continue
			}
			data, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return err
			}
			joined.Write(data)
		}
		if joined.Len() == 0 {
			return fmt.Errorf("package %s has no *%s in %s", bundle.Package, bundle.Suffix, bundle.From)
		}
		if err := b.tree.AddFile(bundle.To, 0o644, joined.Bytes(), bundle.Package); err != nil {
			return err
		}
	}
	return nil
}

// addFirmware adds what shipped modules name, as far as the packages have it.
func (b *builder) addFirmware() error {
	if !b.Firmware {
		return nil
	}
	set, err := b.moduleSet(b.packages[b.Board.Kernel.Package])
	if err != nil {
		return err
	}
	wanted := set.Firmware()
	for _, file := range slices.Sorted(maps.Keys(wanted)) {
		if skipAll(b.Board.Firmware.Skip, wanted[file]) {
			continue
		}
		found := false
		for _, name := range b.Board.Firmware.Packages {
			p := b.packages[name]
			full, err := p.Path("/lib/firmware/" + file)
			if err != nil {
				continue
			}
			if err := b.copy("/lib/firmware/"+file, full, 0o644, p.Name); err != nil {
				return err
			}
			found = true
			break
		}
		if !found {
			b.absent = append(b.absent, file)
		}
	}
	return nil
}

func skipAll(skip map[string]string, modules []string) bool {
	for _, m := range modules {
		if _, ok := skip[m]; !ok {
			return false
		}
	}
	return true
}

// addMicrocode makes the archive in which the kernel looks before it unpacks anything: plain, at the very front.
func (b *builder) addMicrocode() error {
	if !b.Firmware || len(b.Board.Firmware.Microcode) == 0 {
		return nil
	}
	tree := initramfs.New()
	for _, m := range b.Board.Firmware.Microcode {
		dir, err := b.packages[m.Package].Path(m.Dir)
		if err != nil {
			return err
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		var joined []byte
		for _, e := range entries {
			// Debian marks files with an ending where the early loader is the only safe way; this is the early loader.
			name, _, _ := strings.Cut(e.Name(), ".initramfs")
			if _, skip := m.Skip[name]; skip || strings.HasSuffix(name, ".asc") || strings.HasPrefix(name, "README") {
				continue
			}
			data, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return err
			}
			joined = append(joined, data...)
		}
		if m.Format == "intel" {
			if joined, err = distinctUpdates(joined); err != nil {
				return fmt.Errorf("package %s: %w", m.Package, err)
			}
		}
		if err := tree.AddFile("/"+m.To, 0o644, joined, m.Package); err != nil {
			return err
		}
	}
	archive, err := earlyArchive(tree)
	b.microcode = archive
	return err
}

// earlyArchive is an archive of a tree's files without their directories. The kernel finds what it looks for early by
// the path alone. Later it unpacks this archive like the others, and passes over files that have no directory: with
// one, a second copy of the microcode would take time at every start, and 6.5 MB of memory for as long as the box runs.
func earlyArchive(tree *initramfs.Tree) ([]byte, error) {
	files := slices.DeleteFunc(tree.Entries(), func(e initramfs.Entry) bool { return e.Mode.IsDir() })
	return initramfs.Archive(files)
}

// Intel's microcode update, "Intel 64 and IA-32 Architectures Software Developer's Manual", volume 3, §9.11.1: a
// header of 48 bytes with the total size at 32; zero there means 2048.
const (
	updateHeader  = 48
	updateSizeAt  = 32
	updateDefault = 2048
	updateVersion = 1
)

// distinctUpdates drops updates that stand in a chain more than once: one update serves several processors, and
// Debian's package has it in the file of each.
func distinctUpdates(chain []byte) ([]byte, error) {
	seen := make(map[string]bool)
	var out []byte
	for len(chain) > 0 {
		if len(chain) < updateHeader || binary.LittleEndian.Uint32(chain) != updateVersion {
			return nil, errors.New("not a chain of microcode updates")
		}
		size := int(binary.LittleEndian.Uint32(chain[updateSizeAt:]))
		if size == 0 {
			size = updateDefault
		}
		if size < updateHeader || size > len(chain) {
			return nil, fmt.Errorf("a microcode update claims %d bytes", size)
		}
		if one := string(chain[:size]); !seen[one] {
			seen[one] = true
			out = append(out, one...)
		}
		chain = chain[size:]
	}
	return out, nil
}

// addLicenses adds the licence text of every package of which something is in the image.
func (b *builder) addLicenses() error {
	used := make(map[string]bool)
	for _, e := range b.tree.Entries() {
		used[e.Source] = true
	}
	used[b.packages[b.Board.Loader.Package].Name] = true
	if b.Firmware {
		for _, m := range b.Board.Firmware.Microcode {
			used[m.Package] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.packages)) {
		p := b.packages[name]
		if !used[p.Name] {
			continue
		}
		text, licenses, err := p.Copyright()
		if err != nil {
			return err
		}
		if err := b.tree.AddFile(manifest.CopyrightPath(p.Name), 0o644, text, p.Name); err != nil {
			return err
		}
		b.licenses = append(b.licenses, manifest.FromDebian(p, licenses))
	}
	return nil
}
