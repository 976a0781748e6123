package main

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/sanduk-mail/sanduk/services/figure"
)

// maxResident is what maild may take of a box with 512 MB, in bytes.
const maxResident = 300e6

// load is how much is asked of it.
type load struct {
	imported int64 // bytes, half by SMTP and half by APPEND
	large    int64 // bytes of one message
	people   int
}

// TestMemory is the short form of what BenchmarkFigureMemory measures.
func TestMemory(t *testing.T) {
	measureMemory(t, load{imported: 48 << 20, large: 24 << 20, people: 12}, func(what string, peak, rest int64) {
		t.Logf("%s: at most %d MB resident, %d MB afterwards", what, peak/1e6, rest/1e6)
		if peak > maxResident {
			t.Errorf("%s: %d MB resident; want at most %d", what, peak/1e6, int64(maxResident)/1e6)
		}
	})
}

// BenchmarkFigureMemory is what a process of maild has resident at most, while a long import, a large message and a whole
// office are served.
func BenchmarkFigureMemory(b *testing.B) {
	type row struct {
		what       string
		peak, rest int64
	}
	var rows []row
	measureMemory(b, load{imported: 2 << 30, large: 100 << 20, people: 300}, func(what string, peak, rest int64) {
		rows = append(rows, row{what, peak, rest})
	})
	for _, r := range rows {
		b.Run(strings.ReplaceAll("memory:_"+r.what, " ", "_"), func(b *testing.B) {
			figure.AtMost(b, float64(r.peak)/1e6, "MB-resident", maxResident/1e6)
			b.ReportMetric(float64(r.rest)/1e6, "MB-afterwards")
		})
	}
}

// measureMemory puts the loads on a process of maild, one after the other.
func measureMemory(tb testing.TB, l load, report func(what string, peak, rest int64)) {
	tb.Helper()
	m := startMaild(tb, l.people)
	measure := func(what string, run func()) {
		m.forgetPeak(tb)
		run()
		peak := m.resident(tb, "VmHWM:")
		report(what, peak, m.resident(tb, "VmRSS:"))
	}
	text := attachment(1 << 20)
	measure(fmt.Sprintf("import of %d MiB", l.imported>>20), func() { m.importMail(tb, text, l.imported) })
	measure(fmt.Sprintf("a message of %d MiB, in and out", l.large>>20), func() { m.largeMessage(tb, text, l.large) })
	measure(fmt.Sprintf("%d people at once", l.people), func() { m.everybody(tb, l.people, text[:60<<10]) })
}

// maild is a process of it, with a development machine and sockets of its own.
type maild struct {
	id          int
	smtp, imaps string
}

// startMaild starts it, set up for so many people.
func startMaild(tb testing.TB, people int) *maild {
	tb.Helper()
	p := newProcess(tb, people, "--memory", "536870912")
	p.start()
	c := dialSMTP(tb, p.addrs["smtp"]) // waits in the backlog until it is set up
	c.close()
	return &maild{id: p.cmd.Process.Pid, smtp: p.addrs["smtp"], imaps: p.addrs["imaps"]}
}

// forgetPeak makes the peak what is resident now (proc(5), clear_refs).
func (m *maild) forgetPeak(tb testing.TB) {
	tb.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", m.id), []byte("5"), 0); err != nil {
		tb.Fatal(err)
	}
}

// resident reads a line of /proc/PID/status, in bytes.
func (m *maild) resident(tb testing.TB, name string) int64 {
	tb.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.id))
	if err != nil {
		tb.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), name)
	var kib int64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		tb.Fatalf("%s in /proc/%d/status: %v", name, m.id, err)
	}
	return kib << 10
}

// attachment is a message of about so many bytes, in base64 of what does not compress.
func attachment(size int) string {
	r := rand.New(rand.NewPCG(1, 1))
	var b strings.Builder
	b.WriteString("From: a@elsewhere.test\r\nSubject: scan\r\nMIME-Version: 1.0\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	for raw := make([]byte, 57); b.Len() < size; {
		for i := range raw {
			raw[i] = byte(r.Uint32())
		}
		b.WriteString(base64.StdEncoding.EncodeToString(raw) + "\r\n")
	}
	return b.String()
}

// importMail brings so many bytes in messages of 1 MiB, 60 and 4 KiB, half by SMTP and half by APPEND, eight at a time.
func (m *maild) importMail(tb testing.TB, text string, size int64) {
	tb.Helper()
	letter := func(i int) string { return text[:[]int{1 << 20, 60 << 10, 4 << 10, 60 << 10}[i%4]] }
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			share, i := size/8, 0
			if worker%2 == 0 {
				c := dialSMTP(tb, m.smtp)
				defer c.close()
				for ; share > 0; i++ {
					c.send(tb, person(i%12), letter(i))
					share -= int64(len(letter(i)))
				}
				return
			}
			c := m.login(tb, worker)
			defer c.Close()
			for ; share > 0; i++ {
				appendMail(tb, c, letter(i), 1)
				share -= int64(len(letter(i)))
			}
		})
	}
	all.Wait()
}

