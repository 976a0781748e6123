package imapd

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// A line of 256 kbit/s, in what it carries in a second, and an attachment of
// 50 MB on it: some 26 minutes, far more than any one deadline.
const (
	slowLine = 256_000 / 8
	slowMail = 50 << 20
)

// TestSlowLine: the deadlines follow progress, both ways.
func TestSlowLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t, func(o *Options) { o.MaxSize = 2 * slowMail })
		c, err := b.plain.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		in := bufio.NewReaderSize(c, 1<<10)
		answered := func(tag string) {
			t.Helper()
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					t.Fatalf("%s is not answered: %v", tag, err)
				}
				if rest, found := strings.CutPrefix(line, tag+" "); found {
					if !strings.HasPrefix(rest, "OK") {
						t.Fatalf("%s: %s", tag, rest)
					}
					return
				}
			}
		}
		text := "Subject: large\r\n\r\n" + strings.Repeat(strings.Repeat("x", 98)+"\r\n", slowMail/100)
		fmt.Fprint(c, "a LOGIN alice@example.test secret\r\n")
		answered("a")
		begin := time.Now()
		fmt.Fprintf(c, "b APPEND INBOX {%d+}\r\n", len(text))
		for rest := text; rest != ""; {
			n, err := c.Write([]byte(rest[:min(slowLine, len(rest))]))
			if err != nil {
				t.Fatalf("APPEND broke off after %v: %v", time.Since(begin), err)
			}
			rest = rest[n:]
			time.Sleep(time.Second)
		}
		fmt.Fprint(c, "\r\n")
		answered("b")
		if took := time.Since(begin); took < 20*time.Minute {
			t.Errorf("APPEND took %v: that was no slow line", took)
		}
		if got := b.mailbox(mail.Inbox).Total; got != 1 {
			t.Fatalf("INBOX has %d messages, want 1", got)
		}
		fmt.Fprint(c, "c SELECT INBOX\r\n")
		answered("c")
		begin = time.Now()
		fmt.Fprint(c, "d FETCH 1 BODY.PEEK[]\r\n")
		if line, err := in.ReadString('\n'); err != nil || !strings.HasSuffix(line, fmt.Sprintf("{%d}\r\n", len(text))) {
			t.Fatalf("FETCH begins with %q, %v", line, err)
		}
		var got strings.Builder
		for got.Len() < len(text) {
			if n, err := io.CopyN(&got, in, int64(min(slowLine, len(text)-got.Len()))); err != nil {
				t.Fatalf("FETCH broke off after %v and %d bytes: %v", time.Since(begin), got.Len()+int(n), err)
			}
			time.Sleep(time.Second)
		}
		answered("d")
		if took := time.Since(begin); got.String() != text || took < 20*time.Minute {
			t.Errorf("FETCH gave %d bytes in %v, want %d", got.Len(), took, len(text))
		}
	})
}
