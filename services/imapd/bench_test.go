package imapd

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// bigBox has n messages in INBOX.
func bigBox(b *testing.B, n int, text string) *box {
	b.Helper()
	x := newBox(b)
	d := x.spool.New(int64(len(text)))
	defer d.Discard()
	if _, err := io.WriteString(d, text); err != nil {
		b.Fatal(err)
	}
	if err := d.Finish(); err != nil {
		b.Fatal(err)
	}
	id := x.mailbox("INBOX").ID
	for n > 0 {
		many := make([]draft.Append, min(n, 1000))
		for i := range many {
			many[i] = draft.Append{Draft: d, Internal: testDate(), Flags: mail.NewFlags(`\Seen`)}
		}
		if _, err := x.account.Append(context.Background(), id, many); err != nil {
			b.Fatal(err)
		}
		n -= len(many)
	}
	return x
}

// benchCommand measures one command, over TCP on the loopback.
func benchCommand(b *testing.B, x *box, prepare, command string, messages int) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = x.server.Serve(l, Mode{}) }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, 1<<20)
	talk := func(tag, command string) (size int64) {
		if _, err := fmt.Fprintf(c, "%s %s\r\n", tag, command); err != nil {
			b.Fatal(err)
		}
		end := "\r\n" + tag + " OK"
		last := ""
		for {
			n, err := c.Read(buf)
			if err != nil {
				b.Fatal(err)
			}
			size += int64(n)
			tail := last + string(buf[max(0, n-1000):n])
			if strings.Contains(tail, end) || strings.HasPrefix(tail, tag+" OK") {
				return size
			}
			last = tail[max(0, len(tail)-20):]
		}
	}
	talk("x", "LOGIN alice@example.test secret")
	if prepare != "" {
		talk("y", prepare)
	}
	b.ReportAllocs()
	b.ResetTimer()
	size := int64(0)
	for b.Loop() {
		size = talk("z", command)
	}
	b.SetBytes(size)
	b.ReportMetric(float64(messages)*float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

func BenchmarkFetchFlags(b *testing.B) {
	const n = 100_000
	benchCommand(b, bigBox(b, n, "Subject: x\r\n\r\nx\r\n"), "SELECT INBOX", "FETCH 1:* (FLAGS UID)", n)
}

// BenchmarkFetchEnvelope has fewer messages: memstore looks each up from the
// beginning.
func BenchmarkFetchEnvelope(b *testing.B) {
	const n = 5_000
	benchCommand(b, bigBox(b, n, strings.ReplaceAll(multipartMessage, "\n", "\r\n")), "SELECT INBOX", "FETCH 1:* (UID ENVELOPE BODYSTRUCTURE)", n)
}

func BenchmarkFetchBody8K(b *testing.B) {
	const n = 2_000
	benchCommand(b, bigBox(b, n, "Subject: x\r\n\r\n"+strings.Repeat("0123456789abcd\r\n", 512)), "SELECT INBOX", "UID FETCH 1:* BODY.PEEK[]", n)
}

func BenchmarkFetchBody10M(b *testing.B) {
	const n = 4
	benchCommand(b, bigBox(b, n, "Subject: x\r\n\r\n"+strings.Repeat("0123456789abcd\r\n", 10<<16)), "SELECT INBOX", "UID FETCH 1:* BODY.PEEK[]", n)
}

func BenchmarkSelect(b *testing.B) {
	const n = 100_000
	benchCommand(b, bigBox(b, n, "Subject: x\r\n\r\nx\r\n"), "", "SELECT INBOX", 1)
}

// BenchmarkIdleMemory measures what a connection in IDLE costs, both its ends
// and the network in memory included; and one that NOTIFY tells of 200 mailboxes.
func BenchmarkIdleMemory(b *testing.B) {
	const connections = 100
	x := newBox(b)
	for i := range 194 { // beside the six that there are
		if _, err := x.account.CreateMailbox(b.Context(), fmt.Sprintf("Projects/%d", i), mail.RoleNone); err != nil {
			b.Fatal(err)
		}
	}
	const notify = "NOTIFY SET (SELECTED (MessageNew (FLAGS) MessageExpunge FlagChange)) (PERSONAL (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))"
	for _, how := range []struct {
		name, command, until string
		secure               bool
	}{
		{"tls=false", "IDLE", "+ idling\r\n", false}, {"tls=true", "IDLE", "+ idling\r\n", true},
		{"notify/tls=false", notify, "c OK ", false}, {"notify/tls=true", notify, "c OK ", true},
	} {
		b.Run(how.name, func(b *testing.B) {
			for b.Loop() {
				before := memoryInUse()
				conns := make([]net.Conn, connections)
				for i := range conns {
					conns[i] = idleConn(b, x, how.secure, how.command, how.until)
				}
				time.Sleep(10 * time.Millisecond) // until all of them wait
				b.ReportMetric(float64(memoryInUse()-before)/connections, "B/conn")
				for _, c := range conns {
					_ = c.Close()
				}
			}
		})
	}
}

func memoryInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // the first only marks what pools hold
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// idleConn logs in, selects INBOX and gives a command, then it waits.
func idleConn(b *testing.B, x *box, secure bool, command, until string) net.Conn {
	b.Helper()
	listener := x.plain
	if secure {
		listener = x.implicit
	}
	c, err := listener.Dial()
	if err != nil {
		b.Fatal(err)
	}
	if secure {
		c = tls.Client(c, x.clientTLS)
	}
	if _, err := io.WriteString(c, "a LOGIN alice@example.test secret\r\nb SELECT INBOX\r\nc "+command+"\r\n"); err != nil {
		b.Fatal(err)
	}
	out := ""
	for buf := make([]byte, 4096); !strings.Contains(out, until); {
		n, err := c.Read(buf)
		if err != nil {
			b.Fatal(err)
		}
		out += string(buf[:n])
	}
	return c
}
