package vm

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"
)

// escape matches what terminals take as commands; firmware writes many.
var escape = regexp.MustCompile("\x1b(\\[[0-9;?=]*[A-Za-z]|[()][A-Z0-9]|[A-Za-z=>])|\r")

// transcript collects what the guest writes to its serial port.
type transcript struct {
	out []io.Writer // log file, console; a writer that fails is left out from then on

	mu      sync.Mutex
	raw     []byte
	changed chan struct{} // closed and replaced at each change
	done    bool
}

func newTranscript(out ...io.Writer) *transcript {
	return &transcript{out: out, changed: make(chan struct{})}
}

// maxTranscript bounds a guest that floods its serial port; a normal boot writes a few kilobytes.
const maxTranscript = 64 << 20

// follow reads until the guest is gone.
func (t *transcript) follow(r io.Reader) {
	buf := make([]byte, 4096)
	for {
		n, err := r.Read(buf)
		for i, w := range t.out {
			if w == nil || n == 0 {
				continue
			}
			if _, err := w.Write(buf[:n]); err != nil {
				t.out[i] = nil
			}
		}
		t.mu.Lock()
		if len(t.raw) < maxTranscript {
			t.raw = append(t.raw, buf[:n]...)
		}
		t.done = err != nil
		close(t.changed)
		t.changed = make(chan struct{})
		t.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// forget drops all so far, but for the log.
func (t *transcript) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.raw = nil
}

// text returns all so far without terminal commands and carriage returns.
func (t *transcript) text() (text string, done bool, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return escape.ReplaceAllString(string(t.raw), ""), t.done, t.changed
}

// wait returns the first match's submatches.
func (t *transcript) wait(ctx context.Context, re *regexp.Regexp, timeout time.Duration) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		text, done, changed := t.text()
		if m := re.FindStringSubmatch(text); m != nil {
			return m, nil
		}
		if done {
			return nil, fmt.Errorf("the machine went off before its serial port said %q; it ended with:\n%s", re, tail(text))
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("the serial port did not say %q within %v; it ends with:\n%s", re, timeout, tail(text))
		}
	}
}

// tailLines is enough to see what a boot was doing.
const tailLines = 30

func tail(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}
