package boot

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/console"
	"github.com/sanduk-mail/sanduk/platform/control"
)

const (
	// supportFolder is where bundles stand on a stick.
	supportFolder = "SANDUK-SUPPORT"
	// supportDir is where a stick is mounted while it is written.
	supportDir = "/run/sanduk/support"
	// supportLog and supportKernel bound what a bundle of PID 1's own has of the two logs,
	// in bytes.
	supportLog    = 8 << 20
	supportKernel = 2 << 20
	// maxSupport bounds a bundle of the mail service's, which has as much, compressed.
	maxSupport = 64 << 20
)

// WriteSupport writes a support bundle to a USB stick: the mail service's, or what PID 1
// knows where that does not run.
func (s standing) WriteSupport(ctx context.Context) (string, error) {
	m := s.m
	m.updates.stickMu.Lock() // an update may be read from a stick
	defer m.updates.stickMu.Unlock()
	stick, err := m.mountStick()
	if err != nil {
		m.log.Warn("no support bundle was written", "err", err)
		return "", err
	}
	told, err := m.supportTo(ctx, stick)
	if err != nil {
		m.log.Error("support bundle not written", "device", stick, "err", err)
		if _, ok := errors.AsType[*console.Refusal](err); !ok {
			err = &console.Refusal{Text: "The stick can't be written: it is full, write-protected or damaged. Try another one."}
		}
		return "", err
	}
	m.log.Info("support bundle written to a stick", "device", stick, "told", told)
	return told, nil
}

// errNoUSB is for who has forgotten the stick.
var errNoUSB = &console.Refusal{Text: "No USB stick was found that the box can write. Plug one in that is formatted as FAT32, wait some seconds, and try again."}

// mountStick mounts the first USB stick with a FAT file system at supportDir and returns
// its device. Only what hangs on USB is tried: a disk in the machine may be FAT, too, and
// somebody's.
func (m *Machine) mountStick() (device string, err error) {
	if err := os.MkdirAll(supportDir, 0o700); err != nil {
		return "", err
	}
	names, err := filepath.Glob("/sys/class/block/*")
	if err != nil {
		return "", err
	}
	for _, name := range names {
		device := filepath.Base(name)
		if isVirtual(device) || m.own != nil && strings.HasPrefix(device, m.own.Disk.Name) {
			continue
		}
		at, err := filepath.EvalSymlinks(name)
		if err != nil || !strings.Contains(at, "/usb") {
			continue
		}
		const flags = unix.MS_NODEV | unix.MS_NOSUID | unix.MS_NOEXEC
		if unix.Mount("/dev/"+device, supportDir, "vfat", flags, "codepage=437,iocharset=ascii,errors=remount-ro") == nil {
			return device, nil
		}
	}
	return "", errNoUSB
}

// supportTo writes the bundle to the mounted stick, lets go of it, and reads it back.
func (m *Machine) supportTo(ctx context.Context, device string) (told string, err error) {
	mounted := true
	leave := func() error {
		if !mounted {
			return nil
		}
		mounted = false
		return unix.Unmount(supportDir, 0)
	}
	defer func() { err = errors.Join(err, leave()) }()
	name := filepath.Join(supportFolder, fmt.Sprintf("box-%s.zip", time.Now().UTC().Format("20060102-150405")))
	if err := os.MkdirAll(filepath.Join(supportDir, supportFolder), 0o700); err != nil {
		return "", err
	}
	sum, size, own, err := m.writeBundle(ctx, filepath.Join(supportDir, name))
	if err != nil {
		return "", err
	}
	if err := leave(); err != nil {
		return "", err
	}
	// Mounted anew, it is the stick that is read, and not memory.
	const flags = unix.MS_RDONLY | unix.MS_NODEV | unix.MS_NOSUID | unix.MS_NOEXEC
	if err := unix.Mount("/dev/"+device, supportDir, "vfat", flags, "codepage=437,iocharset=ascii"); err != nil {
		return "", err
	}
	mounted = true
	if got, err := sumOf(filepath.Join(supportDir, name)); err != nil || got != sum {
		return "", errors.Join(errors.New("support: the stick has something else than was written"), err)
	}
	told = fmt.Sprintf("It is the file %s, %.1f MB.", filepath.ToSlash(name), float64(size)/1e6)
	if own {
		told += " Mail doesn't run, so it has only the logs and the state of the machine; people's addresses may stand in them."
	}
	return told, nil
}

