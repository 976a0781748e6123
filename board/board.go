package board

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

// Board describes one hardware target. The JSON names are those of board.json.
type Board struct {
	Name string `json:"name"` // also the directory's name, and part of the image's file name
	Arch string `json:"arch"` // Debian's architecture name, such as amd64

	// MaxUKI bounds the unified kernel image, in MiB: two of them and a third that is being written must fit on the boot
	// partition, and firmware reads it through slow drivers.
	MaxUKI int `json:"max_uki"`

	Kernel Kernel `json:"kernel"`
	Loader Loader `json:"loader"`

	// Cmdline is the kernel's command line, joined with spaces.
	Cmdline []Option `json:"cmdline"`

	// Packages are Debian packages that files are taken from, besides kernel, loader and firmware.
	Packages []string `json:"packages"`

	// Tools are programs taken from Packages, by their path there. Shared libraries and the program interpreter
	// that they name are found in Packages and come along.
	Tools []string `json:"tools"`

	// Files are other files taken from Packages, by their path there, to the same path in the image.
	Files []string `json:"files"`

	// Bundles are files made by joining others from Packages.
	Bundles []Bundle `json:"bundles"`

	// Firmware is what needs Debian's non-free-firmware component.
	Firmware Firmware `json:"firmware"`

	// Modules are the kernel modules the image must have, read from the file "modules". What they depend on is
	// found when the image is built.
	Modules []string `json:"-"`
}

// Kernel names the kernel's package.
type Kernel struct {
	// Package may be an empty package that depends on today's real one (linux-image-amd64 does).
	Package string `json:"package"`
	// Image is the kernel's file in /boot without the version and the hyphen before it.
	Image string `json:"image"`
}

// Loader names the boot loader's package and files.
type Loader struct {
	Package string `json:"package"`
	Loader  string `json:"loader"` // path in the package of the boot manager
	Stub    string `json:"stub"`   // path in the package of the stub that starts a kernel in the same file
	Path    string `json:"path"`   // where the firmware looks for the loader on the ESP
}

// Option is one word of the kernel's command line, and why it is there.
type Option struct {
	Word string `json:"word"`
	Why  string `json:"why"`
}

// Bundle joins all files of a package below From that end in Suffix, in the order of their names, into To.
type Bundle struct {
	Package string `json:"package"`
	From    string `json:"from"`
	Suffix  string `json:"suffix"`
	To      string `json:"to"`
}

// Firmware lists what the kernel loads into devices and CPUs.
type Firmware struct {
	// Packages hold firmware files. Only files that a shipped module names are taken from them.
	Packages []string `json:"packages"`
	// Skip lists modules whose firmware is left out, with the reason.
	Skip map[string]string `json:"skip"`
	// Microcode is what the kernel loads into the CPU before anything else runs.
	Microcode []Microcode `json:"microcode"`
}

// Microcode is one vendor's microcode.
type Microcode struct {
	Package string `json:"package"`
	Dir     string `json:"dir"` // in the package
	To      string `json:"to"`  // in the early archive, fixed by the kernel
	// Format is "intel" (a chain of updates, each with its length; doubles are dropped) or "amd" (containers,
	// joined as they are).
	Format string `json:"format"`
	// Skip lists file names that are left out, with the reason.
	Skip map[string]string `json:"skip"`
}

var (
	nameRE   = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	moduleRE = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
)

// Load reads board.json and modules from dir, which is board/NAME.
func Load(dir fs.FS) (*Board, error) {
	raw, err := fs.ReadFile(dir, "board.json")
	if err != nil {
		return nil, fmt.Errorf("board: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	b := new(Board)
	if err := dec.Decode(b); err != nil {
		return nil, fmt.Errorf("board.json: %w", err)
	}
	if raw, err = fs.ReadFile(dir, "modules"); err != nil {
		return nil, fmt.Errorf("board: %w", err)
	}
	if b.Modules, err = parseModules(raw); err != nil {
		return nil, fmt.Errorf("board: modules: %w", err)
	}
	if err := b.check(); err != nil {
		return nil, fmt.Errorf("board %q: %w", b.Name, err)
	}
	return b, nil
}

// CommandLine returns the kernel's command line.
func (b *Board) CommandLine() string {
	words := make([]string, len(b.Cmdline))
	for i, o := range b.Cmdline {
		words[i] = o.Word
	}
	return strings.Join(words, " ")
}

func (b *Board) check() error {
	switch {
	case !nameRE.MatchString(b.Name):
		return errors.New("name: lower-case letters, digits and hyphens only")
	case !nameRE.MatchString(b.Arch):
		return errors.New("arch is missing")
	case b.MaxUKI <= 0:
		return errors.New("max_uki is missing")
	case b.Kernel.Package == "" || b.Kernel.Image == "":
		return errors.New("kernel: package and image are needed")
	case b.Loader.Package == "" || b.Loader.Loader == "" || b.Loader.Stub == "" || b.Loader.Path == "":
		return errors.New("loader: package, loader, stub and path are needed")
	case len(b.Cmdline) == 0:
		return errors.New("cmdline is empty")
	case len(b.Modules) == 0:
		return errors.New("no modules")
	}
	for _, o := range b.Cmdline {
		if o.Word == "" || strings.ContainsAny(o.Word, " \t\n") {
			return fmt.Errorf("cmdline: %q is not one word", o.Word)
		}
		if o.Why == "" {
			return fmt.Errorf("cmdline: %q has no reason", o.Word)
		}
	}
	for _, m := range b.Firmware.Microcode {
		if m.Format != "intel" && m.Format != "amd" {
			return fmt.Errorf("microcode of %s: unknown format %q", m.Package, m.Format)
		}
	}
	return nil
}

// parseModules reads module names, any number on a line; # starts a comment.
func parseModules(raw []byte) ([]string, error) {
	var names []string
	seen := make(map[string]bool)
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		for _, name := range strings.Fields(text) {
			if !moduleRE.MatchString(name) {
				return nil, fmt.Errorf("line %d: %q is not a module name", n, name)
			}
			key := strings.ReplaceAll(name, "-", "_")
			if seen[key] {
				return nil, fmt.Errorf("line %d: %s is listed twice", n, name)
			}
			seen[key] = true
			names = append(names, name)
		}
	}
	return names, lines.Err()
}
