package rival

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/services/figure"
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

// BenchmarkFigureDelivery is messages per second from SMTP into mailboxes: the mix, of the box, of Postfix and Dovecot, and
// of a server that discards, in turns.
func BenchmarkFigureDelivery(b *testing.B) {
	const turns = 3
	m := newMix()
	box, sink := startSelf(b, "sanduk", scratch(b)), startSelf(b, "sink", scratch(b))
	defer box.stop()
	defer sink.stop()
	rival := startPostfix(b, 0)
	defer rival.stop()
	sent := 0
	for _, r := range rounds() {
		b.Run(fmt.Sprintf("SMTP_to_mailbox,_mix_of_sizes,_connections=%d", r.connections), func(b *testing.B) {
			var busy figure.Busy
			rates := figure.InTurn(turns,
				func() float64 { return m.rate(b, sink.smtp, r.connections, r.messages, nil) },
				func() float64 {
					sent += r.messages // 250 says that they are there
					return busy.During(b, func() float64 { return m.rate(b, box.smtp, r.connections, r.messages, nil) })
				},
				func() float64 {
					return m.rate(b, rival.addr, r.connections, r.messages, func() error { return rival.wait(r.messages) })
				})
			figure.AtLeast(b, rates.Ratio(1, 2), "x-postfix", r.limit)
			figure.OrAtLeast(b, rates.Ratio(1, 0), "of-sink", 0.6)
			b.ReportMetric(rates.Median(0), "sink-msgs/s")
			b.ReportMetric(rates.Median(1), "msgs/s")
			b.ReportMetric(rates.Median(2), "postfix-msgs/s")
			b.ReportMetric(busy.Percent(), "%cpu")
		})
	}
	if got := count(b, box.imaps); got != sent {
		b.Errorf("%d messages were acknowledged, and %d are in the mailboxes", sent, got)
	}
}

// BenchmarkFigureSMTP is letters of 4 KiB from SMTP to being durable, on two processors for server and senders together.
func BenchmarkFigureSMTP(b *testing.B) {
	const turns, connections, messages = 5, 64, 8000
	b.Run("SMTP_to_durable,_64_connections,_4_KiB,_2_cores_with_senders", func(b *testing.B) {
		confine(b, 2)
		m := newLetters()
		box, sink := startSelf(b, "sanduk", scratch(b)), startSelf(b, "sink", scratch(b))
		defer box.stop()
		defer sink.stop()
		var busy figure.Busy
		var used time.Duration
		rates := figure.InTurn(turns,
			func() float64 {
				before := box.cpu(b)
				rate := busy.During(b, func() float64 { return m.rate(b, box.smtp, connections, messages, nil) })
				used += box.cpu(b) - before
				return rate
			},
			func() float64 { return m.rate(b, sink.smtp, connections, messages, nil) })
		figure.AtLeast(b, rates.Median(0), "msgs/s", 5000)
		b.ReportMetric(rates.Median(1), "sink-msgs/s")
		b.ReportMetric(float64(used.Microseconds())/(turns*messages), "server-cpu-µs/msg")
		b.ReportMetric(busy.Percent(), "%cpu")
	})
}

// confine keeps the process, and those that it starts, to so many processors for the length of a benchmark.
func confine(b *testing.B, processors int) {
	b.Helper()
	var before, few unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		b.Fatal(err)
	}
	for n := 0; few.Count() < min(processors, before.Count()); n++ {
		if before.IsSet(n) {
			few.Set(n)
		}
	}
	procs := runtime.GOMAXPROCS(few.Count())
	pin := func(set *unix.CPUSet) {
		for range 2 { // a thread that was started meanwhile by one that was not confined yet
			threads, err := os.ReadDir("/proc/self/task")
			if err != nil {
				b.Fatal(err)
			}
			for _, thread := range threads {
				id, _ := strconv.Atoi(thread.Name())
				if err := unix.SchedSetaffinity(id, set); err != nil && err != unix.ESRCH {
					b.Fatal(err)
				}
			}
		}
	}
	pin(&few)
	b.Cleanup(func() {
		pin(&before)
		runtime.GOMAXPROCS(procs)
	})
}

// BenchmarkBox is the box alone, one message for each b.N: to be profiled, and to look at system calls.
func BenchmarkBox(b *testing.B) {
	for name, m := range map[string]*mix{"letters": newLetters(), "mix": newMix()} {
		for _, r := range rounds() {
			b.Run(fmt.Sprintf("%s/connections=%d", name, r.connections), func(b *testing.B) {
				box := startSelf(b, "sanduk", scratch(b))
				defer box.stop()
				b.ResetTimer()
				before := box.cpu(b)
				b.ReportMetric(m.rate(b, box.smtp, r.connections, b.N, nil), "msgs/s")
				b.StopTimer()
				b.ReportMetric(float64((box.cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/msg")
				if got := count(b, box.imaps); got != b.N {
					b.Errorf("%d messages were acknowledged, and %d are in the mailboxes", b.N, got)
				}
			})
		}
	}
}

// rate sends one round and gives its messages per second; wait, if any, returns when all of them are in the mailboxes.
func (m *mix) rate(b *testing.B, addr string, connections, messages int, wait func() error) float64 {
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
	began := time.Now()
	m.round(b, senders, messages)
	if b.Failed() {
		b.FailNow()
	}
	if wait != nil {
		if err := wait(); err != nil {
			b.Fatal(err)
		}
	}
	return float64(messages) / time.Since(began).Seconds()
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
