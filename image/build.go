package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/sanduk-mail/sanduk/board"
	"github.com/sanduk-mail/sanduk/image/apt"
	"github.com/sanduk-mail/sanduk/image/disk"
	"github.com/sanduk-mail/sanduk/image/initramfs"
	"github.com/sanduk-mail/sanduk/image/manifest"
	"github.com/sanduk-mail/sanduk/image/secureboot"
	"github.com/sanduk-mail/sanduk/image/uki"
	"github.com/sanduk-mail/sanduk/platform/update"
)

// Options say what to build.
type Options struct {
	Root     string // the module's directory
	Board    *board.Board
	Packages *apt.Cache
	Units    fs.FS  // *.service and *.socket
	Out      string // directory for the results
	Version  string // see CheckVersion
	// Built is the time the image claims: the box's clock never goes before it. It comes from the sources, not from
	// the clock, or two builds would differ.
	Built    time.Time
	Firmware bool // with microcode and device firmware, which are not free software
	// Hello builds an image whose PID 1 only says hello, for measuring; its files are called hello-BOARD.
	Hello bool
	// Keys sign the update, and say which updates the box takes.
	Keys Keys
	// BootKey signs the loader and the kernel image for machines with Secure Boot; nil: they aren't signed.
	BootKey *secureboot.Key
	Schema  update.Schema // forms of the data that the services know
	// Extra makes a test image: see the package's comment.
	Extra []string
	// CheckUnits refuses unit files that the box's supervisor would not understand.
	CheckUnits func(fs.FS) error
	Log        io.Writer
}

// Result names what was built.
type Result struct {
	Image, UKI, Update, Manifest, Linux, Initrd string

	Version  string
	Firmware bool // false when it was asked for and could not be had
	UKISize  int
}

// Build makes an image.
func Build(ctx context.Context, o Options) (Result, error) {
	if err := update.Version(o.Version).Check(); err != nil {
		return Result{}, err
	}
	if len(o.Keys.Trusted) == 0 {
		return Result{}, errors.New("no keys: the box could never be updated")
	}
	o.Units = withExtra(o.Units, o.Root, o.Extra)
	if err := o.CheckUnits(o.Units); err != nil {
		return Result{}, fmt.Errorf("unit files: %w", err)
	}
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return Result{}, err
	}
	b := &builder{Options: o, tree: initramfs.New()}
	if err := b.gather(ctx); err != nil {
		return Result{}, err
	}
	return b.write(ctx)
}

// name is what the image is called: sanduk, unless it is for measuring or testing.
func (o *Options) name() string {
	switch {
	case o.Hello:
		return "hello"
	case len(o.Extra) > 0:
		return filepath.Base(o.Extra[0])
	}
	return ours
}

// builder holds what one Build has gathered so far.
type builder struct {
	Options
	tree      *initramfs.Tree
	packages  map[string]apt.Package // by the name the board uses
	licenses  []manifest.Package
	modules   []manifest.Module
	microcode []byte // an archive, or nil
	kernel    string // version
	absent    []string
}

// gather fills the tree. Debian's packages are fetched while our programs are compiled.
func (b *builder) gather(ctx context.Context) error {
	type compiled struct {
		programs []program
		err      error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ready := make(chan compiled, 1)
	go func() {
		p, err := b.compile(ctx)
		ready <- compiled{p, err}
	}()
	fetchErr := b.fetch(ctx)
	if fetchErr != nil {
		cancel()
	}
	c := <-ready
	if err := errors.Join(fetchErr, c.err); err != nil {
		return err
	}
	for _, step := range []func() error{
		b.addModules, b.addTools, b.addFirmware, b.addMicrocode, b.addLicenses, b.addSystem, b.addKeys,
		func() error { return b.addPrograms(c.programs) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// write makes the results out of what was gathered.
func (b *builder) write(ctx context.Context) (Result, error) {
	list, err := b.addManifest()
	if err != nil {
		return Result{}, err
	}
	linux, err := b.linux()
	if err != nil {
		return Result{}, err
	}
	initrd, err := b.initrd()
	if err != nil {
		return Result{}, err
	}
	stub, err := b.packageFile(b.Board.Loader.Package, b.Board.Loader.Stub)
	if err != nil {
		return Result{}, err
	}
	loader, err := b.packageFile(b.Board.Loader.Package, b.Board.Loader.Loader)
	if err != nil {
		return Result{}, err
	}
	kernel, err := uki.Build(stub, uki.Parts{
		OSRelease: b.osRelease(), Cmdline: b.Board.CommandLine(), Initrd: initrd, Linux: linux,
	})
	if err != nil {
		return Result{}, err
	}
	if b.BootKey != nil {
		if loader, kernel, err = b.sign(ctx, loader, kernel); err != nil {
			return Result{}, err
		}
	}
	if len(kernel) > b.Board.MaxUKI<<20 {
		return Result{}, fmt.Errorf("the kernel image has %.1f MB, the budget is %d MB", float64(len(kernel))/(1<<20), b.Board.MaxUKI)
	}
	out := func(ending string) string { return filepath.Join(b.Out, b.name()+"-"+b.Board.Name+ending) }
	r := Result{
		Image: out(".img"), UKI: out(".efi"), Update: out(".update"), Manifest: out(".manifest.json"),
		Linux: out(".linux"), Initrd: out(".initrd"),
		Version: b.Version, Firmware: b.Firmware, UKISize: len(kernel),
	}
	bundle, err := b.bundle(kernel)
	if err != nil {
		return Result{}, err
	}
	for file, data := range map[string][]byte{
		r.UKI: kernel, r.Update: bundle, r.Manifest: list, r.Linux: linux, r.Initrd: initrd,
	} {
		if err := replace(file, data); err != nil {
			return Result{}, err
		}
	}
	files := []disk.File{
		{Path: b.Board.Loader.Path, Data: loader},
		{Path: EntryPath(b.Version), Data: kernel},
		{Path: "loader/loader.conf", Data: []byte(loaderConf)},
	}
	enrolment, err := b.enrolment(ctx)
	if err != nil {
		return Result{}, err
	}
	return r, disk.Write(r.Image, b.Board.Name+" "+b.Version, append(files, enrolment...))
}

// EntryPath is where the ESP has the kernel image of a version. The first image has no counter of tries: there is
// nothing to go back to.
func EntryPath(version string) string {
	return path.Join(update.Dir, update.FileName(update.Version(version)))
}

// loaderConf makes the loader start the newest entry at once. There is no loader/random-seed on the ESP, so the loader
// never writes to the FAT except for its counters; the command line cannot be edited at the screen.
const loaderConf = "timeout 0\neditor no\nauto-entries no\nauto-firmware no\n"

// replace writes a file whole or not at all.
func replace(name string, data []byte) error {
	temp := name + ".new"
	if err := os.WriteFile(temp, data, 0o644); err != nil {
		return err
	}
	return os.Rename(temp, name)
}
