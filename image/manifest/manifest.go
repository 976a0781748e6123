package manifest

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/image/apt"
	"github.com/sanduk-mail/sanduk/image/initramfs"
)

// Format is the version of the JSON's shape. Readers ignore fields they do not know; a change that they would
// misunderstand gets a new number.
const Format = 1

// Manifest is the list for one image.
type Manifest struct {
	Format   int       `json:"format"`
	Name     string    `json:"name"` // sanduk
	Version  string    `json:"version"`
	Board    string    `json:"board"`
	Kernel   string    `json:"kernel"` // as uname -r prints it
	Cmdline  string    `json:"cmdline"`
	Firmware bool      `json:"firmware"` // built with microcode and device firmware
	Packages []Package `json:"packages"`
	Modules  []Module  `json:"go_modules"`
	Files    []File    `json:"files"`
	// Absent lists device firmware that modules name and Debian's packages here do not have.
	Absent []string `json:"firmware_absent,omitempty"`
}

// Package is a Debian package that files were taken from.
type Package struct {
	Name      string   `json:"name"`
	Version   string   `json:"version"`
	Arch      string   `json:"arch"`
	Component string   `json:"component"` // non-free-firmware is not free software
	SHA256    string   `json:"sha256"`
	Licenses  []string `json:"licenses,omitempty"` // short names, where the package gives them in that form
	Copyright string   `json:"copyright"`          // path in the image of the full text
}

// Module is a Go module that a program of ours contains.
type Module struct {
	Path     string   `json:"path"`
	Version  string   `json:"version"`
	Sum      string   `json:"sum"`
	Programs []string `json:"programs"`
}

// File is one file, link or directory.
type File struct {
	Path   string `json:"path"`
	Mode   string `json:"mode"` // as in -rwxr-xr-x
	UID    uint32 `json:"uid,omitempty"`
	GID    uint32 `json:"gid,omitempty"`
	Size   int    `json:"size,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	Link   string `json:"link,omitempty"`
	Source string `json:"source,omitempty"` // a package's name, or sanduk
}

// Files describes the entries of a tree, in their order.
func Files(entries []initramfs.Entry) []File {
	files := make([]File, 0, len(entries))
	for _, e := range entries {
		f := File{Path: e.Path, Mode: e.Mode.String(), UID: e.Owner.UID, GID: e.Owner.GID, Source: e.Source}
		switch {
		case e.Mode&fs.ModeSymlink != 0:
			f.Link = string(e.Data)
		case !e.Mode.IsDir():
			sum := sha256.Sum256(e.Data)
			f.Size, f.SHA256 = len(e.Data), hex.EncodeToString(sum[:])
		}
		files = append(files, f)
	}
	return files
}

// CopyrightPath is where a package's licence text is in the image.
func CopyrightPath(name string) string { return "/usr/share/doc/" + name + "/copyright" }

// FromDebian describes a fetched package.
func FromDebian(p apt.Package, licenses []string) Package {
	return Package{
		Name: p.Name, Version: p.Version, Arch: p.Arch, Component: p.Component, SHA256: p.SHA256,
		Licenses: licenses, Copyright: CopyrightPath(p.Name),
	}
}

// Modules reads which Go modules are in the programs, given by name and file.
func Modules(programs map[string]string) ([]Module, error) {
	found := make(map[string]*Module)
	for name, file := range programs {
		info, err := buildinfo.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("manifest: modules of %s: %w", name, err)
		}
		deps := info.Deps
		for _, d := range deps {
			key := d.Path + "@" + d.Version
			if found[key] == nil {
				found[key] = &Module{Path: d.Path, Version: d.Version, Sum: d.Sum}
			}
			found[key].Programs = append(found[key].Programs, name)
		}
		std := "std@" + info.GoVersion
		if found[std] == nil {
			found[std] = &Module{Path: "std", Version: info.GoVersion}
		}
		found[std].Programs = append(found[std].Programs, name)
	}
	modules := make([]Module, 0, len(found))
	for _, m := range found {
		slices.Sort(m.Programs)
		modules = append(modules, *m)
	}
	slices.SortFunc(modules, func(a, b Module) int {
		return strings.Compare(a.Path+"@"+a.Version, b.Path+"@"+b.Version)
	})
	return modules, nil
}

// Encode returns the manifest as indented JSON that ends in a newline.
func (m *Manifest) Encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return b.Bytes(), nil
}
