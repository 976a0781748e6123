package boot

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxKernelRecord is CONSOLE_EXT_LOG_MAX of linux/printk.h: what one read of /dev/kmsg gives.
	maxKernelRecord = 8 << 10
	// maxCrashFile and maxCrashFiles bound what pstore gives: parts of a kernel's last
	// words, of a kilobyte where they lie in the firmware's variables.
	maxCrashFile  = 256 << 10
	maxCrashFiles = 64
	// crashDir is where the kernel shows them.
	crashDir = "/sys/fs/pstore"
)

// keepKernelLog puts what the kernel says, from its first line on, into the log, until
// ctx ends: a disk that fails says so there, and nobody watches the console.
func (m *Machine) keepKernelLog(ctx context.Context) {
	f, err := os.OpenFile("/dev/kmsg", os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		m.log.Warn("the kernel's log is not kept", "err", err)
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = f.Close() })
	defer stop()
	log := slog.New(m.book.Handler("kernel", slog.LevelInfo))
	b := make([]byte, maxKernelRecord)
	for {
		n, err := f.Read(b)
		if errors.Is(err, unix.EPIPE) {
			log.Warn("lines of the kernel's log were overwritten before they were read")
			continue
		}
		if err != nil {
			return // ctx has ended, or the kernel gives no more
		}
		if r, ok := parseKernelRecord(b[:n]); ok {
			log.LogAttrs(ctx, r.level, r.text, slog.Int64("at_us", r.at))
		}
	}
}

// kernelRecord is a line of the kernel's log.
type kernelRecord struct {
	level slog.Level
	at    int64 // microseconds since the kernel began
	text  string
}

// parseKernelRecord reads "PRIORITY,SEQUENCE,TIME,FLAGS[,…];TEXT\n KEY=VALUE\n…"
// (Documentation/ABI/testing/dev-kmsg). What isn't for people (debugging) is not ok.
func parseKernelRecord(b []byte) (r kernelRecord, ok bool) {
	prefix, text, found := bytes.Cut(b, []byte(";"))
	fields := strings.SplitN(string(prefix), ",", 4)
	if !found || len(fields) < 3 {
		return r, false
	}
	priority, err := strconv.ParseUint(fields[0], 10, 16)
	if err != nil {
		return r, false
	}
	if r.at, err = strconv.ParseInt(fields[2], 10, 64); err != nil {
		return r, false
	}
	switch severity := priority & 7; {
	case severity <= 3:
		r.level = slog.LevelError
	case severity == 4:
		r.level = slog.LevelWarn
	case severity == 7:
		return r, false
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	r.text = strings.ToValidUTF8(string(line), "\uFFFD")
	return r, r.text != ""
}

// keepCrashes moves what a kernel that crashed has left into the log, and makes room for
// the next one's last words: firmware has little. They are removed only when the log has
// them on the disk.
func (m *Machine) keepCrashes(dir string) (kept int) {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		return 0 // no such place on this machine, or nothing there
	}
	log := slog.New(m.book.Handler("crash", slog.LevelInfo))
	var done []string
	for _, e := range entries[:min(len(entries), maxCrashFiles)] {
		name := filepath.Join(dir, e.Name())
		text, err := readBounded(name, maxCrashFile)
		if err != nil {
			m.log.Warn("what a crash left can't be read", "file", e.Name(), "err", err)
			continue
		}
		at := time.Time{}
		if info, err := e.Info(); err == nil {
			at = info.ModTime()
		}
		for line := range strings.Lines(strings.ToValidUTF8(string(text), "\uFFFD")) {
			if line = strings.TrimRight(line, "\r\n"); line != "" {
				log.Error(line, "file", e.Name(), "crashed", at)
			}
		}
		done = append(done, name)
	}
	if err := m.book.Sync(); err != nil || !m.book.OnDisk() {
		m.log.Warn("what a crash left is kept where it is", "err", err)
		return 0
	}
	for _, name := range done {
		if err := os.Remove(name); err != nil {
			m.log.Warn("what a crash left can't be removed", "file", name, "err", err)
		}
	}
	m.log.Error("the kernel had crashed; its last words are in the log", "files", len(done))
	return len(done)
}

// readBounded reads the first bytes of a file.
func readBounded(name string, most int) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	b := make([]byte, most)
	n := 0
	for n < most {
		k, err := f.Read(b[n:])
		n += k
		if err != nil || k == 0 {
			break // the end; pstore knows no other errors behind the first byte
		}
	}
	return b[:n], nil
}
