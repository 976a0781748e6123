package disk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/supervise"
)

// Runner runs e2fsprogs and dosfstools; supervise.Children is one.
type Runner interface {
	Run(ctx context.Context, t supervise.Tool) (output []byte, exit supervise.Exit, err error)
}

// Tools knows how to make, check and grow file systems.
type Tools struct {
	Runner Runner
	Log    *slog.Logger
	// Scratch is a directory in memory; Format makes its settings in one of
	// its own below it.
	Scratch string
	// Dir is where the programs are, "/sbin" on the box.
	Dir string
	// Skeleton names directories that a data file system has from its very
	// making: where one is missing later, something was lost.
	Skeleton []string
}

// mkfsConf stands in for /etc/mke2fs.conf, so that the result does not depend
// on what a distribution thinks is best this year.
const mkfsConf = `[defaults]
	base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
	default_mntopts = acl,user_xattr
	enable_periodic_fsck = 0
	blocksize = 4096
	inode_size = 256
	inode_ratio = 65536
[fs_types]
	ext4 = {
		features = has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize
	}
`

// formatTimeout bounds mke2fs: with lazy initialisation it writes some
// megabytes, also on a disk of many terabytes.
const formatTimeout = 5 * time.Minute

// Format makes the data file system and syncs the device. One inode for each
// 64 KiB: mail stands in few large files, and fewer inodes mean a quicker
// check. errors=remount-ro: a file system that found itself damaged takes no
// more mail (senders get a temporary error and try again) but can be read.
func (t Tools) Format(ctx context.Context, path, label string) error {
	scratch, err := os.MkdirTemp(t.Scratch, "mkfs-") // its own: two disks may be made at once
	if err != nil {
		return fmt.Errorf("disk: settings of mke2fs: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }() // in memory, a few bytes
	conf := filepath.Join(scratch, "mke2fs.conf")
	if err := os.WriteFile(conf, []byte(mkfsConf), 0o600); err != nil {
		return fmt.Errorf("disk: settings of mke2fs: %w", err)
	}
	skeleton := filepath.Join(scratch, "skeleton")
	for _, name := range t.Skeleton {
		if err := os.MkdirAll(filepath.Join(skeleton, name), 0o700); err != nil {
			return fmt.Errorf("disk: skeleton: %w", err)
		}
	}
	if err := os.MkdirAll(skeleton, 0o755); err != nil {
		return fmt.Errorf("disk: skeleton: %w", err)
	}
	// mke2fs makes several identifiers and, while the kernel has no randomness
	// yet, sleeps a second for each; waiting for it here costs one in all.
	_, _ = rand.Read(make([]byte, 1)) // never fails (crypto/rand)
	ctx, cancel := context.WithTimeout(ctx, formatTimeout)
	defer cancel()
	out, exit, err := t.Runner.Run(ctx, supervise.Tool{
		Path: filepath.Join(t.Dir, "mke2fs"),
		Args: []string{
			"-q", "-F", "-t", "ext4", "-O", "encrypt", "-L", label, "-m", "1",
			"-e", "remount-ro", "-E", "lazy_itable_init=1,lazy_journal_init=1", "-d", skeleton, path,
		},
		Env: []string{"MKE2FS_CONFIG=" + conf},
	})
	if err != nil {
		return fmt.Errorf("disk: mke2fs: %w", err)
	}
	if !exit.Clean() {
		return fmt.Errorf("disk: mke2fs %v: %s", exit, lastLine(out))
	}
	return syncDevice(path)
}

// syncDevice makes everything written to a device durable.
func syncDevice(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("disk: sync %s: %w", path, err)
	}
	return errors.Join(f.Sync(), f.Close())
}

// e2fsck's exit status is a sum of bits, e2fsck(8).
const (
	fsckCorrected = 1
	fsckReboot    = 2 // only for a mounted root; ours is not mounted
	fsckGood      = fsckCorrected | fsckReboot
)

// checkTimeout bounds one run: a full check of a disk of 10 TB takes most of
// an hour, and interrupting it would only mean to begin again.
const checkTimeout = 12 * time.Hour

// Checked is how a check went.
type Checked struct {
	// Mended: more than the usual traces of a power cut had to be put right, so that
	// something may be missing.
	Mended bool
	// Said is all that e2fsck wrote when more than its first attempt was needed: from it
	// somebody who knows the file system can tell what became of which file.
	Said []byte
}

// Check makes the data file system sound: a torn super block first, then what
// e2fsck may mend without asking (-p), then everything (-y), then from the copies
// of the super block.
// A *RecoveryError means that it stays unmounted; what e2fsck said is returned also then.
func (t Tools) Check(ctx context.Context, path string) (done Checked, err error) {
	attempts := [][]string{{"-p"}, {"-f", "-y"}}
	for _, block := range []int{32768, 98304, 163840} { // sparse_super's first groups at 4 KiB blocks
		attempts = append(attempts, []string{"-f", "-y", "-b", strconv.Itoa(block), "-B", "4096"})
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	switch torn, err := MendTorn(path); {
	case err != nil:
		t.Log.Error("super block not looked at", "err", err) // e2fsck says what that means
	case torn:
		t.Log.Warn("a torn super block was put together")
	}
	var last error
	for i, args := range attempts {
		out, exit, err := t.Runner.Run(ctx, supervise.Tool{Path: filepath.Join(t.Dir, "e2fsck"), Args: append(args, path)})
		if err != nil {
			return done, &RecoveryError{Text: "The disk check cannot be run.", Err: err}
		}
		done.Said = fmt.Appendf(done.Said, "e2fsck %s: %v\n%s\n", strings.Join(args, " "), exit, out)
		if exit.Signal == 0 && exit.Code&^fsckGood == 0 {
			if i == 0 {
				done.Said = nil
			}
			if exit.Code != 0 || i > 0 {
				t.Log.Warn("data file system mended", "attempt", i+1, "status", exit.Code, "output", lastLine(out))
			}
			done.Mended = i > 0
			return done, nil
		}
		last = fmt.Errorf("e2fsck %v: %s", exit, lastLine(out))
		t.Log.Error("data file system not sound", "attempt", i+1, "err", last)
	}
	return done, errDamaged(last, done.Said)
}

// errDamaged is for a file system that stays unmounted.
func errDamaged(err error, said []byte) error {
	return &RecoveryError{
		Fault: FaultDamaged,
		Text:  "The disk with your mail is damaged, and the check could not mend it. Nothing was erased. Switch off and have the disk copied before anything else is tried.",
		Err:   err, Said: said,
	}
}

// Grow makes the file system as large as its partition; it must have been
// checked, and not be mounted.
func (t Tools) Grow(ctx context.Context, path string) error {
	for _, tool := range []supervise.Tool{
		{Path: filepath.Join(t.Dir, "e2fsck"), Args: []string{"-f", "-p", path}}, // resize2fs insists
		{Path: filepath.Join(t.Dir, "resize2fs"), Args: []string{path}},
	} {
		out, exit, err := t.Runner.Run(ctx, tool)
		if err != nil {
			return fmt.Errorf("disk: %s: %w", filepath.Base(tool.Path), err)
		}
		if exit.Signal != 0 || exit.Code&^fsckCorrected != 0 {
			return fmt.Errorf("disk: %s %v: %s", filepath.Base(tool.Path), exit, lastLine(out))
		}
	}
	return syncDevice(path)
}

// maxReason bounds how much of a tool's output goes into an error, in bytes.
const maxReason = 300

// lastLine is the end of a tool's output: that is where it says why.
func lastLine(out []byte) string {
	if len(out) > maxReason {
		out = out[len(out)-maxReason:]
	}
	return string(out)
}

// MountData mounts the data file system at dir. Nothing in it is a program or
// a device, whatever it says.
func MountData(path, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("disk: mount point: %w", err)
	}
	const flags = unix.MS_NOATIME | unix.MS_NODEV | unix.MS_NOSUID | unix.MS_NOEXEC
	if err := unix.Mount(path, dir, "ext4", flags, "errors=remount-ro"); err != nil {
		return &RecoveryError{Fault: FaultDamaged, Text: "The disk with your mail cannot be opened.", Err: fmt.Errorf("mount %s: %w", path, err)}
	}
	return nil
}

// Dir is a directory at the top of the data disk.
type Dir struct {
	Name     string
	UID, GID int
	Mode     os.FileMode
}

// MakeDirs makes the directories below root, durably, and sets owner and mode
// of those that exist: the numbers of an account may have changed.
func MakeDirs(root string, dirs []Dir) error {
	for _, d := range dirs {
		path := filepath.Join(root, d.Name)
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("disk: make directory: %w", err)
		}
		if err := os.Lchown(path, d.UID, d.GID); err != nil {
			return fmt.Errorf("disk: owner of directory: %w", err)
		}
		if err := os.Chmod(path, d.Mode); err != nil {
			return fmt.Errorf("disk: mode of directory: %w", err)
		}
	}
	f, err := os.Open(root)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
