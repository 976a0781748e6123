package message

import (
	"io"
	"testing"
)

func TestCanonical(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"": 0, "a": 3, "\r": 3, "\n": 2, "\r\n": 2, "a\r": 4, "\n\r": 5, "a\nb\r\nc": 9, "\r\r\n\n": 5, ".\r\n..": 7,
	} {
		for n := 1; n <= max(1, len(text)); n++ {
			var c Canonical
			for rest := text; rest != ""; rest = rest[min(n, len(rest)):] {
				_, _ = io.WriteString(&c, rest[:min(n, len(rest))]) // it never fails
			}
			if got := c.Size(); got != want {
				t.Errorf("%q, %d at a time: %d octets; want %d", text, n, got, want)
			}
		}
	}
}
