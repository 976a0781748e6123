// Package debroot unpacks Debian packages into a directory that their programs then take for the root: mail servers that
// tests set beside ours, and that can't be installed side by side.
//
// In: a directory under build/, a name, and packages. Out: a directory with the files of these packages and of all that
// they depend on. Packages are fetched with apt-get, which checks signatures and sums, with lists, cache and status of
// its own: it takes this machine to be empty. Nothing is installed, and no maintainer script is run; what these would
// have done is for the caller. The machine must be Debian, with the network when a root is made for the first time.
//
// Unlike package apt, which gives each package a directory and picks what an image needs, this takes dependencies as
// they are declared.
//
// One process may use a directory at a time.
package debroot

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Unpack makes the root dir/name of these packages, or finds it made before, and returns its absolute path. dev, proc
// and tmp are there and empty.
func Unpack(ctx context.Context, dir, name string, packages ...string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	root, done := filepath.Join(dir, name), filepath.Join(dir, name+".unpacked")
	want := strings.Join(packages, "\n") + "\n"
	if have, err := os.ReadFile(done); err == nil && string(have) == want {
		return root, nil
	}
	debs, err := fetch(ctx, filepath.Join(dir, "apt"), name, packages)
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
	return root, os.WriteFile(done, []byte(want), 0o644)
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
func fetch(ctx context.Context, dir, name string, packages []string) ([]string, error) {
	archives := filepath.Join(dir, "archives", name)
	if err := os.RemoveAll(archives); err != nil { // older versions, if any
		return nil, err
	}
	for _, sub := range []string{filepath.Join(dir, "state/lists/partial"), filepath.Join(archives, "partial")} {
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return nil, err
		}
	}
	status := filepath.Join(dir, "status")
	if err := os.WriteFile(status, nil, 0o644); err != nil {
		return nil, err
	}
	options := []string{
		"-q", "-y", "-o", "Dir::State=" + filepath.Join(dir, "state"), "-o", "Dir::State::status=" + status,
		"-o", "Dir::Cache=" + filepath.Join(dir, "cache"), "-o", "Dir::Cache::archives=" + archives,
		"-o", "APT::Install-Recommends=no", "-o", "APT::Sandbox::User=root",
	}
	for _, command := range [][]string{{"update"}, append([]string{"install", "--download-only"}, packages...)} {
		if out, err := exec.CommandContext(ctx, "apt-get", append(options, command...)...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("apt-get %s: %w: %s", command[0], err, out)
		}
	}
	return filepath.Glob(filepath.Join(archives, "*.deb"))
}