// writeBundle writes the file durably. own says that it is PID 1's and not the mail
// service's.
func (m *Machine) writeBundle(ctx context.Context, name string) (sum [sha256.Size]byte, size int64, own bool, err error) {
	in, err := m.askForBundle(ctx)
	if err != nil {
		m.log.Warn("the mail service gave no support bundle", "err", err)
		own = true
		text, err := m.ownBundle(ctx)
		if err != nil {
			return sum, 0, own, err
		}
		in = io.NopCloser(bytes.NewReader(text))
	}
	defer func() { _ = in.Close() }() // only read from
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return sum, 0, own, err
	}
	h := sha256.New()
	size, err = io.Copy(io.MultiWriter(f, h), io.LimitReader(in, maxSupport))
	if err == nil {
		err = f.Sync()
	}
	return [sha256.Size]byte(h.Sum(nil)), size, own, errors.Join(err, f.Close())
}

// askForBundle has the mail service write one, opens it, and takes its name away: it is
// gone with the last who reads it.
func (m *Machine) askForBundle(ctx context.Context) (io.ReadCloser, error) {
	done, err := m.errands.run(ctx, control.ErrandSupport)
	if err != nil {
		return nil, err
	}
	if done.Problem != "" {
		return nil, errors.New(done.Problem)
	}
	f, err := openOffered(control.SupportFile)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(control.SupportFile); err != nil {
		m.log.Warn("support bundle not removed", "err", err)
	}
	return f, nil
}

// ownBundle is what PID 1 knows.
func (m *Machine) ownBundle(ctx context.Context) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	add := func(name string, text []byte, err error) error {
		if err != nil {
			text = fmt.Appendf(text, "\nnot known: %v\n", err)
		}
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Now().UTC()})
		if err == nil {
			_, err = f.Write(text)
		}
		return err
	}
	readme := "The mail service of this box did not answer, so this bundle has only what the machine knows.\n" +
		"There is no mail, no password and no key in it; people's addresses may stand in the log.\n" +
		"status.json: programs, memory, disk, start. kernel.txt: the kernel's log. log.jsonl: the end of the box's log.\n"
	text, err := m.statusText(ctx)
	kernel, kernelErr := readKernelLog()
	log, logErr := m.book.Tail(supportLog)
	err = errors.Join(
		add("README.txt", []byte(readme), nil), add("status.json", text, err), add("kernel.txt", kernel, kernelErr), add("log.jsonl", log, logErr), z.Close())
	return b.Bytes(), err
}

// statusText is what the control socket tells of the machine; early in a start there is
// nothing to tell yet.
func (m *Machine) statusText(ctx context.Context) ([]byte, error) {
	m.mu.Lock()
	begun := m.supervisor != nil
	m.mu.Unlock()
	if !begun {
		return nil, errors.New("the box is still starting")
	}
	status, err := m.verbStatus(ctx, nil)
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(status, "", "  ")
}

// readKernelLog is what the kernel has said, as far as it still knows it.
func readKernelLog() ([]byte, error) {
	f, err := os.OpenFile("/dev/kmsg", os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	conn, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var text []byte
	record := make([]byte, maxKernelRecord)
	// Read by hand: os.File would wait for the kernel's next word.
	err = conn.Control(func(fd uintptr) {
		for len(text) < supportKernel {
			n, err := unix.Read(int(fd), record)
			if errors.Is(err, unix.EPIPE) {
				continue // overwritten meanwhile; the next one is there
			}
			if err != nil || n == 0 {
				return
			}
			if r, ok := parseKernelRecord(record[:n]); ok {
				text = fmt.Appendf(text, "[%12.6f] %s\n", float64(r.at)/1e6, r.text)
			}
		}
	})
	return text, err
}

func sumOf(name string) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(name)
	if err != nil {
		return sum, err
	}
	defer func() { _ = f.Close() }() // only read from
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, err
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}
