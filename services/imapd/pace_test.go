package imapd

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestPace: a client that says nothing but NOOP has to wait, and is answered all.
func TestPace(t *testing.T) {
	t.Parallel()
	const noops = 40_000
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t)
		flood := func(login string, n int) time.Duration {
			t.Helper()
			c, err := b.plain.Dial()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			begin := time.Now()
			go func() {
				_, _ = fmt.Fprintf(c, "a LOGIN %s\r\n%sz LOGOUT\r\n", login, strings.Repeat("b NOOP\r\n", n)) // seen by the read
			}()
			answers, err := io.ReadAll(c)
			if got := strings.Count(string(answers), "b OK "); got != n || !strings.Contains(string(answers), "z OK ") {
				t.Errorf("%s: %d of %d answers, %v", login, got, n, err)
			}
			return time.Since(begin)
		}
		if took := flood("alice@example.test secret", noops); took < 4*time.Second || took > 10*time.Second {
			t.Errorf("%d NOOPs took %v; want some 5 s", noops, took)
		}
	})
}
