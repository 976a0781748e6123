package supervise

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Paths is what a service sees of the machine's files, when it does not see all.
type Paths struct {
	Read    []string // ReadOnlyPaths=
	Write   []string // ReadWritePaths=
	Exec    []string // ExecPaths=: what may be executed
	Hidden  []string // InaccessiblePaths=: not even what ReadOnlyPaths= would show
	Devices bool     // PrivateDevices=: the harmless devices stand below /dev, and no others
}

// Limited says whether anything is hidden at all.
func (p Paths) Limited() bool { return len(p.Read)+len(p.Write)+len(p.Exec) > 0 }

// devices are those that hold and reach nothing.
func (p Paths) devices() []string {
	if !p.Devices {
		return nil
	}
	return []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}
}

// viewSize bounds the empty tree that the paths hang in, in bytes: it holds
// directories and empty files.
const viewSize = "size=64k,mode=0755"

// enterView gives this thread, and what it becomes, a file system of its own in
// which only the paths exist: an empty one at dir, into which each is bound, and
// which then becomes the root. It needs CAP_SYS_ADMIN. What is mounted later
// elsewhere does not appear here.
//
// A path that is not there is left out (the box may lack the hardware behind it).
func enterView(dir string, p Paths) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("own mount view: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("own mount view: %w", err)
	}
	const plain = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("tmpfs", dir, "tmpfs", plain, viewSize); err != nil {
		return fmt.Errorf("own mount view: %w", err)
	}
	type bound struct {
		name  string
		flags uintptr
	}
	var list []bound
	for _, kind := range []struct {
		names []string
		flags uintptr
	}{
		{p.Read, plain | unix.MS_RDONLY}, {p.Write, plain},
		{p.Exec, unix.MS_NOSUID | unix.MS_NODEV | unix.MS_RDONLY}, {p.devices(), unix.MS_NOSUID | unix.MS_NOEXEC},
	} {
		for _, name := range kind.names {
			list = append(list, bound{name, kind.flags})
		}
	}
	// A directory before what is in it: the later mount is the one that is seen.
	slices.SortStableFunc(list, func(a, b bound) int { return strings.Compare(a.name, b.name) })
	for _, b := range list {
		if err := bind(b.name, filepath.Join(dir, b.name), b.flags); err != nil {
			return fmt.Errorf("own mount view: %s: %w", b.name, err)
		}
	}
	if err := hide(dir, p.Hidden); err != nil {
		return fmt.Errorf("own mount view: %w", err)
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|plain, ""); err != nil {
		return fmt.Errorf("own mount view: %w", err)
	}
	if err := leaveOthers(dir); err != nil {
		return fmt.Errorf("own mount view: %w", err)
	}
	return becomeRoot(dir)
}

// leaveOthers lets go of the mounts that came along with the new namespace. They
// would lie out of reach below the view, and keep busy what PID 1 unmounts: the
// boot partition, which it checks and writes to only then.
func leaveOthers(dir string) error {
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) < 2 || f[1] == "/" || below(f[1], dir) || below(dir, f[1]) {
			continue
		}
		// One that lay in another went with it.
		if err := unix.Unmount(f[1], unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("leave %s: %w", f[1], err)
		}
	}
	return nil
}

// below says whether a path is dir or in it.
func below(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

// bind makes from appear at to, without what else is mounted below it.
func bind(from, to string, flags uintptr) error {
	info, err := os.Stat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
		if err := standIn(to, info.IsDir()); err != nil {
			return err
		}
	}
	if err := unix.Mount(from, to, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	return unix.Mount("", to, "", unix.MS_REMOUNT|unix.MS_BIND|flags, "")
}

// hide puts an empty directory that nobody may open over others that the view in
// dir would show.
func hide(dir string, names []string) error {
	if len(names) == 0 {
		return nil
	}
	empty := filepath.Join(dir, "hidden")
	if err := os.Mkdir(empty, 0); err != nil {
		return err
	}
	for _, name := range names {
		if err := bind(empty, filepath.Join(dir, name), unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RDONLY); err != nil {
			return fmt.Errorf("hide %s: %w", name, err)
		}
	}
	return nil
}

// standIn makes what a path can be bound over.
func standIn(name string, dir bool) error {
	if dir {
		return os.MkdirAll(name, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, nil, 0o644)
}

// becomeRoot makes dir the root. Not by pivot_root: the initial file system,
// which the box runs from, cannot be left that way (pivot_root(2)).
func becomeRoot(dir string) error {
	if err := unix.Chdir(dir); err != nil {
		return fmt.Errorf("own mount view: %w", err)
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("own mount view: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("own mount view: %w", err)
	}
	return unix.Chdir("/")
}
