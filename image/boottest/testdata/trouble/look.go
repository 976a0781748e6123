package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// look says how a running program is held.
func look(program string) (string, error) {
	pid, err := find(program)
	if err != nil {
		return "", err
	}
	dir := fmt.Sprintf("/proc/%d", pid)
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		if strings.Contains(" NoNewPrivs Seccomp CapEff CapBnd ", " "+key+" ") {
			fmt.Fprintf(&b, "%s: %s\n", key, strings.TrimSpace(value))
		}
	}
	// The kernel gives what stands in /proc of a process that can't be dumped to root.
	var st syscall.Stat_t
	if err := syscall.Stat(filepath.Join(dir, "mem"), &st); err != nil {
		return "", err
	}
	fmt.Fprintf(&b, "memory belongs to: %d\n", st.Uid)
	var core unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_CORE, nil, &core); err != nil {
		return "", err
	}
	fmt.Fprintf(&b, "core limit: %d\n", core.Max)
	for _, file := range []string{"memory.max", "pids.max"} {
		limit, err := os.ReadFile("/sys/fs/cgroup/sanduk/" + program + ".service/" + file)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%s: limited %v\n", file, strings.TrimSpace(string(limit)) != "max")
	}
	return b.String(), nil
}

// lookAtKernel says what is closed to everybody.
func lookAtKernel(string) (string, error) {
	const dir = "/sys/kernel/security"
	if err := unix.Mount("securityfs", dir, "securityfs", 0, ""); err != nil {
		return "", err
	}
	defer unix.Unmount(dir, 0)
	var b strings.Builder
	for _, file := range []string{"lockdown", "lsm"} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%s: %s\n", file, strings.TrimSpace(string(text)))
	}
	return b.String(), nil
}
