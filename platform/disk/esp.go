package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/platform/supervise"
)

// FAT is not crash-safe, so the boot partition is mounted read-only except for
// the moments in which something is written.

// espOptions: names in the plain code page, nothing for anybody but root.
const espOptions = "umask=0077,codepage=437,iocharset=ascii,errors=remount-ro"

const espFlags = unix.MS_NOATIME | unix.MS_NODEV | unix.MS_NOSUID | unix.MS_NOEXEC

// MountESP mounts the boot partition read-only.
func MountESP(path, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("disk: mount point: %w", err)
	}
	if err := unix.Mount(path, dir, "vfat", espFlags|unix.MS_RDONLY, espOptions); err != nil {
		return fmt.Errorf("disk: mount boot partition %s: %w", path, err)
	}
	return nil
}

// maxProvision bounds a provisioning file in bytes: a thousand accounts with
// names and passwords are below 200 KiB.
const maxProvision = 1 << 20

// Provisioned are the files that may be put on the boot partition from outside.
func Provisioned() []string { return []string{"setup.json", "dev.json"} }

// CopyProvisioned copies what there is of Provisioned from the boot partition
// to dir, readable by uid alone. It returns the names it found.
func CopyProvisioned(esp, dir string, uid, gid int) ([]string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("disk: provisioning: %w", err)
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		return nil, fmt.Errorf("disk: provisioning: %w", err)
	}
	var found []string
	for _, name := range Provisioned() {
		data, err := readBounded(filepath.Join(esp, name), maxProvision)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return found, fmt.Errorf("disk: provisioning: %w", err)
		}
		dst := filepath.Join(dir, name)
		if err := os.WriteFile(dst, data, 0o400); err != nil {
			return found, fmt.Errorf("disk: provisioning: %w", err)
		}
		if err := os.Chown(dst, uid, gid); err != nil {
			return found, fmt.Errorf("disk: provisioning: %w", err)
		}
		found = append(found, name)
	}
	return found, nil
}

func readBounded(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", filepath.Base(name), limit)
	}
	return data, nil
}

// EraseFromESP overwrites and removes a file of the boot partition, durably.
// The partition is unmounted, checked, mounted for writing, and mounted
// read-only again. A file that is not there is no error and no writing.
func (t Tools) EraseFromESP(ctx context.Context, device, dir, name string) error {
	if _, err := os.Stat(filepath.Join(dir, name)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return t.ChangeESP(ctx, device, dir, func() error { return durable.Erase(filepath.Join(dir, name)) })
}

// ChangeESP calls fn while the boot partition, mounted at dir, can be written. Before that it is unmounted and checked,
// and afterwards mounted read-only anew, so that what is read then comes from the disk. fn leaves no file of it open.
func (t Tools) ChangeESP(ctx context.Context, device, dir string, fn func() error) error {
	if err := unix.Unmount(dir, 0); err != nil {
		return fmt.Errorf("disk: unmount boot partition: %w", err)
	}
	err := t.writeESP(ctx, device, dir, fn)
	return errors.Join(err, MountESP(device, dir))
}

// writeESP checks the unmounted boot partition, mounts it for writing, calls
// fn and unmounts it.
func (t Tools) writeESP(ctx context.Context, device, dir string, fn func() error) error {
	out, exit, err := t.Runner.Run(ctx, supervise.Tool{Path: filepath.Join(t.Dir, "fsck.fat"), Args: []string{"-a", device}})
	if err != nil {
		return fmt.Errorf("disk: check boot partition: %w", err)
	}
	if exit.Signal != 0 || exit.Code > 1 { // 1: errors were found and mended
		return fmt.Errorf("disk: check boot partition: fsck.fat %v: %s", exit, lastLine(out))
	}
	if err := unix.Mount(device, dir, "vfat", espFlags, espOptions); err != nil {
		return fmt.Errorf("disk: mount boot partition for writing: %w", err)
	}
	err = fn()
	if unmountErr := unix.Unmount(dir, 0); unmountErr != nil {
		err = errors.Join(err, fmt.Errorf("disk: unmount boot partition: %w", unmountErr))
	}
	return errors.Join(err, syncDevice(device))
}
