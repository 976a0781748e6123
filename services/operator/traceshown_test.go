package operator

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// TestTracedIsNoTerminal: what a stranger has put into a subject makes no line of its own,
// and moves no cursor.
func TestTracedIsNoTerminal(t *testing.T) {
	t.Parallel()
	var m traced
	text := `{"id":"x","steps":[{"at":"2026-11-23T12:00:00Z","what":"message received","about":{"subject":["x\r\n  2026-11-23 12:00:01  message delivered","\u001b[2J\u202egpj"]}}]}`
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	m.write(&out)
	if n := strings.Count(out.String(), "\n"); n != 3 || strings.ContainsAny(out.String(), "\r\x1b\u202e") {
		t.Errorf("%d lines, want 3 without control characters: %q", n, out.String())
	}
}