// largeMessage sends one by SMTP, appends one, and reads both.
func (m *maild) largeMessage(tb testing.TB, text string, size int64) {
	tb.Helper()
	times := int(size/int64(len(text))) + 1
	s := dialSMTP(tb, m.smtp)
	s.send(tb, person(1), strings.Repeat(text, times))
	s.close()
	c := m.login(tb, 1)
	defer c.Close()
	appendMail(tb, c, text, times)
	selected, err := c.Select("INBOX", nil).Wait()
	if err != nil {
		tb.Error(err)
		return
	}
	var set imap.SeqSet
	set.AddRange(selected.NumMessages-1, selected.NumMessages)
	fetch := c.Fetch(set, &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{{Peek: true}}})
	defer fetch.Close()
	for msg := fetch.Next(); msg != nil; msg = fetch.Next() {
		for item := msg.Next(); item != nil; item = msg.Next() {
			body, ok := item.(imapclient.FetchItemDataBodySection)
			if !ok {
				continue
			}
			if n, err := io.Copy(io.Discard, body.Literal); err != nil || n < int64(times*len(text)) {
				tb.Errorf("%d bytes came out, %v; want %d or more", n, err, times*len(text))
			}
		}
	}
}

// everybody logs in at once, stays, and gets a message.
func (m *maild) everybody(tb testing.TB, people int, text string) {
	tb.Helper()
	var all, here sync.WaitGroup
	here.Add(people)
	for i := range people {
		all.Go(func() {
			c := m.login(tb, i)
			defer c.Close()
			_, err := c.Select("INBOX", nil).Wait()
			here.Done()
			if err != nil {
				tb.Error(err)
				return
			}
			here.Wait()
			s := dialSMTP(tb, m.smtp)
			defer s.close()
			s.send(tb, person((i+1)%people), text)
		})
	}
	all.Wait()
}

func (m *maild) login(tb testing.TB, i int) *imapclient.Client {
	c, err := imapclient.DialTLS(m.imaps, &imapclient.Options{TLSConfig: &tls.Config{InsecureSkipVerify: true}})
	if err != nil {
		tb.Error(err)
		return nil
	}
	if err := c.Login(person(i), testPassword).Wait(); err != nil {
		tb.Error(err)
	}
	return c
}

// appendMail appends a message that is text so many times over.
func appendMail(tb testing.TB, c *imapclient.Client, text string, times int) {
	cmd := c.Append("INBOX", int64(len(text)*times), nil)
	for range times {
		if _, err := io.WriteString(cmd, text); err != nil {
			tb.Error(err)
		}
	}
	if err := cmd.Close(); err != nil {
		tb.Error(err)
	}
	if _, err := cmd.Wait(); err != nil {
		tb.Error(err)
	}
}

// smtpClient is the least a client can do: pipelined commands, ready-made text.
type smtpClient struct {
	conn net.Conn
	in   *bufio.Reader
}

func dialSMTP(tb testing.TB, addr string) *smtpClient {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Error(err)
		return nil
	}
	if err := conn.SetDeadline(time.Now().Add(10 * time.Minute)); err != nil {
		tb.Error(err)
	}
	c := &smtpClient{conn, bufio.NewReader(conn)}
	c.expect(tb, "220")
	c.say(tb, "EHLO memory.test\r\n", "250")
	return c
}

func (c *smtpClient) send(tb testing.TB, to, text string) {
	c.say(tb, "MAIL FROM:<a@elsewhere.test>\r\nRCPT TO:<"+to+">\r\nDATA\r\n", "250", "250", "354")
	c.say(tb, text, "")
	c.say(tb, "\r\n.\r\n", "250")
}

// say sends text and reads the replies, none for "".
func (c *smtpClient) say(tb testing.TB, text string, replies ...string) {
	if _, err := io.WriteString(c.conn, text); err != nil {
		tb.Error(err)
	}
	for _, reply := range replies {
		if reply != "" {
			c.expect(tb, reply)
		}
	}
}

func (c *smtpClient) expect(tb testing.TB, code string) {
	for {
		line, err := c.in.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, code) {
			tb.Errorf("got reply %q, %v; want %s", line, err, code)
			return
		}
		if line[3] == ' ' {
			return
		}
	}
}

func (c *smtpClient) close() { c.conn.Close() }
