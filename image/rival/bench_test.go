package rival

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"golang.org/x/sys/unix"
)

// build is where all data goes: one disk for everybody. The system's directory for temporary files may be in memory.
const build = "../../build/rival"

// scratch is a directory on that disk for the length of a benchmark.
func scratch(b *testing.B) string {
	b.Helper()
	if err := os.MkdirAll(build, 0o755); err != nil {
		b.Fatal(err)
	}
	dir, err := os.MkdirTemp(build, "data-")
	if err != nil {
		b.Fatal(err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// BenchmarkDisk is what the disk itself does with 4 KiB made durable one after the other: appended to a growing file,
// and written over blocks that were written before.
func BenchmarkDisk(b *testing.B) {
	const block, blocks = 4 << 10, 4 << 10
	for _, over := range []bool{false, true} {
		b.Run(map[bool]string{false: "append", true: "overwrite"}[over], func(b *testing.B) {
			f, err := os.Create(filepath.Join(scratch(b), "raw"))
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			data := make([]byte, block)
			if over {
				for range blocks {
					if _, err := f.Write(data); err != nil {
						b.Fatal(err)
					}
				}
				if err := f.Sync(); err != nil {
					b.Fatal(err)
				}
			}
			at := int64(0)
			for b.Loop() {
				if _, err := f.WriteAt(data, at); err != nil {
					b.Fatal(err)
				}
				if err := unix.Fdatasync(int(f.Fd())); err != nil {
					b.Fatal(err)
				}
				if at += block; over {
					at %= block * blocks
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "syncs/s")
		})
	}
}

// BenchmarkDelivery is messages per second from SMTP into mailboxes.
func BenchmarkDelivery(b *testing.B) {
	m := newMix()
	for _, r := range rounds() {
		b.Run(fmt.Sprintf("sink/connections=%d", r.connections), func(b *testing.B) {
			p := startSelf(b, "sink", scratch(b))
			defer p.stop()
			m.measure(b, p.smtp, r.connections, r.messages, func(int) error { return nil })
		})
		b.Run(fmt.Sprintf("sanduk/connections=%d", r.connections), func(b *testing.B) {
			p := startSelf(b, "sanduk", scratch(b))
			defer p.stop()
			sent := m.measure(b, p.smtp, r.connections, r.messages, func(int) error { return nil }) // 250 says it is there
			if got := count(b, p.imaps); got != sent {
				b.Errorf("%d messages were acknowledged, and %d are in the mailboxes", sent, got)
			}
		})
		b.Run(fmt.Sprintf("postfix-dovecot/connections=%d", r.connections), func(b *testing.B) {
			p := startPostfix(b)
			defer p.stop()
			m.measure(b, p.addr, r.connections, r.messages, p.wait)
		})
	}
}

// measure sends rounds; wait is to return when so many messages in all are in the mailboxes. It returns that number.
func (m *mix) measure(b *testing.B, addr string, connections, messages int, wait func(total int) error) int {
	b.Helper()
	senders := make([]*sender, connections)
	for i := range senders {
		s, err := dial(addr)
		if err != nil {
			b.Fatal(err)
		}
		defer s.conn.Close()
		senders[i] = s
	}
	total := 0
	var accepted time.Duration
	for b.Loop() {
		began := time.Now()
		m.round(b, senders, messages)
		accepted += time.Since(began)
		total += messages
		if b.Failed() {
			return total
		}
		if err := wait(total); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "msgs/s")
	b.ReportMetric(float64(total)/accepted.Seconds(), "accepted/s")
	return total
}

// count is how many messages are in all INBOXes of the office.
func count(b *testing.B, addr string) int {
	b.Helper()
	total := 0
	for i := range people {
		c, err := imapclient.DialTLS(addr, &imapclient.Options{TLSConfig: &tls.Config{InsecureSkipVerify: true}})
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Login(person(i), password).Wait(); err != nil {
			b.Fatal(err)
		}
		status, err := c.Status("INBOX", &imap.StatusOptions{NumMessages: true}).Wait()
		if err != nil {
			b.Fatal(err)
		}
		total += int(*status.NumMessages)
		c.Close()
	}
	return total
}
