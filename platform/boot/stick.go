package boot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/platform/update"
)

// stickFolder is the folder of a stick in which an update is looked for. It is no label: FAT's have eleven characters,
// and people make folders more easily.
const stickFolder = "SANDUK-UPDATE"

// stickDir is where a stick is mounted, for as long as it is read.
const stickDir = "/run/sanduk/stick"

// lookAtSticks looks at the disks that are there when the box has started.
func (u *updates) lookAtSticks() {
	u.sticks.Store(true)
	devices, err := os.ReadDir("/sys/class/block")
	if err != nil {
		u.m.log.Warn("disks not listed", "err", err)
		return
	}
	for _, d := range devices {
		u.lookAtStick(d.Name(), false)
	}
}

// lookAtStick installs the update on a disk or partition, if there is one. fresh says that somebody has plugged it in
// just now: an update that has failed is then tried once more.
func (u *updates) lookAtStick(device string, fresh bool) {
	if !u.sticks.Load() || u.m.own == nil || strings.HasPrefix(device, u.m.own.Disk.Name) || isVirtual(device) {
		return
	}
	u.stickMu.Lock() // one stick at a time; until it has been read
	unlock := true
	defer func() {
		if unlock {
			u.stickMu.Unlock()
		}
	}()
	// Read-only, and nothing on it counts but one file, by its signature.
	const flags = unix.MS_RDONLY | unix.MS_NODEV | unix.MS_NOSUID | unix.MS_NOEXEC
	if err := os.MkdirAll(stickDir, 0o700); err != nil {
		return // memory is full
	}
	if unix.Mount("/dev/"+device, stickDir, "vfat", flags, "codepage=437,iocharset=ascii") != nil {
		return // not FAT, as most partitions
	}
	err := u.fromStick(fresh, func() {
		u.leaveStick()
		u.stickMu.Unlock()
	})
	if err == nil {
		unlock = false
		return
	}
	u.leaveStick()
	if told, ok := errors.AsType[*stickError](err); ok {
		u.m.log.Warn("update on a stick not taken", "device", device, "err", err)
		u.m.note("The update on the USB stick is not taken. " + told.text)
		u.m.say("update on the stick not taken: %s", told.text)
		u.m.show()
	}
}

func (u *updates) leaveStick() {
	if err := unix.Unmount(stickDir, unix.MNT_DETACH); err != nil {
		u.m.log.Warn("stick not let go", "err", err)
	}
}

// isVirtual says that a block device can't be a stick.
func isVirtual(device string) bool {
	for _, prefix := range []string{"loop", "ram", "zram", "sr", "fd", "dm-", "md", "nbd"} {
		if strings.HasPrefix(device, prefix) {
			return true
		}
	}
	return false
}

// stickError is what a person who has plugged a stick in should hear.
type stickError struct{ text string }

func (e *stickError) Error() string { return "update: stick: " + e.text }

// errNoStick is for disks without an update.
var errNoStick = errors.New("update: no stick of ours")

// fromStick begins to install the update on the mounted stick; done is called when it has been read, unless there is an
// error.
func (u *updates) fromStick(fresh bool, done func()) error {
	files, err := filepath.Glob(filepath.Join(stickDir, stickFolder, "*.[uU][pP][dD][aA][tT][eE]"))
	if err != nil || len(files) == 0 {
		return errNoStick
	}
	if len(files) > 1 {
		return &stickError{fmt.Sprintf("There are %d updates in the folder %s; leave the one that you mean.", len(files), stickFolder)}
	}
	f, err := openOffered(files[0])
	if err != nil {
		return &stickError{"The file can't be read. Copy it to the stick again."}
	}
	err = u.begin(f, func(b *update.Bundle) bool { return u.wantedFromStick(b.Manifest.Version, fresh) }, func() {
		_ = f.Close() // only read from
		done()
	})
	if err == nil {
		u.m.note("An update comes from the USB stick. When it is installed, restart the box to use it.")
		u.m.show()
		return nil
	}
	_ = f.Close() // only read from
	if errors.Is(err, errUnwanted) {
		return errNoStick
	}
	if refused, ok := errors.AsType[*update.Error](err); ok {
		return &stickError{refused.Text}
	}
	if refused, ok := errors.AsType[*control.Error](err); ok {
		return &stickError{"It could not be begun: " + refused.Text + "."}
	}
	return &stickError{"The file can't be read. Copy it to the stick again."}
}

// wantedFromStick: a stick that was left in its place brings nothing twice. The caller holds mu.
func (u *updates) wantedFromStick(v update.Version, fresh bool) bool {
	if v == u.m.cfg.Release.Version || u.now.State == control.UpdateInstalled && u.now.Version == string(v) {
		return false
	}
	n := len(u.state.Outcomes)
	return fresh || n == 0 || u.state.Outcomes[n-1].To != v && u.state.Outcomes[n-1].From != v
}
