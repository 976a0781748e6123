package office

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/services/figure"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
)

// BenchmarkFigureRecipients sends a message of 4 KiB to one person and to 200, in turns: how long it takes until it is
// acknowledged, and until everybody who watches his account has been told and finds it in his INBOX.
func BenchmarkFigureRecipients(b *testing.B) {
	const people, turns = 200, 51
	dir := b.TempDir()
	o := startOffice(b, dir)
	o.setUpNow(b, people)
	if err := o.stop(); err != nil {
		b.Fatal(err)
	}
	o = startOffice(b, dir) // now the accounts have their indexes
	c := dialBench(b, o.addrs["smtp"])
	var to []*recipient
	for i := range people {
		to = append(to, o.recipient(b, fmt.Sprintf("person%03d", i)))
	}
	b.Run("one_message_to_200_recipients,_up_to_250", func(b *testing.B) {
		number := 0
		var visible []float64
		var used, waited float64 // what all cost more than one: of the processors, and of time
		send := func(to []*recipient) func() float64 {
			return func() float64 {
				number++
				l := newBenchMail(to, number)
				began, before := time.Now(), processorTime(b)
				if err := c.send(l); err != nil {
					b.Fatal(err)
				}
				acknowledged := milliseconds(began)
				if spent := processorTime(b) - before; len(to) > 1 {
					used, waited = used+spent, waited+acknowledged
				} else {
					used, waited = used-spent, waited-acknowledged
				}
				for _, r := range to {
					r.find(b)
				}
				if len(to) > 1 {
					visible = append(visible, milliseconds(began))
				}
				return acknowledged
			}
		}
		var busy figure.Busy
		var took figure.Turns
		busy.During(b, func() float64 {
			took = figure.InTurn(turns, send(to[:1]), send(to))
			return 0
		})
		figure.AtMost(b, took.Ratio(1, 0), "x-one-recipient", 3)
		slices.Sort(visible)
		figure.AtMost(b, visible[len(visible)*95/100], "ms-visible-in-all,p95", 100)
		b.ReportMetric(took.Median(0), "ms-one")
		b.ReportMetric(took.Median(1), "ms-200")
		b.ReportMetric(busy.Percent(), "%cpu")
		// Client and server work by turns: what one processor does is all there is for
		// those beyond the first.
		b.ReportMetric(min(100, 100*used/waited), "%one-processor")
	})
}

// processorTime is what this process has used of the processors, in milliseconds.
func processorTime(t testing.TB) float64 {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e6
}

func milliseconds(since time.Time) float64 { return time.Since(since).Seconds() * 1000 }

// recipient is somebody who watches his account.
type recipient struct {
	address string
	account *store.Account
	watch   *mail.Watch
	has     uint32 // messages in INBOX
}

func (o *testOffice) recipient(t testing.TB, name string) *recipient {
	t.Helper()
	r := &recipient{address: name + "@" + testDomain}
	id, err := o.directory.Resolve(t.Context(), mail.Address{Local: name, Domain: testDomain})
	if err != nil {
		t.Fatal(err)
	}
	if r.account, err = o.store.Account(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	r.watch = r.account.Watch()
	t.Cleanup(r.watch.Close)
	return r
}

// find waits to be told and looks for one message more.
func (r *recipient) find(t testing.TB) {
	t.Helper()
	select {
	case <-r.watch.C:
	case <-time.After(time.Minute):
		t.Fatalf("%s is not told of a message", r.address)
	}
	inbox, err := r.account.Mailbox(t.Context(), mail.Inbox)
	if r.has++; err != nil || inbox.Total != r.has {
		t.Fatalf("INBOX of %s has %d messages, %v; want %d", r.address, inbox.Total, err, r.has)
	}
}

// benchClient is the least a client can do: pipelined commands, ready-made text.
type benchClient struct {
	conn net.Conn
	in   *bufio.Reader
}

func dialBench(t testing.TB, addr string) *benchClient {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &benchClient{conn, bufio.NewReader(conn)}
	if err := c.expect("220"); err != nil {
		t.Fatal(err)
	}
	if err := c.say("EHLO bench.test\r\n", "250"); err != nil {
		t.Fatal(err)
	}
	return c
}

// benchMail is what a client says to send a message.
type benchMail struct {
	envelope string
	replies  []string // to it
	text     string
}

// newBenchMail is a message of 4 KiB, with a message ID of its own.
func newBenchMail(to []*recipient, number int) *benchMail {
	l := &benchMail{replies: []string{"250"}}
	var b strings.Builder
	b.WriteString("MAIL FROM:<bench@elsewhere.test>\r\n")
	for _, r := range to {
		fmt.Fprintf(&b, "RCPT TO:<%s>\r\n", r.address)
		l.replies = append(l.replies, "250")
	}
	b.WriteString("DATA\r\n")
	l.envelope, l.replies = b.String(), append(l.replies, "354")
	header := fmt.Sprintf("From: bench@elsewhere.test\r\nTo: office@%s\r\nSubject: bench\r\nMessage-ID: <%d@elsewhere.test>\r\n\r\n", testDomain, number)
	l.text = header + strings.Repeat(strings.Repeat("words of a letter ", 4)+"\r\n", 53) + ".\r\n"
	return l
}

func (c *benchClient) send(l *benchMail) error {
	if err := c.say(l.envelope, l.replies...); err != nil {
		return err
	}
	return c.say(l.text, "250")
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
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(line, []byte(code)) {
			return fmt.Errorf("got reply %q; want %s", line, code)
		}
		if line[3] == ' ' {
			return nil
		}
	}
}
