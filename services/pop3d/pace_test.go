package pop3d

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestPace: a client that says nothing but NOOP has to wait, and nobody else has.
func TestPace(t *testing.T) {
	t.Parallel()
	const noops = 40_000
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t)
		flood := func(user, password string, n int) time.Duration {
			t.Helper()
			c, err := b.plain.Dial()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			begin := time.Now()
			go func() {
				_, _ = fmt.Fprintf(c, "USER %s\r\nPASS %s\r\n%sQUIT\r\n", user, password, strings.Repeat("NOOP\r\n", n)) // seen by the read
			}()
			answers, err := io.ReadAll(c)
			if got := strings.Count(string(answers), "+OK"); got != n+4 {
				t.Errorf("%s: %d of %d answers, %v", user, got, n+4, err)
			}
			return time.Since(begin)
		}
		if took := flood("alice@example.test", "secret with spaces ", noops); took < 4*time.Second || took > 10*time.Second {
			t.Errorf("%d NOOPs took %v; want some 5 s", noops, took)
		}
		if took := flood("bob", "hidden", 100); took > time.Millisecond {
			t.Errorf("somebody else's 100 NOOPs took %v", took)
		}
	})
}
