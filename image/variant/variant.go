// Package variant makes other versions of a built kernel image, and updates to them, for tests of updates.
//
// In: the kernel image of the product, a version, and files that are to be otherwise. Out: a kernel image that calls
// itself by that version; or a bundle, signed with the key of the checkout. An archive behind the image's own replaces
// the files, so that nothing has to be compiled. Everything is a function of what goes in.
package variant

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/sanduk-mail/sanduk/image"
	"github.com/sanduk-mail/sanduk/image/initramfs"
	"github.com/sanduk-mail/sanduk/image/uki"
	"github.com/sanduk-mail/sanduk/platform/update"
	"github.com/sanduk-mail/sanduk/services/units"
)

// debianStub is the program at the front of a kernel image, from the package that the image takes it from.
const debianStub = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"

// File is one that is otherwise.
type File struct {
	Data []byte
	Mode fs.FileMode
}

// Kernel is the built image as another version of itself.
func Kernel(built []byte, v update.Version, change map[string]File) ([]byte, error) {
	parts, err := uki.Sections(built)
	if err != nil {
		return nil, err
	}
	stub, err := os.ReadFile(debianStub)
	if err != nil {
		return nil, fmt.Errorf("variant: %w (scripts/deps test)", err)
	}
	parts.OSRelease = regexp.MustCompile(`(VERSION(?:_ID)?)=[0-9].*`).ReplaceAll(parts.OSRelease, []byte("$1="+string(v)))
	tree := initramfs.New()
	if err := tree.AddFile("/etc/os-release", 0o644, parts.OSRelease, "variant"); err != nil {
		return nil, err
	}
	for name, f := range change {
		if err := tree.AddFile(name, f.Mode, f.Data, "variant"); err != nil {
			return nil, err
		}
	}
	archive, err := initramfs.Archive(tree.Entries())
	if err != nil {
		return nil, err
	}
	parts.Initrd = initramfs.Join(parts.Initrd, archive)
	return uki.Build(stub, parts)
}

// Manifest is one that a box of today takes.
func Manifest(v update.Version, now time.Time) update.Manifest {
	return update.Manifest{
		Name: "sanduk", Board: "pc-amd64", Version: v, Expires: now.AddDate(1, 0, 0), Schema: update.Schema(units.Schema()), Development: true,
	}
}

// Bundle signs a kernel image, as "make image" does, with the key that is below the directory build.
func Bundle(build string, m update.Manifest, kernel []byte) ([]byte, error) {
	keys, err := image.DevelopmentKeys(filepath.Join(build, "keys"))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = update.Create(&out, m, kernel, keys.Sign, time.Now())
	return out.Bytes(), err
}
