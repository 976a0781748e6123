package dovecot

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Processes are the ids of all its processes, as this process sees them.
func (s *Server) Processes() ([]int, error) {
	first, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", s.cmd.Process.Pid, s.cmd.Process.Pid))
	if err != nil {
		return nil, err
	}
	space, err := os.Readlink("/proc/" + strings.TrimSpace(string(first)) + "/ns/pid")
	if err != nil {
		return nil, err
	}
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var ids []int
	for _, dir := range all {
		if its, err := os.Readlink(filepath.Join(dir, "ns/pid")); err != nil || its != space {
			continue // another's, or it has ended
		}
		id, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// CPU is how long its processes have kept processors busy, with those that have ended.
func (s *Server) CPU() (time.Duration, error) {
	return sum(s, func(id int) (time.Duration, error) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id))
		if err != nil {
			return 0, err
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // from the third on, proc(5)
		var ticks int64
		for _, field := range fields[11:15] { // utime stime cutime cstime
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, err
			}
			ticks += n
		}
		return time.Duration(ticks) * 10 * time.Millisecond, nil
	})
}

// Memory is what its processes take, in bytes: see [Resident].
func (s *Server) Memory() (int64, error) { return sum(s, Resident) }

// Resident is the memory that a process takes by the kernel's account, in bytes; of what it shares with others, its part
// (proc(5), Pss).
func Resident(id int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", id))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Pss:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no Pss in smaps_rollup of %d", id)
}

// sum adds something up over its processes; one that ends meanwhile is left out.
func sum[N int64 | time.Duration](s *Server, of func(id int) (N, error)) (N, error) {
	ids, err := s.Processes()
	if err != nil {
		return 0, err
	}
	var total N
	for _, id := range ids {
		n, err := of(id)
		if errors.Is(err, fs.ErrNotExist) || err != nil && strings.Contains(err.Error(), "no such process") {
			continue
		}
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}
