package boot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf16"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/disk"
	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/platform/supervise"
)

// loaderVariable is where systemd-boot says which partition it came from
// (Boot Loader Interface).
const loaderVariable = "/sys/firmware/efi/efivars/LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

// Accounts that own directories on the data disk, as in the image's passwd.
const (
	mailAccount    = "maild"
	networkAccount = "netd"
)

func system() disk.System { return disk.System{Sys: "/sys", Dev: "/dev"} }

// loaderPartition returns the partition the loader came from, zero when nobody
// said (the kernel was started without the loader).
func loaderPartition(variable string) (disk.GUID, error) {
	data, err := os.ReadFile(variable)
	if errors.Is(err, os.ErrNotExist) {
		return disk.GUID{}, nil
	}
	if err != nil {
		return disk.GUID{}, fmt.Errorf("boot disk: loader variable: %w", err)
	}
	return disk.ParseGUID(loaderText(data))
}

// loaderText is the value of a variable of the loader's, as the kernel shows it: attributes, then UTF-16 that ends with
// a zero.
func loaderText(data []byte) string {
	const attributes = 4 // bytes before the value, efivarfs
	var units []uint16
	for i := attributes; i+1 < len(data); i += 2 {
		u := uint16(data[i]) | uint16(data[i+1])<<8
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}

// openBootDisk finds the own disk, mounts its boot partition and takes over
// what was put there from outside.
func (m *Machine) openBootDisk(ctx context.Context) error {
	loader, err := loaderPartition(loaderVariable)
	if err != nil {
		return err
	}
	m.own, err = disk.Locate(ctx, system(), loader, m.settle)
	if err != nil {
		return err
	}
	if m.drivers != nil {
		m.drivers.hold()
	}
	m.log.Info("boot disk found", "disk", m.own.Disk.Name, "model", m.own.Disk.Model, "serial", m.own.Disk.Serial)
	present, err := system().Disks()
	if err != nil {
		m.log.Warn("disks not listed", "err", err)
	}
	m.attached.begin(m.own.Disk, present)
	f, err := system().Open(m.own.Disk, false)
	if err != nil {
		return fmt.Errorf("boot disk: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	m.espDevice, err = system().Announce(f, m.own.Disk, m.own.ESP, m.own.Table.Entries[m.own.ESP-1])
	if err != nil {
		return err
	}
	m.spawn(func() {
		defer close(m.espRead)
		// Mail can do without: a damaged boot partition is a note, not the end.
		if err := m.readBootPartition(); err != nil {
			m.log.Error("boot partition not usable", "err", err)
			m.note("The boot partition is damaged: the box runs, but may not start again. Install the image again soon; the mail stays.")
		}
	})
	return nil
}

func (m *Machine) readBootPartition() error {
	m.need(espModules)
	if err := disk.MountESP(m.espDevice, espDir); err != nil {
		return err
	}
	account, err := lookupAccount(mailAccount, "", nil)
	if err != nil {
		return err
	}
	found, err := disk.CopyProvisioned(espDir, setupDir, account.UID, account.GID)
	if len(found) > 0 {
		m.log.Info("provisioning found", "files", strings.Join(found, " "))
	}
	return err
}

// openDataDisk brings the data partition into use, whatever state it is in.
func (m *Machine) openDataDisk(ctx context.Context) error {
	if m.own == nil {
		return nil // recovery has begun already
	}
	if sysText("/sys/block/"+m.own.Disk.Name+"/ro") == "1" {
		return &disk.RecoveryError{Fault: disk.FaultReadOnly, Text: "The disk with your mail is write-protected, so no mail can be taken. Nothing on it is lost."}
	}
	f, err := system().Open(m.own.Disk, true)
	if err != nil {
		return &disk.RecoveryError{Fault: disk.FaultDamaged, Text: "The disk with your mail cannot be opened for writing.", Err: err}
	}
	defer func() { _ = f.Close() }() // every write was synced
	k := kernelDisk{file: f, disk: m.own.Disk, tools: m.tools, need: func() { m.need(dataModules) }, feed: m.feed}
	data, err := disk.Ensure(ctx, f, m.own.Table, k, m.log)
	if err != nil {
		return err
	}
	var checked disk.Checked
	if !data.Created {
		if checked, err = m.tools.Check(ctx, data.Path); err != nil {
			return err
		}
	}
	if data.Grown {
		if err := m.tools.Grow(ctx, data.Path); err != nil {
			m.log.Error("data disk not grown", "err", err)
			m.note("The disk is larger than before, but the room for mail could not be enlarged.")
		}
	}
	m.need(dataModules)
	if err := disk.MountData(data.Path, dataDir); err != nil {
		return err
	}
	if err := checkSkeleton(dataDir); err != nil {
		return err
	}
	if err := m.openSafe(); err != nil {
		return err
	}
	if checked.Mended {
		if err := keepCheck(logDir, checked.Said); err != nil {
			m.log.Error("what the disk check said is not kept", "err", err)
		}
		m.note("The disk was damaged and has been repaired; some mail may be missing. Make a backup now: the disk may be failing.")
	}
	return m.furnishData()
}

// maxChecks is how many checks that mended something are kept: the first ones, which say
// how it began, and in the last place always the newest.
const maxChecks = 8

// keepCheck keeps what e2fsck said, in a file of its own of the directory dir, which is
// made if it is missing.
func keepCheck(dir string, said []byte) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	files, err := durable.NewOS(dir)
	if err != nil {
		return err
	}
	name := ""
	for i := 1; i <= maxChecks; i++ {
		name = fmt.Sprintf("check-%d.txt", i)
		if _, err := files.Stat(name); errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	return errors.Join(durable.ReplaceBytes(files, name, 0o640, said), files.Close())
}

// checkSkeleton: the mail's directory is made together with the file system, so
// where it is missing it was lost. Going on would present an empty house as the
// real one, and write over what could still be saved.
func checkSkeleton(dir string) error {
	_, err := os.Stat(filepath.Join(dir, mailDir))
	if err == nil {
		return nil
	}
	return &disk.RecoveryError{
		Fault: disk.FaultDamaged, Text: "The disk with your mail is damaged: the mail is not where it belongs. The box has stopped so that nothing more is lost. Switch off, and have the disk copied before anything else is tried, or start with a new disk and a backup.",
		Err: errors.Join(err, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, "")),
	}
}

// kernelDisk is disk.Machine on the real machine.
type kernelDisk struct {
	file  *os.File
	disk  disk.Disk
	tools disk.Tools
	need  func() // loads what mounting needs
	feed  func() // the watchdog
}

func (k kernelDisk) Partition(number int, e disk.Entry) (string, error) {
	return system().Announce(k.file, k.disk, number, e)
}

func (k kernelDisk) Format(ctx context.Context, path, label string) error {
	return k.tools.Format(ctx, path, label)
}

func (k kernelDisk) Discard(_ context.Context, path string) error {
	k.need()
	return disk.Discard(path, dataDir, []string{"private", "box", "net", "vault"}, k.feed)
}

// furnishData makes the directories and begins to use them: log, name, time.
func (m *Machine) furnishData() error {
	mail, err := lookupAccount(mailAccount, "", nil)
	if err != nil {
		return err
	}
	network, err := lookupAccount(networkAccount, "", nil)
	if err != nil {
		return err
	}
	if err := m.furnishPrivate(); err != nil {
		return err
	}
	err = disk.MakeDirs(dataDir, []disk.Dir{
		{Name: "box", Mode: 0o755},
		{Name: "vault", Mode: 0o700},
		{Name: "net", UID: network.UID, GID: network.GID, Mode: 0o755},
		{Name: "log", GID: mail.GID, Mode: 0o750},
	})
	if err != nil {
		return &disk.RecoveryError{Fault: disk.FaultDamaged, Text: "The disk with your mail cannot be written. It may be failing; nothing was erased.", Err: err}
	}
	if logs, err := durable.NewOS(logDir); err != nil {
		m.log.Error("log stays in memory", "err", err)
	} else if err := m.book.Attach(logs); err != nil {
		m.log.Error("log stays in memory", "err", err)
	}
	box, err := durable.NewOS(boxDir)
	if err != nil {
		return err
	}
	m.boxFS = box
	if err := m.seedRandom(); err != nil {
		m.log.Warn("random seed not used", "err", err)
	}
	if err := m.useNetwork(); err != nil {
		return err
	}
	m.useSavedTime()
	m.mu.Lock()
	m.furnished = true
	m.mu.Unlock()
	return nil
}

// useNetwork takes network settings and the box's name from boxDir, wherever that stands.
func (m *Machine) useNetwork() error {
	box, err := durable.NewOS(boxDir)
	if err != nil {
		return err
	}
	reload := func() error { return m.supervisor.Reload(networkUnit) }
	if m.network, err = openNetwork(box, reload, m.log); err != nil {
		m.log.Error("network settings that were on trial are still in use", "err", err)
	}
	if m.boxFS != nil {
		m.network.stays = func() { m.spawn(func() { m.keepSpare(context.Background()) }) }
	}
	m.useHostname(box)
	m.mu.Lock()
	m.networked = true
	m.mu.Unlock()
	return nil
}

// furnishPrivate makes the directories in which everything private lives.
func (m *Machine) furnishPrivate() error {
	mail, err := lookupAccount(mailAccount, "", nil)
	if err != nil {
		return err
	}
	var list []disk.Dir
	for _, name := range privateDirs() {
		list = append(list, disk.Dir{Name: name, UID: mail.UID, GID: mail.GID, Mode: 0o700})
	}
	if err := disk.MakeDirs(dataDir, list); err != nil {
		return &disk.RecoveryError{Fault: disk.FaultDamaged, Text: "The disk with your mail cannot be written. It may be failing; nothing was erased.", Err: err}
	}
	return nil
}

// maxHostname in bytes: HOST_NAME_MAX of Linux.
const maxHostname = 64

// useHostname takes the name from the data disk; until it has one, the box is
// called "mailbox".
func (m *Machine) useHostname(box durable.FS) {
	name := "mailbox"
	data, err := durable.ReadFile(box, hostnameFile, maxHostname+1)
	switch {
	case err == nil && checkHostname(strings.TrimSpace(string(data))) == nil:
		name = strings.TrimSpace(string(data))
	case err != nil && !errors.Is(err, os.ErrNotExist):
		m.log.Warn("hostname not read", "err", err)
	}
	if err := unix.Sethostname([]byte(name)); err != nil {
		m.log.Warn("hostname not set", "err", err)
	}
}

// lookupAccount finds users and groups in the image's passwd and group.
func lookupAccount(name, group string, supplementary []string) (supervise.Account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return supervise.Account{}, err
	}
	var a supervise.Account
	gid := u.Gid
	if group != "" {
		g, err := user.LookupGroup(group)
		if err != nil {
			return supervise.Account{}, err
		}
		gid = g.Gid
	}
	if a.UID, err = strconv.Atoi(u.Uid); err != nil {
		return a, err
	}
	if a.GID, err = strconv.Atoi(gid); err != nil {
		return a, err
	}
	for _, s := range supplementary {
		g, err := user.LookupGroup(s)
		if err != nil {
			return a, err
		}
		n, err := strconv.Atoi(g.Gid)
		if err != nil {
			return a, err
		}
		a.Groups = append(a.Groups, n)
	}
	return a, nil
}

// space is what the data disk has, nil when it is not mounted.
func space(dir string) (total, free int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(filepath.Clean(dir), &st); err != nil {
		return 0, 0, err
	}
	return int64(st.Blocks) * st.Bsize, int64(st.Bavail) * st.Bsize, nil
}
