package clienttest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// matrix notes which program did what.
type matrix struct {
	mu   sync.Mutex
	rows []matrixRow
}

type matrixRow struct{ program, operation, result string }

// try runs a subtest and notes how it went.
func (m *matrix) try(t *testing.T, program, operation string, f func(t *testing.T)) bool {
	t.Helper()
	return t.Run(operation, func(t *testing.T) {
		defer func() {
			result := "ok"
			switch {
			case t.Skipped():
				result = "skipped"
			case t.Failed():
				result = "FAILED"
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			m.rows = append(m.rows, matrixRow{program, operation, result})
		}()
		f(t)
	})
}

// String is the table, in the order of the tests.
func (m *matrix) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	names, width := 0, 0
	for _, r := range m.rows {
		names, width = max(names, len(r.program)), max(width, len(r.operation))
	}
	var b strings.Builder
	last := ""
	for _, r := range m.rows {
		program := r.program
		if program == last {
			program = ""
		}
		last = r.program
		fmt.Fprintf(&b, "%-*s  %-*s  %s\n", names, program, width, r.operation, r.result)
	}
	return b.String()
}
