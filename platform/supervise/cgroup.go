package supervise

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// cgroups is the part of the cgroup v2 tree that holds one group for each
// service. It is a directory path; "" means that there is none (a test on a
// host without cgroup v2).
type cgroups string

// controllers are the ones whose limits the units use.
const controllers = "+memory +pids"

// PrepareCgroups makes the directory below the cgroup v2 mount at root in
// which the runner keeps its services, and switches the controllers on.
// It returns the path for Runner.Cgroups. It is called once, by PID 1.
func PrepareCgroups(root, name string) (string, error) {
	dir := filepath.Join(root, name)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("cgroup: make %s: %w", name, err)
	}
	for _, d := range []string{root, dir} {
		if err := os.WriteFile(filepath.Join(d, "cgroup.subtree_control"), []byte(controllers), 0); err != nil {
			return "", fmt.Errorf("cgroup: switch controllers on: %w", err)
		}
	}
	return dir, nil
}

// open makes (or takes again) the unit's group, sets its limits and returns it
// as an open directory for clone3's CLONE_INTO_CGROUP.
func (c cgroups) open(s *Service, totalMemory int64) (*os.File, error) {
	dir := filepath.Join(string(c), string(s.Name))
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("cgroup: make %s: %w", s.Name, err)
	}
	limits := map[string]string{}
	if m := s.Confine.Memory.Of(totalMemory); m > 0 {
		limits["memory.max"] = strconv.FormatInt(m, 10)
		// A service that lost one of its processes is not a service.
		limits["memory.oom.group"] = "1"
	}
	if n := s.Confine.TasksMax; n > 0 {
		limits["pids.max"] = strconv.FormatInt(n, 10)
	}
	for file, value := range limits {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(value), 0); err != nil {
			return nil, fmt.Errorf("cgroup: %s: set %s: %w", s.Name, file, err)
		}
	}
	return os.Open(dir)
}

// kill ends every process of the unit at once (cgroup.kill, Linux 5.14).
func (c cgroups) kill(name UnitName) error {
	return os.WriteFile(filepath.Join(string(c), string(name), "cgroup.kill"), []byte("1"), 0)
}

// signal sends sig to every process of the unit; the list is read afresh, so a
// process that forks meanwhile may be missed: SIGKILL goes through kill.
func (c cgroups) signal(name UnitName, sig syscall.Signal) error {
	list, err := os.ReadFile(filepath.Join(string(c), string(name), "cgroup.procs"))
	if err != nil {
		return err
	}
	var errs []error
	for f := range strings.FieldsSeq(string(list)) {
		pid, err := strconv.Atoi(f)
		if err != nil || pid <= 1 {
			continue
		}
		if err := unix.Kill(pid, sig); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// memory returns what the unit's group uses now in bytes, 0 when unknown.
func (c cgroups) memory(name UnitName) int64 {
	if c == "" {
		return 0
	}
	data, err := os.ReadFile(filepath.Join(string(c), string(name), "memory.current"))
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64) // 0 when it is not a number
	return n
}
