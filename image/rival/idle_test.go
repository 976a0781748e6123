package rival

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/figure"
)

// devices is how many connections each person has of those in IDLE.
const devices = 4

// BenchmarkFigureIdle is 200 connections in IDLE over TLS: what each takes, and how long after the last byte of a message
// has been sent to the server they know of it.
func BenchmarkFigureIdle(b *testing.B) {
	const connections = 200
	box, rival := sides(b)
	b.Run("IMAP_IDLE,_200_connections,_TLS", func(b *testing.B) {
		own, ownGarbage := kept(b, box, connections)
		other, _ := kept(b, rival, connections)
		// Linux lets a user watch 128 things (fs.inotify.max_user_instances), and a connection of Dovecot's is one.
		ownTimes, otherTimes := told(b, box, connections, 200), told(b, rival, connections/2, 50)
		figure.AtMost(b, own, "KiB/connection", 60)
		b.ReportMetric(ownGarbage, "KiB/connection-uncollected")
		b.ReportMetric(other, "dovecot-KiB/connection")
		figure.AtMost(b, percentile(ownTimes, 99), "ms-delivery-to-EXISTS-p99", 20)
		b.ReportMetric(percentile(ownTimes, 50), "ms-p50")
		b.ReportMetric(percentile(otherTimes, 99), "dovecot-ms-p99")
		b.ReportMetric(percentile(otherTimes, 50), "dovecot-ms-p50")
	})
}

// percentile is of milliseconds.
func percentile(all []time.Duration, percent int) float64 {
	slices.Sort(all)
	return float64(all[min(len(all)-1, len(all)*percent/100)].Microseconds()) / 1000
}

// inIdle opens so many connections, of devices for each person.
func inIdle(b *testing.B, s *side, connections int) []*reader {
	b.Helper()
	all := make([]*reader, connections)
	for i := range all {
		all[i] = s.imap(b, i/devices)
		all[i].do("SELECT INBOX")
		all[i].send("x1 IDLE\r\n")
		if line := all[i].line(); !strings.HasPrefix(line, "+") {
			b.Fatalf("IDLE: %s", line)
		}
	}
	time.Sleep(time.Second) // what was said last has gone out
	return all
}

func closeAll(all []*reader) {
	for _, r := range all {
		r.close()
	}
}

// kept is the KiB that each of so many connections takes for as long as it stays; and with what is left of its log-in,
// which the collector has not had a reason to come for.
func kept(b *testing.B, s *side, connections int) (each, uncollected float64) {
	b.Helper()
	for i := range connections / devices { // each has logged in before
		r := s.imap(b, i)
		r.do("SELECT INBOX")
		r.close()
	}
	s.tidy()
	before := s.memory()
	defer closeAll(inIdle(b, s, connections))
	taken := func() float64 { return float64(s.memory()-before) / 1024 / float64(connections) }
	uncollected = taken()
	s.tidy()
	return taken(), uncollected
}

// told are the times until each connection in IDLE of those to whom messages go says EXISTS.
func told(b *testing.B, s *side, connections, deliveries int) (times []time.Duration) {
	b.Helper()
	all := inIdle(b, s, connections)
	defer closeAll(all)
	letters, to := newLetters(), s.sender(b)
	defer to.conn.Close()
	for i := range deliveries {
		who := i % (connections / devices)
		if err := to.say("MAIL FROM:<bench@elsewhere.test>\r\nRCPT TO:<"+person(who)+">\r\nDATA\r\n", "250", "250", "354"); err != nil {
			b.Fatal(err)
		}
		var waiting sync.WaitGroup
		took := make([]time.Duration, devices)
		began := time.Now()
		for device := range devices {
			waiting.Go(func() {
				r := all[who*devices+device]
				r.exists(i/(connections/devices)+1, began.Add(late))
				took[device] = time.Since(began)
			})
		}
		if err := to.say(letters.texts[i%len(letters.texts)], "250"); err != nil {
			b.Fatal(err)
		}
		waiting.Wait()
		times = append(times, took...)
		time.Sleep(10 * time.Millisecond) // one delivery does not wait for another's
	}
	return times
}

// late is when a connection is no longer waited for: sessions of Dovecot's in one mailbox at times leave each other
// untold of a message until they look by themselves, half a minute later.
const late = 2 * time.Second

