package apt

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// unpackAll unpacks what is not unpacked yet and returns the packages in the order of names.
func (c *Cache) unpackAll(ctx context.Context, ch choice, names []string) ([]Package, error) {
	packages := make([]Package, len(names))
	for i, name := range names {
		p := ch.Packages[name]
		p.Root = filepath.Join(c.dir, "files", p.SHA256[:16]+"-"+p.Name)
		if _, err := os.Stat(p.Root); err != nil {
			if err := c.unpack(ctx, p); err != nil {
				return nil, err
			}
		}
		packages[i] = p
	}
	return packages, c.prune(ch)
}

// unpack goes through a second directory, so that one that is there is whole.
func (c *Cache) unpack(ctx context.Context, p Package) error {
	temp := p.Root + ".new"
	if err := os.RemoveAll(temp); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--extract", c.archive(p), temp)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("unpack %s: %w\n%s", p.File, err, out)
	}
	return os.Rename(temp, p.Root)
}

// prune removes unpacked files and archives of packages that are no longer chosen: an old kernel is 470 MB.
func (c *Cache) prune(ch choice) error {
	keep := make(map[string]bool)
	for _, p := range ch.Packages {
		keep[p.File] = true
		keep[p.SHA256[:16]+"-"+p.Name] = true
	}
	for _, sub := range []string{"files", "archives"} {
		entries, err := os.ReadDir(filepath.Join(c.dir, sub))
		if err != nil {
			return err
		}
		for _, e := range entries {
			if keep[e.Name()] || e.Name() == "partial" || e.Name() == "lock" {
				continue
			}
			if err := os.RemoveAll(filepath.Join(c.dir, sub, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// Path returns where a file of the package is on the build machine. Debian 12 has some files in /lib and some in
// /usr/lib, and later releases move them: both are tried.
func (p Package) Path(name string) (string, error) {
	alternative := strings.TrimPrefix(name, "/usr")
	if alternative == name {
		alternative = "/usr" + name
	}
	for _, n := range []string{name, alternative} {
		full := filepath.Join(p.Root, n)
		if _, err := os.Stat(full); err == nil {
			return full, nil
		}
	}
	return "", fmt.Errorf("package %s %s: %s: %w", p.Name, p.Version, name, fs.ErrNotExist)
}

var licenseRE = regexp.MustCompile(`(?m)^License: *(\S.*)$`)

// Copyright returns the text of the package's copyright file and the short licence names in it.
func (p Package) Copyright() (text []byte, licenses []string, err error) {
	text, err = os.ReadFile(filepath.Join(p.Root, "usr/share/doc", p.Name, "copyright"))
	if err != nil {
		return nil, nil, fmt.Errorf("package %s: %w", p.Name, err)
	}
	for _, m := range licenseRE.FindAllSubmatch(text, -1) {
		if name := strings.TrimSpace(string(m[1])); !slices.Contains(licenses, name) {
			licenses = append(licenses, name)
		}
	}
	slices.Sort(licenses)
	return text, licenses, nil
}
