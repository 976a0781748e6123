package smtpd

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestSlowLine: 50 MB are handed in over a line of 256 kbit/s, which takes longer than
// any one deadline.
func TestSlowLine(t *testing.T) {
	t.Parallel()
	const line, size = 256_000 / 8, 50 << 20
	s := newTestServer(t)
	s.options.MaxSize = 2 * size
	synctest.Test(t, func(t *testing.T) {
		c := s.submit(t)
		c.say("MAIL FROM:<alice@example.test>", "250")
		c.say("RCPT TO:<bob@example.test>", "250")
		c.say("DATA", "354")
		begin := time.Now()
		text := "From: alice@example.test\r\n\r\n" + strings.Repeat(strings.Repeat("x", 98)+"\r\n", size/100)
		for rest := text; rest != ""; {
			n, err := io.WriteString(c.Conn, rest[:min(line, len(rest))])
			if err != nil {
				t.Fatalf("it broke off after %v: %v", time.Since(begin), err)
			}
			rest = rest[n:]
			time.Sleep(time.Second)
		}
		c.say(".", "250 2.0.0 Stored")
		if took := time.Since(begin); took < 20*time.Minute {
			t.Errorf("it took %v: that was no slow line", took)
		}
	})
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	if n := len(s.room.messages); n != 1 || len(s.room.messages[0].body) < size {
		t.Errorf("%d messages are stored; want the one of 50 MB", n)
	}
}