// exists waits until so many messages are told of, or until it is too late.
func (r *reader) exists(messages int, until time.Time) {
	r.b.Helper()
	if err := r.conn.SetReadDeadline(until); err != nil {
		r.b.Error(err)
	}
	for n := 0; n < messages; {
		line, err := r.in.ReadString('\n')
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if err != nil {
			r.b.Errorf("waiting for EXISTS: %v", err)
			return
		}
		if strings.Contains(line, " EXISTS") {
			_, _ = fmt.Sscanf(line, "* %d", &n) // 0 is too few
		}
	}
}

// sender connects to where mail comes in.
func (s *side) sender(b *testing.B) *sender {
	b.Helper()
	conn, err := net.Dial("tcp", s.delivers)
	if err != nil {
		b.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(5 * readTime)); err != nil {
		b.Fatal(err)
	}
	to := &sender{conn, bufio.NewReader(conn)}
	if err := to.expect("220"); err != nil {
		b.Fatal(err)
	}
	if err := to.say(s.greeting+" bench.elsewhere.test\r\n", "250"); err != nil {
		b.Fatal(err)
	}
	return to
}

// BenchmarkFigureLogin is log-ins by 8 at once, each over a TLS connection of its own. The box knows a right password
// again for some time; the first of each account is what its hash takes. Dovecot compares nothing here.
func BenchmarkFigureLogin(b *testing.B) {
	const workers, each = 8, 250
	box, rival := sides(b)
	b.Run("IMAP_log-ins,_8_connections,_TLS", func(b *testing.B) {
		round := func(s *side, logins int) float64 {
			began := time.Now()
			var all sync.WaitGroup
			for w := range workers {
				all.Go(func() {
					for i := range logins {
						r := s.imap(b, w+i*workers)
						r.send("x1 LOGOUT\r\n")
						r.answer("LOGOUT")
						r.close()
					}
				})
			}
			all.Wait()
			if b.Failed() { // one of them
				b.FailNow()
			}
			return float64(workers*logins) / time.Since(began).Seconds()
		}
		box.tidy()
		before := box.memory()
		first := round(box, people/workers)
		memory := box.memory() - before
		c := compared(3, box, rival, func(s *side) float64 { return round(s, each) })
		figure.AtLeast(b, c.Median(0), "log-ins/s", 1000)
		b.ReportMetric(c.Median(1), "dovecot-log-ins/s")
		b.ReportMetric(first, "first-log-ins/s")
		b.ReportMetric(float64(memory)/(1<<20), "MiB-after-first")
		b.ReportMetric(float64(c.used[0].Microseconds())/(workers*each), "cpu-µs/log-in")
		b.ReportMetric(float64(c.used[1].Microseconds())/(workers*each), "dovecot-cpu-µs/log-in")
	})
}

// BenchmarkFigureDrain is a program that fetches everything by POP3 over TLS and deletes it, one command after the other.
func BenchmarkFigureDrain(b *testing.B) {
	const messages, turns = 10_000, 3
	box, rival := sides(b)
	for who := range turns + 1 {
		box.fill(b, who, messages, letter)
		rival.fill(b, who, messages, letter)
	}
	b.Run("POP3_drain,_10,000", func(b *testing.B) {
		turn := map[*side]int{}
		rates(b, turns, box, rival, "msgs/s", 1.5, func(s *side) float64 {
			r := s.open(b, s.pop3s)
			defer r.close()
			who := turn[s]
			turn[s]++
			began := time.Now()
			r.pop("USER "+person(who), false)
			r.pop("PASS "+password, false)
			r.pop("STAT", false)
			r.pop("LIST", true)
			r.pop("UIDL", true)
			for i := range messages {
				r.pop(fmt.Sprintf("RETR %d", i+1), true)
				r.pop(fmt.Sprintf("DELE %d", i+1), false)
			}
			r.pop("QUIT", false)
			return messages / time.Since(began).Seconds()
		})
	})
}

// pop gives a POP3 command and reads the answer, up to the dot where it has lines.
func (r *reader) pop(command string, lines bool) {
	r.b.Helper()
	r.send(command + "\r\n")
	if line := r.line(); !strings.HasPrefix(line, "+OK") {
		r.b.Fatalf("%s: %s", command, line)
	}
	for lines {
		line, err := r.in.ReadSlice('\n')
		if err != nil {
			r.b.Fatal(err)
		}
		lines = string(line) != ".\r\n"
	}
}
