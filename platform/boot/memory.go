package boot

import (
	"bufio"
	"errors"
	"os"
	"strconv"
	"strings"

	"github.com/sanduk-mail/sanduk/platform/control"
)

// readMemory reads MemTotal and MemAvailable of /proc/meminfo.
func readMemory(name string) (control.Memory, error) {
	f, err := os.Open(name)
	if err != nil {
		return control.Memory{}, err
	}
	defer func() { _ = f.Close() }() // only read from
	var mem control.Memory
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			continue
		}
		switch key {
		case "MemTotal":
			mem.Total = kb << 10
		case "MemAvailable":
			mem.Available = kb << 10
		}
	}
	if mem.Total == 0 {
		return mem, errors.New("memory: no MemTotal")
	}
	return mem, lines.Err()
}
