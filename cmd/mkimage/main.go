// Command mkimage builds the box's image on a Debian machine: disk image, kernel image, update and manifest, into
// build/. It takes the version and the time from git when it can, so that a checkout always makes the same bytes.
// Package image does the work.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"aead.dev/minisign"

	"github.com/sanduk-mail/sanduk/board"
	"github.com/sanduk-mail/sanduk/image"
	"github.com/sanduk-mail/sanduk/image/apt"
	"github.com/sanduk-mail/sanduk/platform/supervise"
	"github.com/sanduk-mail/sanduk/platform/update"
	"github.com/sanduk-mail/sanduk/services/units"
)

// untagged is the version of a tree without a version tag.
const untagged = "0.1.0-dev"

// defaultArch is the architecture of the board that is built when none is named.
const defaultArch = "amd64"

// epoch is the time of a tree that is not under version control and has no SOURCE_DATE_EPOCH.
const epoch = 1793491200 // 1 November 2026

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "mkimage:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	root := flag.String("root", ".", "the module's `directory`")
	name := flag.String("board", "pc-amd64", "build for this `board`")
	out := flag.String("out", "build", "put the results into this `directory`")
	cache := flag.String("packages", "build/packages", "keep Debian's packages in this `directory`")
	version := flag.String("version", "", "call the image this `version` (default: from git's tags)")
	firmware := flag.Bool("firmware", true, "with CPU microcode and device firmware, which are not free software")
	hello := flag.Bool("hello", false, "an image that only says hello, to measure against")
	key := flag.String("key", "", "sign the update with the minisign secret key in this `file` (password in $SANDUK_KEY_PASSWORD; default: a key of this checkout's own)")
	bootKey := flag.String("boot-key", "", "sign loader and kernel image for Secure Boot with the private key in this PEM `file`")
	bootCert := flag.String("boot-cert", "", "its certificate, a PEM `file`")
	newBootKey := flag.String("new-boot-key", "", "make a key for Secure Boot in this `directory`, and nothing else")
	release := flag.Bool("release", false, "also write what people download: the image with gzip, checksums, and their signature")
	trust := flag.String("trust", "", "the box takes updates signed with the keys *.pub in this `directory` (with -key)")
	var extra []string
	flag.Func("extra", "a test image: add the program and the unit files in this `directory` of the module (may be repeated)",
		func(dir string) error { extra = append(extra, filepath.Clean(dir)); return nil })
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	started := time.Now()
	if *newBootKey != "" {
		return makeBootKey(*newBootKey, started)
	}
	signer, err := openBootKey(*bootKey, *bootCert)
	if err != nil {
		return err
	}
	b, err := board.Load(os.DirFS(filepath.Join(*root, "board", *name)))
	if err != nil {
		return err
	}
	packages, err := openPackages(*cache, b.Arch)
	if err != nil {
		return err
	}
	if *version == "" {
		*version = gitVersion(ctx, *root)
	}
	built, err := sourceTime(ctx, *root)
	if err != nil {
		return err
	}
	keys, err := openKeys(*key, *trust, filepath.Join(*out, "keys"))
	if err != nil {
		return err
	}
	r, err := image.Build(ctx, image.Options{
		Root: *root, Board: b, Packages: packages, Units: units.FS, Out: *out, Version: *version, Built: built,
		Firmware: *firmware, Hello: *hello, Keys: keys, BootKey: signer, Schema: update.Schema(units.Schema()), Extra: extra, CheckUnits: checkUnits, Log: os.Stdout,
	})
	if err != nil {
		return err
	}
	if *release {
		files, err := r.Release(keys, built)
		if err != nil {
			return err
		}
		fmt.Printf("%s, %s, %s\n", files.Compressed, files.Sums, files.Signature)
	}
	fmt.Printf("%s  version %s, kernel image %.1f MB, firmware %v, built in %.1f s\n",
		r.Image, r.Version, float64(r.UKISize)/(1<<20), r.Firmware, time.Since(started).Seconds())
	return nil
}

// openKeys reads a release key and the keys that boxes trust, or takes this checkout's own.
func openKeys(key, trust, own string) (image.Keys, error) {
	if (key == "") != (trust == "") {
		return image.Keys{}, errors.New("-key and -trust go together")
	}
	if key == "" {
		return image.DevelopmentKeys(own)
	}
	secret, err := minisign.PrivateKeyFromFile(os.Getenv("SANDUK_KEY_PASSWORD"), key)
	if err != nil {
		return image.Keys{}, err
	}
	trusted, err := update.ReadKeys(os.DirFS(trust))
	if err != nil {
		return image.Keys{}, err
	}
	keys := image.Keys{Sign: secret, Trusted: map[string][]byte{}}
	signs := false
	for _, k := range trusted {
		if k.Development {
			return image.Keys{}, fmt.Errorf("%s in %s: a release takes no updates of a developer", update.DevelopmentKey, trust)
		}
		if keys.Trusted[k.Name+".pub"], err = k.Public.MarshalText(); err != nil {
			return image.Keys{}, err
		}
		signs = signs || k.Public.Equal(secret.Public())
	}
	if !signs {
		return image.Keys{}, fmt.Errorf("none of the keys in %s belongs to %s: no box would take the next update", trust, key)
	}
	return keys, nil
}

// openPackages reads where this machine gets Debian's packages from. Those of another architecture have a directory of
// their own.
func openPackages(dir, arch string) (*apt.Cache, error) {
	if arch != defaultArch {
		dir = filepath.Join(dir, arch)
	}
	codename, err := apt.Codename("/etc/os-release")
	if err != nil {
		return nil, err
	}
	sources, err := apt.ReadSources("/etc/apt", codename)
	if err != nil {
		return nil, err
	}
	return apt.Open(apt.Options{Dir: dir, Arch: arch, Sources: sources, Out: os.Stdout, Now: time.Now()})
}

func checkUnits(files fs.FS) error {
	_, err := supervise.LoadUnits(files)
	return err
}

// gitVersion turns the tag v1.2.3 into 1.2.3, and what comes after it into 1.2.3-4-gabcdef.
func gitVersion(ctx context.Context, root string) string {
	cmd := exec.CommandContext(ctx, "git", "describe", "--tags", "--match", "v[0-9]*")
	cmd.Dir = root
	out, err := cmd.Output()
	version := strings.TrimPrefix(strings.TrimSpace(string(out)), "v")
	if err != nil || update.Version(version).Check() != nil {
		return untagged
	}
	return version
}

// sourceTime is the time of the sources: SOURCE_DATE_EPOCH, or the last commit's, or a fixed one.
func sourceTime(ctx context.Context, root string) (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		cmd := exec.CommandContext(ctx, "git", "log", "-1", "--format=%ct")
		cmd.Dir = root
		if out, err := cmd.Output(); err == nil {
			text = strings.TrimSpace(string(out))
		}
	}
	if text == "" {
		return time.Unix(epoch, 0), nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 {
		return time.Time{}, errors.New("SOURCE_DATE_EPOCH is not a number of seconds")
	}
	return time.Unix(seconds, 0), nil
}
