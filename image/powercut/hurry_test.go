package powercut

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/initramfs"
	"github.com/sanduk-mail/sanduk/image/vm"
	"github.com/sanduk-mail/sanduk/services/units"
)

// hurry is how the store of a box under test goes about its work: what takes a box weeks, it does all the time, so that
// cuts fall into it.
type hurry struct {
	retention time.Duration // of what was expunged
	upkeep    time.Duration // between two looks at what can be expired and compacted
	indexing  time.Duration // from a change to the search index
	segment   int64         // bytes of one file of the log
}

// The retention is that of a box which starts again between expunging and looking, and of one that is watched for one
// start only.
func betweenStarts() hurry { return hurry{90 * time.Second, time.Second, 2 * time.Second, 256 << 10} }
func withinOne() hurry     { return hurry{5 * time.Second, time.Second, 2 * time.Second, 256 << 10} }

// with returns d with an initramfs, made in dir, whose mail service hurries: its unit file comes once more behind the
// others, and the last one counts. Program, kernel and everything else are the product's.
func (h hurry) with(t *testing.T, d *vm.Direct, dir string) *vm.Direct {
	t.Helper()
	const unit, start = "maild.service", "ExecStart=/bin/maild --data /data"
	text, err := fs.ReadFile(units.FS, unit)
	if err != nil {
		t.Fatal(err)
	}
	hurried := strings.Replace(string(text), start+"\n",
		fmt.Sprintf("%s --retention %v --upkeep %v --indexing %v --segment %d\n", start, h.retention, h.upkeep, h.indexing, h.segment), 1)
	if hurried == string(text) {
		t.Fatalf("%s has no line %q", unit, start)
	}
	archive, err := initramfs.Archive([]initramfs.Entry{{Path: "/etc/sanduk/units/" + unit, Mode: 0o644, Data: []byte(hurried)}})
	if err != nil {
		t.Fatal(err)
	}
	packed, err := os.ReadFile(d.Initrd)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "hurried.initrd")
	if err := os.WriteFile(file, initramfs.Join(packed, archive), 0o600); err != nil {
		t.Fatal(err)
	}
	return &vm.Direct{Kernel: d.Kernel, Initrd: file, Cmdline: d.Cmdline}
}
