// Package debroot unpacks Debian packages into a directory that their programs then take for the root: mail servers that
// tests set beside ours, and that can't be installed side by side.
//
// In: the module's directory and the name of a root, whose packages scripts/deps lists. Out: build/roots/NAME, with the
// files of these packages and of all that they depend on. scripts/deps fetches them with apt-get, which checks
// signatures and sums, with lists, cache and status of its own: it takes this machine to be empty. Nothing is installed,
// and no maintainer script is run; what these would have done is for the caller. The machine must be Debian, with the
// network when a root is made for the first time, and when its list has changed.
//
// Unlike package apt, which gives each package a directory and picks what an image needs, this takes dependencies as
// they are declared.
//
// One process may use a root at a time.
package debroot

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Unpack makes the root of that name, or finds it made before, and returns its absolute path; module is the directory
// with go.mod. dev, proc and tmp are there and empty.
func Unpack(ctx context.Context, module, name string) (string, error) {
	module, err := filepath.Abs(module)
	if err != nil {
		return "", err
	}
	script, dir := filepath.Join(module, "scripts/deps"), filepath.Join(module, "build/roots")
	root, done := filepath.Join(dir, name), filepath.Join(dir, name+".unpacked")
	want, err := exec.CommandContext(ctx, script, "list", name).Output()
	if err != nil {
		return "", fmt.Errorf("packages of %s: %w", name, err)
	}
	if have, err := os.ReadFile(done); err == nil && string(have) == string(want) {
		return root, nil
	}
	debs, err := fetch(ctx, script, filepath.Join(dir, name+".apt"), name)
	if err != nil {
		return "", err
	}
	if err := os.RemoveAll(root); err != nil {
		return "", err
	}
	if err := skeleton(root); err != nil {
		return "", err
	}
	for _, deb := range debs {
		out, err := exec.CommandContext(ctx, "sh", "-c", `dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"`, "sh", deb, root).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("unpack %s: %w: %s", filepath.Base(deb), err, out)
		}
	}
	return root, os.WriteFile(done, want, 0o644)
}

// skeleton makes what no package has: Debian's merged /usr, and the places for other file systems.
func skeleton(root string) error {
	for _, name := range []string{"bin", "sbin", "lib", "lib64"} {
		if err := os.MkdirAll(filepath.Join(root, "usr", name), 0o755); err != nil {
			return err
		}
		if err := os.Symlink("usr/"+name, filepath.Join(root, name)); err != nil {
			return err
		}
	}
	for _, name := range []string{"dev", "proc"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			return err
		}
	}
	tmp := filepath.Join(root, "tmp")
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return err
	}
	return os.Chmod(tmp, 0o1777)
}

// fetch downloads the packages and all that they depend on, as if nothing were installed here.
func fetch(ctx context.Context, script, dir, name string) ([]string, error) {
	if out, err := exec.CommandContext(ctx, script, "fetch", name, dir).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("fetch packages: %w: %s", err, out)
	}
	return filepath.Glob(filepath.Join(dir, "archives", "*.deb"))
}
