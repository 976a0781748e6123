package apt

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// NonFree is the component that holds firmware and microcode.
const NonFree = "non-free-firmware"

// fresh is how long a choice of packages is used again before apt looks for newer ones: security updates of the
// kernel come out a few times in a month, and a day's builds should be alike.
const fresh = 24 * time.Hour

// ErrNoNonFree means that packages of the component non-free-firmware were asked for and the mirror does not serve it.
var ErrNoNonFree = errors.New("the component non-free-firmware cannot be reached")

// Cache is a directory with apt's lists, packages and unpacked files.
type Cache struct {
	dir     string
	arch    string
	sources []Source
	out     io.Writer
	now     time.Time
}

// Package is a Debian package that was fetched and unpacked.
type Package struct {
	Name      string `json:"name"`
	Version   string `json:"version"`
	Arch      string `json:"arch"`
	Component string `json:"component"`
	SHA256    string `json:"sha256"` // of the package's file
	File      string `json:"file"`   // base name in the cache
	Depends   string `json:"depends,omitempty"`

	// Root is the directory that holds the package's files.
	Root string `json:"-"`
}

// Options say where a Cache is and what it works with.
type Options struct {
	Dir     string    // the cache's own directory; made when missing
	Arch    string    // Debian's name of the packages' architecture; one Dir holds those of one
	Sources []Source  // from ReadSources
	Out     io.Writer // progress, for a person
	Now     time.Time // to tell how old the last choice is
}

