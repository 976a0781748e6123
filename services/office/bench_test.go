package office

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// messageSize is what most mail between people comes to.
const messageSize = 4 << 10

// BenchmarkDisk is the disk's own rate, to stand beside the others: one block
// appended to a growing file and made durable, as the log does it.
func BenchmarkDisk(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, messageSize)
	for b.Loop() {
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "syncs/s")
}

// BenchmarkSMTP sends 4 KiB messages to one recipient each, over so many
// connections at once, each message acknowledged when it is durable. The client
// runs in the same process and on the same cores.
func BenchmarkSMTP(b *testing.B) {
	for _, connections := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("connections=%d", connections), func(b *testing.B) {
			o := startOffice(b, b.TempDir())
			o.setUpNow(b, connections)
			var left atomic.Int64
			left.Store(int64(b.N))
			clients := make([]*benchClient, connections)
			for i := range clients {
				clients[i] = dialBench(b, o.addrs["smtp"], fmt.Sprintf("person%03d@%s", i, testDomain))
			}
			b.ResetTimer()
			var all sync.WaitGroup
			for _, c := range clients {
				all.Go(func() {
					for left.Add(-1) >= 0 {
						if err := c.send(); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
			b.SetBytes(messageSize)
		})
	}
}

// benchClient is the least a client can do: pipelined commands, ready-made text.
type benchClient struct {
	conn           net.Conn
	in             *bufio.Reader
	envelope, text string
}

func dialBench(b *testing.B, addr, to string) *benchClient {
	b.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	c := &benchClient{
		conn: conn, in: bufio.NewReader(conn),
		envelope: "MAIL FROM:<bench@elsewhere.test>\r\nRCPT TO:<" + to + ">\r\nDATA\r\n",
		text:     "From: bench@elsewhere.test\r\nTo: " + to + "\r\nSubject: bench\r\nMessage-ID: <x@elsewhere.test>\r\n\r\n" + strings.Repeat(strings.Repeat("words of a letter ", 4)+"\r\n", messageSize/74-2) + ".\r\n",
	}
	if err := c.expect("220"); err != nil {
		b.Fatal(err)
	}
	if err := c.say("EHLO bench.test\r\n", "250"); err != nil {
		b.Fatal(err)
	}
	return c
}

func (c *benchClient) send() error {
	if err := c.say(c.envelope, "250", "250", "354"); err != nil {
		return err
	}
	return c.say(c.text, "250")
}

func (c *benchClient) say(text string, replies ...string) error {
	if _, err := io.WriteString(c.conn, text); err != nil {
		return err
	}
	for _, reply := range replies {
		if err := c.expect(reply); err != nil {
			return err
		}
	}
	return nil
}

// expect reads a reply, all lines of it.
func (c *benchClient) expect(code string) error {
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return err
		}
		if !strings.HasPrefix(line, code) {
			return fmt.Errorf("got reply %q; want %s", line, code)
		}
		if line[3] == ' ' {
			return nil
		}
	}
}
