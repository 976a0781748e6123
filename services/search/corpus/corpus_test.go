package corpus

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/message"
)

// TestShape holds what the figures that are measured on a corpus rest on.
func TestShape(t *testing.T) {
	t.Parallel()
	c, again := New(1), New(1)
	text, n := 0, 500
	for i := range n {
		raw := c.Message(i)
		if i%50 == 0 && !bytes.Equal(raw, again.Message(i)) {
			t.Fatalf("message %d is not the same twice", i)
		}
		s := message.NewScanner(message.Limits{})
		_, _ = s.Write(raw)
		d := s.Finish()
		if d.MessageID == "" || d.Date.IsZero() || len(d.Envelope.From) != 1 {
			t.Fatalf("message %d: digest %+v", i, d)
		}
		for _, p := range d.Root.All() {
			s, err := message.Text(p, bytes.NewReader(raw), 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			text += len(s)
		}
	}
	if mean := text / n; mean < 1500 || mean > 6000 {
		t.Errorf("a text has %d bytes on average; want some KB", mean)
	}
	words, parts := c.Words(50, n), c.Substrings(50, n)
	if len(words) != 50 || len(parts) != 50 || !strings.Contains(strings.Join(parts, "|"), "qzx") {
		t.Errorf("queries: %q, %q", words, parts)
	}
}
