package image_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/sanduk-mail/sanduk/board"
	"github.com/sanduk-mail/sanduk/image"
	"github.com/sanduk-mail/sanduk/image/apt"
	"github.com/sanduk-mail/sanduk/image/manifest"
	"github.com/sanduk-mail/sanduk/image/uki"
	"github.com/sanduk-mail/sanduk/platform/supervise"
	"github.com/sanduk-mail/sanduk/platform/update"
	"github.com/sanduk-mail/sanduk/services/units"
)

const boardName = "pc-amd64"

func loadBoard(t *testing.T) *board.Board {
	t.Helper()
	b, err := board.Load(os.DirFS("../board/" + boardName))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// packages opens the cache that "make image" fills.
func packages(t *testing.T) *apt.Cache {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED with -short: builds whole images from Debian's packages")
	}
	codename, err := apt.Codename("/etc/os-release")
	if err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	sources, err := apt.ReadSources("/etc/apt", codename)
	if err != nil {
		t.Fatal(err)
	}
	cache, err := apt.Open(apt.Options{Dir: "../build/packages", Arch: "amd64", Sources: sources, Out: io.Discard, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return cache
}

func options(t *testing.T, cache *apt.Cache) image.Options {
	keys, err := image.DevelopmentKeys(filepath.Join("..", "build", "keys"))
	if err != nil {
		t.Fatal(err)
	}
	return image.Options{
		Keys: keys, Schema: update.Schema(units.Schema()),
		Root: "..", Board: loadBoard(t), Packages: cache, Units: units.FS, Out: t.TempDir(), Version: "1.2.3-test",
		Built: time.Unix(1793491200, 0), Firmware: true, Log: io.Discard,
		CheckUnits: func(files fs.FS) error { _, err := supervise.LoadUnits(files); return err },
	}
}

// TestBuildReproducible builds the box's image twice, in different directories, and compares every byte. The first
// build is then looked at closely.
func TestBuildReproducible(t *testing.T) {
	cache := packages(t)
	one, err := image.Build(t.Context(), options(t, cache))
	if err != nil {
		t.Fatal(err)
	}
	two, err := image.Build(t.Context(), options(t, cache))
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]string{
		{one.UKI, two.UKI}, {one.Initrd, two.Initrd}, {one.Linux, two.Linux}, {one.Update, two.Update},
		{one.Manifest, two.Manifest}, {one.Image, two.Image},
	} {
		a, b := sum(t, pair[0]), sum(t, pair[1])
		if a != b {
			t.Errorf("two builds of %s differ: SHA-256 %s and %s", filepath.Base(pair[0]), a, b)
		}
	}
	t.Run("Golden", func(t *testing.T) { checkGolden(t, one) })
	t.Run("Budget", func(t *testing.T) { checkBudget(t, one) })
	t.Run("Update", func(t *testing.T) { checkUpdate(t, one) })
	t.Run("Release", func(t *testing.T) { checkRelease(t, one) })
	t.Run("Modules", func(t *testing.T) { checkModules(t, one) })
}

func sum(t *testing.T, file string) string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func readManifest(t *testing.T, r image.Result) *manifest.Manifest {
	t.Helper()
	raw, err := os.ReadFile(r.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	m := new(manifest.Manifest)
	if err := json.Unmarshal(raw, m); err != nil {
		t.Fatal(err)
	}
	return m
}

const golden = "testdata/files.golden"

// checkGolden compares what is in the image with the list in testdata, so that nothing comes in or goes unseen. Which
// modules and firmware files a module brings along is the kernel package's business and changes with its updates:
// only the modules that the board names are listed. UPDATE_GOLDEN=1 writes the list anew.
func checkGolden(t *testing.T, r image.Result) {
	m := readManifest(t, r)
	named := make(map[string]bool)
	for _, name := range loadBoard(t).Modules {
		named[strings.ReplaceAll(name, "-", "_")] = true
	}
	var lines []string
	for _, f := range m.Files {
		p := f.Path
		base := strings.ReplaceAll(strings.TrimSuffix(path.Base(p), ".ko"), "-", "_")
		inModules := strings.HasPrefix(p, "/lib/modules/"+m.Kernel+"/kernel")
		if inModules && (!strings.HasSuffix(p, ".ko") || !named[base]) || strings.HasPrefix(p, "/lib/firmware/") {
			continue
		}
		p = strings.ReplaceAll(p, m.Kernel, "KERNEL")
		if f.Link != "" {
			p += " -> " + f.Link
		}
		lines = append(lines, fmt.Sprintf("%s %d:%d %s", f.Mode, f.UID, f.GID, p))
	}
	got := strings.Join(lines, "\n") + "\n"
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	wantLines := strings.Split(strings.TrimSuffix(string(want), "\n"), "\n")
	for _, l := range lines {
		if !slices.Contains(wantLines, l) {
			t.Errorf("new in the image: %s", l)
		}
	}
	for _, l := range wantLines {
		if !slices.Contains(lines, l) {
			t.Errorf("no longer in the image: %s", l)
		}
	}
	if t.Failed() {
		t.Log("UPDATE_GOLDEN=1 writes " + golden + " anew; look at the difference before it is committed")
	}
	for _, p := range m.Packages {
		if p.Component == apt.NonFree && len(p.Licenses) == 0 && p.Copyright == "" {
			t.Errorf("package %s is not free and the manifest has no licence for it", p.Name)
		}
	}
}

// maxUnpacked bounds the unpacked initramfs, which stays in the memory of a 512 MB box. Build itself keeps the board's budget.
const maxUnpacked = 110 << 20

func checkBudget(t *testing.T, r image.Result) {
	total, budget := 0, loadBoard(t).MaxUKI
	for _, f := range readManifest(t, r).Files {
		total += f.Size
	}
	t.Logf("kernel image %.1f MB of %d, unpacked %.1f MB of %d", float64(r.UKISize)/(1<<20), budget,
		float64(total)/(1<<20), maxUnpacked>>20)
	if r.UKISize > budget<<20 {
		t.Errorf("the kernel image has %d bytes, the budget is %d MB", r.UKISize, budget)
	}
	if total > maxUnpacked {
		t.Errorf("the files have %d bytes, the budget is %d", total, maxUnpacked)
	}
}

// checkRelease looks at what people download as they do: with gzip, sha256sum and minisign.
func checkRelease(t *testing.T, r image.Result) {
	keys, err := image.DevelopmentKeys(filepath.Join("..", "build", "keys"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := r.Release(keys, time.Unix(1793491200, 0))
	if err != nil {
		t.Fatal(err)
	}
	public := filepath.Join(t.TempDir(), "key.pub")
	if err := os.WriteFile(public, keys.Trusted[update.DevelopmentKey], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"sh", "-c", "gzip -dc " + files.Compressed + " | cmp - " + r.Image},
		{"sha256sum", "--check", "--strict", files.Sums},
		{"minisign", "-V", "-p", public, "-m", files.Sums},
	} {
		if _, err := exec.LookPath(args[0]); err != nil {
			t.Skipf("SKIPPED: %s is not installed (scripts/deps test)", args[0])
		}
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = filepath.Dir(files.Sums)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
}

// checkUpdate reads the update as a box would.
func checkUpdate(t *testing.T, r image.Result) {
	f, err := os.Open(r.Update)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	own, err := image.DevelopmentKeys(filepath.Join("..", "build", "keys"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := update.ReadKeys(fstest.MapFS{update.DevelopmentKey: {Data: own.Trusted[update.DevelopmentKey]}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := update.Open(f, keys)
	if err != nil {
		t.Fatal(err)
	}
	if !b.Manifest.Development || b.Manifest.Version != "1.2.3-test" {
		t.Errorf("manifest %+v, want version 1.2.3-test, signed by the development key", b.Manifest)
	}
	kernel, err := os.ReadFile(r.UKI)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(kernel)
	if hex.EncodeToString(sum[:]) != b.Manifest.SHA256 || int64(len(kernel)) != b.Manifest.Size {
		t.Error("size or SHA-256 in the manifest is not the kernel image's")
	}
	parts, err := uki.Sections(kernel)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(parts.OSRelease, []byte("IMAGE_VERSION=1.2.3-test\n")) {
		t.Errorf("os-release beside the kernel: %s", parts.OSRelease)
	}
}

// checkModules unpacks the initramfs with cpio and asks depmod for the dependencies: each that it finds must be in our
// table too (ours has more: softdeps).
func checkModules(t *testing.T, r image.Result) {
	depmod := "/sbin/depmod"
	cpio, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip("cpio is not installed")
	}
	if _, err := os.Stat(depmod); err != nil {
		t.Skip("kmod is not installed")
	}
	dir := t.TempDir()
	for _, archive := range archives(t, r.Initrd) {
		cmd := exec.Command(cpio, "-i", "-d", "--quiet", "--no-absolute-filenames", "lib/modules/*")
		cmd.Dir, cmd.Stdin = dir, bytes.NewReader(archive)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("cpio: %v\n%s", err, out)
		}
	}
	kernel := readManifest(t, r).Kernel
	tables := filepath.Join(dir, "lib/modules", kernel)
	ours, err := os.ReadFile(filepath.Join(tables, "modules.dep"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(depmod, "-b", dir, kernel).CombinedOutput(); err != nil {
		t.Fatalf("depmod: %v\n%s", err, out)
	}
	theirs, err := os.ReadFile(filepath.Join(tables, "modules.dep"))
	if err != nil {
		t.Fatal(err)
	}
	table := parseDep(ours)
	for mod, deps := range parseDep(theirs) {
		for _, d := range deps {
			if !slices.Contains(table[mod], d) {
				t.Errorf("depmod says that %s needs %s; our modules.dep does not", mod, d)
			}
		}
	}
	if len(table) < 100 {
		t.Errorf("only %d modules", len(table))
	}
}

func parseDep(raw []byte) map[string][]string {
	table := make(map[string][]string)
	for line := range strings.Lines(string(raw)) {
		mod, deps, _ := strings.Cut(strings.TrimSpace(line), ":")
		table[mod] = strings.Fields(deps)
	}
	return table
}

// archives returns the packed archives of an initrd, unpacked.
func archives(t *testing.T, initrd string) [][]byte {
	t.Helper()
	raw, err := os.ReadFile(initrd)
	if err != nil {
		t.Fatal(err)
	}
	var list [][]byte
	for at := 0; at < len(raw); at += 4 { // each begins at a multiple of four
		if !bytes.HasPrefix(raw[at:], []byte("\x28\xb5\x2f\xfd")) { // zstd's magic number
			continue
		}
		d, err := zstd.NewReader(bytes.NewReader(raw[at:]), zstd.IgnoreChecksum(true), zstd.WithDecoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		_, _ = d.WriteTo(&out) // ends with an error at the next archive's padding
		d.Close()
		if bytes.HasPrefix(out.Bytes(), []byte("070701")) {
			list = append(list, out.Bytes())
		}
	}
	return list
}

func TestBuildRefuses(t *testing.T) {
	t.Parallel()
	o := image.Options{Keys: image.Keys{Trusted: map[string][]byte{"active.pub": nil}}, Root: "..", Version: "1.0+3", Out: t.TempDir(), CheckUnits: func(fs.FS) error { return nil }}
	if _, err := image.Build(t.Context(), o); err == nil || !strings.Contains(err.Error(), "1.0+3") {
		t.Errorf("a version that looks like a counter of tries: %v, want an error", err)
	}
	o.Version, o.CheckUnits = "1.0.0", func(fs.FS) error { return errors.New("maild.service:7: unknown directive Usre=") }
	if _, err := image.Build(t.Context(), o); err == nil || !strings.Contains(err.Error(), "Usre=") {
		t.Errorf("a unit file with an unknown directive: %v, want the error", err)
	}
}
