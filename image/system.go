package image

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/image/initramfs"
	"github.com/sanduk-mail/sanduk/image/manifest"
)

// ours marks files that this project makes.
const ours = "sanduk"

// directories that PID 1 mounts something on, or that programs expect.
func (b *builder) directories() []initramfs.Entry {
	dir := func(p string, mode fs.FileMode) initramfs.Entry {
		return initramfs.Entry{Path: p, Mode: fs.ModeDir | mode, Source: ours}
	}
	return []initramfs.Entry{
		dir("/data", 0o755), dir("/dev", 0o755), dir("/efi", 0o700), dir("/proc", 0o555), dir("/root", 0o700),
		dir("/run", 0o755), dir("/sys", 0o555), dir("/tmp", 0o700), dir("/var", 0o755),
	}
}

// addSystem adds /etc, the unit files and the directories.
func (b *builder) addSystem() error {
	for _, d := range b.directories() {
		if err := b.tree.Add(d); err != nil {
			return err
		}
	}
	if err := b.tree.AddFS("/etc", os.DirFS(filepath.Join(b.Root, "image", "etc")), ours); err != nil {
		return err
	}
	for _, pattern := range []string{"*.service", "*.socket"} {
		names, err := fs.Glob(b.Units, pattern)
		if err != nil {
			return err
		}
		for _, name := range names {
			data, err := fs.ReadFile(b.Units, name)
			if err != nil {
				return err
			}
			if err := b.checkUser(name, data); err != nil {
				return err
			}
			if err := b.tree.AddFile("/etc/sanduk/units/"+name, 0o644, data, ours); err != nil {
				return err
			}
		}
	}
	if err := b.tree.AddFile("/etc/os-release", 0o644, b.osRelease(), ours); err != nil {
		return err
	}
	// netd keeps the file; programs look for it here.
	return b.tree.Add(initramfs.Entry{
		Path: "/etc/resolv.conf", Mode: fs.ModeSymlink | 0o777, Data: []byte("../run/netd/resolv.conf"), Source: ours,
	})
}

// checkUser refuses a unit whose user the image's passwd file does not have.
func (b *builder) checkUser(unit string, data []byte) error {
	passwd, err := os.ReadFile(filepath.Join(b.Root, "image", "etc", "passwd"))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		user, ok := strings.CutPrefix(strings.TrimSpace(line), "User=")
		if ok && user != "" && !strings.Contains("\n"+string(passwd), "\n"+user+":") {
			return fmt.Errorf("unit file %s: image/etc/passwd has no user %q", unit, user)
		}
	}
	return nil
}

// osRelease is the text of os-release, in the image and, for the loader, beside the kernel. SANDUK_BUILT is ours: the
// box's clock does not go before it.
func (b *builder) osRelease() []byte {
	return fmt.Appendf(nil, `NAME="Sanduk"
PRETTY_NAME="Sanduk %[1]s"
ID=sanduk
VERSION_ID=%[1]s
IMAGE_ID=sanduk
IMAGE_VERSION=%[1]s
VARIANT_ID=%[2]s
SANDUK_BUILT=%[3]s
`, b.Version, b.Board.Name, b.Built.UTC().Format(time.RFC3339))
}

// addManifest lists everything gathered and adds the list as the last file; it does not list itself.
func (b *builder) addManifest() ([]byte, error) {
	m := &manifest.Manifest{
		Format:   manifest.Format,
		Name:     b.name(),
		Version:  b.Version,
		Board:    b.Board.Name,
		Kernel:   b.kernel,
		Cmdline:  b.Board.CommandLine(),
		Firmware: b.Firmware,
		Packages: b.licenses,
		Modules:  b.modules,
		Files:    manifest.Files(b.tree.Entries()),
		Absent:   b.absent,
	}
	raw, err := m.Encode()
	if err != nil {
		return nil, err
	}
	return raw, b.tree.AddFile("/etc/sanduk/manifest.json", 0o644, raw, ours)
}

// initrd returns the archives for the kernel: microcode, then what comes from Debian, which changes rarely and is
// packed once, then what is ours.
func (b *builder) initrd() ([]byte, error) {
	var debian, own []initramfs.Entry
	for _, e := range b.tree.Entries() {
		if e.Source == ours {
			own = append(own, e)
		} else {
			debian = append(debian, e)
		}
	}
	parts := [][]byte{}
	if b.microcode != nil {
		parts = append(parts, b.microcode)
	}
	for _, entries := range [][]initramfs.Entry{debian, own} {
		archive, err := initramfs.Archive(entries)
		if err != nil {
			return nil, err
		}
		packed, err := b.pack(archive)
		if err != nil {
			return nil, err
		}
		parts = append(parts, packed)
	}
	return initramfs.Join(parts...), nil
}

// packedKept is how many packed archives are kept: those of the box and of the measuring image, and one older of each.
const packedKept = 8

// pack compresses an archive, or takes it from the last builds: the larger part takes seconds and seldom changes.
func (b *builder) pack(archive []byte) ([]byte, error) {
	dir := filepath.Join(b.Out, "cache")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(archive)
	name := filepath.Join(dir, hex.EncodeToString(sum[:])+".cpio.zst")
	if packed, err := os.ReadFile(name); err == nil {
		now := time.Now()
		return packed, os.Chtimes(name, now, now)
	}
	packed, err := initramfs.Compress(archive)
	if err != nil {
		return nil, err
	}
	if err := replace(name, packed); err != nil {
		return nil, err
	}
	return packed, forget(dir, packedKept)
}

// forget removes all but the newest files of a directory.
func forget(dir string, keep int) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for len(entries) > keep {
		oldest, at := -1, time.Time{}
		for i, e := range entries {
			info, err := e.Info()
			if err != nil {
				return err
			}
			if oldest < 0 || info.ModTime().Before(at) {
				oldest, at = i, info.ModTime()
			}
		}
		if err := os.Remove(filepath.Join(dir, entries[oldest].Name())); err != nil {
			return err
		}
		entries = append(entries[:oldest], entries[oldest+1:]...)
	}
	return nil
}
