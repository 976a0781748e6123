package clock

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// plausible is how long after its build a box may run. A hardware clock beyond
// that has lost its battery or its mind.
const plausible = 25 * 365 * 24 * time.Hour

// maxSaved bounds the file with the saved time, one line of RFC 3339.
const maxSaved = 64

// Source says which clock a floor came from.
type Source string

const (
	SourceRTC   Source = "hardware clock"
	SourceBuild Source = "build time"
	SourceSaved Source = "saved time"
)

// Floor is the earliest time that it can be now: the latest of the hardware
// clock, the build and the time saved last. Zero times count as unknown. A
// hardware clock or saved time more than 25 years after the build is not
// believed. PID 1 sets the clock to it when the kernel's is earlier, or when the
// source is not the hardware clock.
func Floor(rtc, built, saved time.Time) (time.Time, Source) {
	floor, source := built, SourceBuild
	believable := func(t time.Time) bool {
		return !t.IsZero() && (built.IsZero() || t.Sub(built) < plausible)
	}
	if believable(saved) && saved.After(floor) {
		floor, source = saved, SourceSaved
	}
	if believable(rtc) && !rtc.Before(floor) {
		floor, source = rtc, SourceRTC
	}
	return floor, source
}

// ReadSaved reads what [WriteSaved] wrote. No file is the zero time, no error.
func ReadSaved(name string) (time.Time, error) {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read saved time: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSaved))
	if err != nil {
		return time.Time{}, fmt.Errorf("read saved time: %w", err)
	}
	t, err := time.Parse(time.RFC3339, strings.TrimSpace(string(b)))
	if err != nil {
		return time.Time{}, fmt.Errorf("read saved time: %w", err)
	}
	return t, nil
}

// WriteSaved keeps t in a file for the next boot; when it returns nil, t is on
// disk. The directory must exist.
func WriteSaved(name string, t time.Time) error {
	return replace(name, []byte(t.UTC().Format(time.RFC3339)+"\n"))
}

// replace puts content at name in one step, readable for everybody: the time is
// no secret.
func replace(name string, content []byte) error {
	dir, err := durable.NewOS(filepath.Dir(name))
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer dir.Close()
	return durable.ReplaceBytes(dir, filepath.Base(name), 0o644, content)
}
