package peertest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// matrix notes what worked with whom.
type matrix struct {
	mu    sync.Mutex
	cases []string // in the order in which they are to be shown
	notes map[[2]string]string
}

// note is how a case went with a peer; what is there already stays.
func (m *matrix) note(name, peer, result string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.notes[[2]string{name, peer}] == "" {
		m.notes[[2]string{name, peer}] = result
	}
}

// try runs a case as a subtest, beside others, and notes how it went.
func (m *matrix) try(t *testing.T, name string, p *peer, f func(t *testing.T)) {
	m.mu.Lock()
	if !slices.Contains(m.cases, name) {
		m.cases = append(m.cases, name)
	}
	m.mu.Unlock()
	t.Run(p.name+"/"+name, func(t *testing.T) {
		t.Parallel()
		defer func() {
			switch {
			case t.Failed():
				m.note(name, p.name, "FAILED")
			case t.Skipped():
				m.note(name, p.name, "–")
			default:
				m.note(name, p.name, "ok")
			}
		}()
		f(t)
	})
}

// String is the table: a row for each case, a column for each peer.
func (m *matrix) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	width := 0
	for _, name := range m.cases {
		width = max(width, len([]rune(name)))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-*s", width, "")
	for _, p := range peers() {
		fmt.Fprintf(&b, "  %-16s", p.name)
	}
	for _, name := range m.cases {
		fmt.Fprintf(&b, "\n%-*s", width, name)
		for _, p := range peers() {
			fmt.Fprintf(&b, "  %-16s", m.notes[[2]string{name, p.name}])
		}
	}
	return b.String()
}