// Open returns a cache.
func Open(o Options) (*Cache, error) {
	for _, sub := range []string{"lists/partial", "archives/partial", "files", "etc"} {
		if err := os.MkdirAll(filepath.Join(o.Dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	return &Cache{dir: dir, arch: o.Arch, sources: o.Sources, out: o.Out, now: o.Now}, nil
}

// choice is the file packages.json.
type choice struct {
	Time     time.Time          `json:"time"`
	Packages map[string]Package `json:"packages"` // by the name asked for
}

// Fetch returns the packages, in the order of names, downloaded, checked and unpacked. A name may be that of an empty
// package that depends on the real one, when it ends in "-ARCH" (linux-image-amd64): then the real one is returned.
func (c *Cache) Fetch(ctx context.Context, names []string) ([]Package, error) {
	unlock, err := c.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	old := c.load()
	if c.now.Sub(old.Time) < fresh && c.complete(old, names) {
		return c.unpackAll(ctx, old, names)
	}
	chosen, err := c.choose(ctx, names)
	if err != nil {
		if c.complete(old, names) && !errors.Is(err, context.Canceled) {
			fmt.Fprintf(c.out, "packages: the mirror did not answer; using the ones fetched on %s\n", old.Time.Format(time.DateOnly))
			return c.unpackAll(ctx, old, names)
		}
		return nil, err
	}
	if err := c.download(ctx, chosen); err != nil {
		return nil, err
	}
	for name, p := range old.Packages {
		if _, ok := chosen.Packages[name]; !ok && c.now.Sub(old.Time) < fresh {
			chosen.Packages[name] = p
		}
	}
	if err := c.save(chosen); err != nil {
		return nil, err
	}
	return c.unpackAll(ctx, chosen, names)
}

// lock keeps a second builder from the same directory until the first is done.
func (c *Cache) lock() (func(), error) {
	f, err := os.OpenFile(filepath.Join(c.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return func() { f.Close() }, nil
}

// load returns the last choice; a missing or unreadable one is an empty one.
func (c *Cache) load() choice {
	var last choice
	raw, err := os.ReadFile(filepath.Join(c.dir, "packages.json"))
	if err != nil || json.Unmarshal(raw, &last) != nil {
		return choice{}
	}
	return last
}

func (c *Cache) save(ch choice) error {
	raw, err := json.MarshalIndent(ch, "", "  ")
	if err != nil {
		return err
	}
	temp := filepath.Join(c.dir, "packages.json.new")
	if err := os.WriteFile(temp, raw, 0o644); err != nil {
		return err
	}
	return os.Rename(temp, filepath.Join(c.dir, "packages.json"))
}

// complete says whether everything asked for was chosen and is still there.
func (c *Cache) complete(ch choice, names []string) bool {
	for _, name := range names {
		p, ok := ch.Packages[name]
		if !ok {
			return false
		}
		if _, err := os.Stat(c.archive(p)); err != nil {
			return false
		}
	}
	return true
}

func (c *Cache) archive(p Package) string { return filepath.Join(c.dir, "archives", p.File) }

// choose refreshes the lists and looks every name up.
func (c *Cache) choose(ctx context.Context, names []string) (choice, error) {
	fmt.Fprintln(c.out, "packages: reading Debian's package lists")
	nonFree := true
	if err := c.update(ctx, "main", NonFree); err != nil {
		nonFree = false
		if err := c.update(ctx, "main"); err != nil {
			return choice{}, err
		}
	}
	ch := choice{Time: c.now.UTC(), Packages: make(map[string]Package)}
	for _, name := range names {
		p, err := c.show(ctx, name)
		if err != nil {
			if !nonFree {
				return choice{}, fmt.Errorf("%w: %w", ErrNoNonFree, err)
			}
			return choice{}, err
		}
		if real := realName(p); real != "" {
			if p, err = c.show(ctx, real); err != nil {
				return choice{}, err
			}
		}
		ch.Packages[name] = p
	}
	return ch, nil
}

// realName returns the package that an empty kernel package stands for: linux-image-amd64 depends on exactly one
// linux-image-VERSION-amd64.
func realName(p Package) string {
	if !strings.HasPrefix(p.Name, "linux-image-") {
		return ""
	}
	first, _, _ := strings.Cut(p.Depends, ",")
	name, _, _ := strings.Cut(strings.TrimSpace(first), " ")
	if name != p.Name && strings.HasPrefix(name, "linux-image-") {
		return name
	}
	return ""
}

func (c *Cache) update(ctx context.Context, components ...string) error {
	if err := os.WriteFile(c.sourcesFile(), formatSources(c.sources, components...), 0o644); err != nil {
		return err
	}
	_, err := c.run(ctx, "apt-get", "update", "-qq", "-o", "APT::Update::Error-Mode=any")
	return err
}

func (c *Cache) sourcesFile() string { return filepath.Join(c.dir, "etc", "sources.sources") }

// show asks for the newest version of a package.
func (c *Cache) show(ctx context.Context, name string) (Package, error) {
	out, err := c.run(ctx, "apt-cache", "show", "--no-all-versions", name)
	if err != nil {
		return Package{}, err
	}
	p := Package{Name: name}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20) // long Depends lines
	for lines.Scan() && lines.Text() != "" {
		key, value, _ := strings.Cut(lines.Text(), ": ")
		switch key {
		case "Version":
			p.Version = value
		case "Architecture":
			p.Arch = value
		case "SHA256":
			p.SHA256 = value
		case "Depends":
			p.Depends = value
		case "Filename":
			p.Component = "main"
			if strings.Contains(value, "/"+NonFree+"/") {
				p.Component = NonFree
			}
		}
	}
	if p.Version == "" || p.SHA256 == "" {
		return Package{}, fmt.Errorf("package %s: the lists have no version or sum of it", name)
	}
	// The name apt-get download gives a file; a colon of the version is written as %3a.
	p.File = fmt.Sprintf("%s_%s_%s.deb", name, strings.ReplaceAll(p.Version, ":", "%3a"), p.Arch)
	return p, nil
}

// download fetches what is not there yet, in one go, and checks every sum itself too.
func (c *Cache) download(ctx context.Context, ch choice) error {
	var missing []string
	for _, p := range ch.Packages {
		if _, err := os.Stat(c.archive(p)); err != nil {
			missing = append(missing, p.Name+"="+p.Version)
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		fmt.Fprintf(c.out, "packages: fetching %d from Debian\n", len(missing))
		if _, err := c.run(ctx, "apt-get", append([]string{"download", "-qq"}, missing...)...); err != nil {
			return err
		}
	}
	for _, p := range ch.Packages {
		sum, err := fileSum(c.archive(p))
		if err != nil {
			return fmt.Errorf("package %s: %w", p.Name, err)
		}
		if sum != p.SHA256 {
			os.Remove(c.archive(p)) // so that the next build fetches it anew
			return fmt.Errorf("package %s: SHA-256 is %s, the signed list says %s", p.Name, sum, p.SHA256)
		}
	}
	return nil
}

func fileSum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// run starts one of apt's programs with our directories. It works in the archive directory: apt-get download writes
// to where it is called.
func (c *Cache) run(ctx context.Context, program string, args ...string) ([]byte, error) {
	options := []string{
		"-o", "Dir::Etc::sourcelist=" + c.sourcesFile(),
		"-o", "Dir::Etc::sourceparts=/dev/null",
		"-o", "Dir::Etc::preferences=/dev/null",
		"-o", "Dir::Etc::preferencesparts=/dev/null",
		"-o", "Dir::State::status=/dev/null", // what is installed here does not matter
		"-o", "Dir::State::lists=" + filepath.Join(c.dir, "lists"),
		"-o", "Dir::Cache=" + c.dir,
		"-o", "APT::Architecture=" + c.arch, "-o", "APT::Architectures::=" + c.arch,
		"-o", "APT::Sandbox::User=", // the lists belong to whoever builds
		"-o", "Acquire::Languages=none",
		"-o", "Acquire::Retries=3",
		"-o", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
		"-o", "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false",
	}
	cmd := exec.CommandContext(ctx, program, append(options, args...)...)
	cmd.Dir = filepath.Join(c.dir, "archives")
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", program, args[0], err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}
