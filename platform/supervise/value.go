package supervise

import (
	"errors"
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
	"time"
)

// parseSpan reads systemd.time(7) spans: a number of seconds, or numbers with
// units ("1min 30s", "500ms"); "infinity" is 0, which means "no limit" in
// Service.
func parseSpan(value string) (time.Duration, error) {
	if value == "infinity" {
		return 0, nil
	}
	var total time.Duration
	fields := strings.Fields(value)
	if len(fields) == 0 {
		return 0, errors.New("empty time span")
	}
	for _, f := range fields {
		i := strings.IndexFunc(f, func(r rune) bool { return r < '0' || r > '9' })
		if i < 0 {
			i = len(f)
		}
		n, err := strconv.ParseInt(f[:i], 10, 32)
		if err != nil {
			return 0, fmt.Errorf("bad time span %q", value)
		}
		unit, ok := spanUnit(f[i:])
		if !ok {
			return 0, fmt.Errorf("bad time unit %q (known: ms s min h)", f[i:])
		}
		total += time.Duration(n) * unit
	}
	return total, nil
}

func spanUnit(s string) (time.Duration, bool) {
	switch s {
	case "ms":
		return time.Millisecond, true
	case "", "s":
		return time.Second, true
	case "min":
		return time.Minute, true
	case "h":
		return time.Hour, true
	}
	return 0, false
}

// parseMemory reads MemoryMax=: bytes with K, M, G (powers of 1024), a
// percentage, or "infinity".
func parseMemory(value string) (MemoryLimit, error) {
	if value == "infinity" {
		return MemoryLimit{}, nil
	}
	if p, ok := strings.CutSuffix(value, "%"); ok {
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 || n > 100 {
			return MemoryLimit{}, fmt.Errorf("bad percentage %q (1%% to 100%%)", value)
		}
		return MemoryLimit{Percent: n}, nil
	}
	shift := 0
	digits := value
	if value != "" {
		shift = map[byte]int{'K': 10, 'M': 20, 'G': 30}[value[len(value)-1]]
	}
	if shift > 0 {
		digits = value[:len(value)-1]
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64>>shift {
		return MemoryLimit{}, fmt.Errorf("bad size %q (for example 256M, 65%%, infinity)", value)
	}
	return MemoryLimit{Bytes: n << shift}, nil
}

func parseBool(value string) (bool, error) {
	switch value {
	case "yes", "true", "on", "1":
		return true, nil
	case "no", "false", "off", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither yes nor no", value)
}

// parseNumber reads a whole number in [low, high].
func parseNumber(value string, low, high int64) (int64, error) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%q is not a number from %d to %d", value, low, high)
	}
	return n, nil
}

// parseOctal reads permission bits.
func parseOctal(value string) (uint32, error) {
	n, err := strconv.ParseUint(value, 8, 32)
	if err != nil || n > 0o777 {
		return 0, fmt.Errorf("%q is not a mode from 0000 to 0777", value)
	}
	return uint32(n), nil
}

// plainWord characters need no quoting or expanding in systemd's syntax, so
// both readers of the file see the same thing. systemd's specifiers (%),
// variables ($), quotes and prefixes (-@:+!) are left out on purpose: none is
// needed, and each would be one more thing to get subtly wrong.
const plainWord = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._=,:-"

// parseWords splits on spaces and refuses what systemd would expand.
func parseWords(value string) ([]string, error) {
	words := strings.Fields(value)
	for _, w := range words {
		if rest := strings.Trim(w, plainWord); rest != "" {
			return nil, fmt.Errorf("%q holds a character that systemd would treat specially", w)
		}
	}
	if len(words) == 0 {
		return nil, errors.New("empty value")
	}
	return words, nil
}

// parseCommand reads ExecStart=: an absolute path and plain words.
func parseCommand(value string) ([]string, error) {
	words, err := parseWords(value)
	if err != nil {
		return nil, err
	}
	if !path.IsAbs(words[0]) || path.Clean(words[0]) != words[0] {
		return nil, fmt.Errorf("program %q is not a clean absolute path", words[0])
	}
	return words, nil
}
