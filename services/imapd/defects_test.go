package imapd

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// The tests of this file are each about a defect that another IMAP server had
// when ours was begun.

func nilFlags() mail.Flags { return mail.Flags{} }

// TestDefectLiteral: what does not fit is never executed, neither in LOGIN before
// log-in, nor in APPEND, nor behind an over-long line.
func TestDefectLiteral(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.runner().Run(t, "literal", `
S: /\* OK .*/
C8: "a LOGIN x {4220+}\r\n" "z LOGIN alice@example.test secret\r\n"*120 "12345678901234567890" "\r\n"
S: a BAD A literal of 4220 bytes is too large here
C: b LOGIN alice@example.test secret
S: /b OK .*/
C8: "c APPEND INBOX {2000000+}\r\n" "z DELETE Archive\r\n"*111111 "12" "\r\n"
S: c NO [TOOBIG] The message is larger than this server accepts
C8: "d SELECT " "x"*60000 "\r\n" "e SELECT " "x z DELETE Archive "*6000 "\r\n"
S: d NO [NONEXISTENT] There is no such mailbox
S: e BAD Expected "(" before "z"
C: f STATUS Archive (MESSAGES)
S: * STATUS Archive (MESSAGES 0)
S: f OK STATUS completed
`)
}

// TestDefectMemory: a stranger's SEARCH costs no memory, whatever stands in it.
func TestDefectMemory(t *testing.T) {
	b := newBox(t)
	const connections, limit = 20, 256 << 10
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	conns := make([]net.Conn, connections)
	for i := range conns {
		c, err := b.plain.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns[i] = c
		// Not ended: the server has to hold whatever it keeps.
		if _, err := io.WriteString(c, "a SEARCH "+strings.Repeat("(", 60_000)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range conns {
		buf := make([]byte, 1)
		if _, err := c.Read(buf); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / connections; each > limit {
		t.Errorf("%d bytes for each connection, want %d at most", each, limit)
	}
}

// TestDefectChildless: a multipart without children in a digest does not end the
// session.
func TestDefectChildless(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	s := &session{w: wire.NewWriter(&wire.Buffers{}, &out)}
	s.writeBody(&message.Part{Type: "multipart", Subtype: "mixed"}, true)
	if err := s.w.Flush(); err != nil {
		t.Fatal(err)
	}
	if want := `(("text" "plain" NIL NIL NIL "7bit" 0 0) "mixed" NIL NIL NIL NIL)`; out.String() != want {
		t.Errorf("BODYSTRUCTURE: got %s, want %s", out.String(), want)
	}
}

// TestDefectSmaller: SMALLER holds beside later keys.
func TestDefectSmaller(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.fixture()
	b.runner().Run(t, "smaller", `
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK .*/
C: b SELECT INBOX
S: ...
S: /b OK .*/
C: c SEARCH SMALLER 230 LARGER 10 ALL UNDELETED
S: * SEARCH 1
S: c OK SEARCH completed
C: d SEARCH SMALLER 230 SMALLER 160
S: * SEARCH 4
S: d OK SEARCH completed
`)
}

// TestDefectIdle: IDLE tells what came just before it (see idle.dialogue too).
func TestDefectIdle(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.runner().Run(t, "idle", `
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK .*/
C: b SELECT INBOX
S: ...
S: /b OK .*/
2S: /\* OK .*/
2C: a LOGIN alice@example.test secret
2S: /a OK .*/
2C8: "b APPEND INBOX {3+}\r\na\r\n\r\n"
2S: /b OK .*/
C: c IDLE
S: + idling
S: * 1 EXISTS
S: * 1 RECENT
`)
}

// slowConn is a line that lets a few bytes through at a time.
type slowConn struct {
	net.Conn
	piece int
	pause time.Duration
}

func (c *slowConn) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		n, err := c.Conn.Write(p[written:min(len(p), written+c.piece)])
		written += n
		if err != nil {
			return written, err
		}
		time.Sleep(c.pause)
	}
	return written, nil
}

// TestDefectDeadline: a message that takes an hour arrives, in both directions; a
// client that stalls is cut off.
func TestDefectDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t)
		const size = 256 << 10 // at 4 KiB a minute
		slow := func() (net.Conn, error) {
			c, err := b.plain.Dial()
			return &slowConn{c, 4 << 10, time.Minute}, err
		}
		runner := b.runner()
		runner.Dial = slow
		runner.Timeout = 3 * time.Hour
		runner.Run(t, "slow upload", fmt.Sprintf(`
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK .*/
C: b APPEND INBOX {%d}
S: + OK
C8: "x"*%d
C:
S: /b OK .*/
C: c APPEND INBOX {%d}
S: + OK
C8: "x"*10
wait 59s
C8: "x"
S-
wait 121s
S: * BYE Nothing was heard for too long
S.
`, size, size, size))
	})
}

// TestDefectSlowReader: output goes on as long as the client reads, however
// slowly, and ends when it stops.
func TestDefectSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t)
		b.put("INBOX", mail.Flags{}, strings.Repeat("x", testMaxSize-10))
		c, err := b.plain.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "a LOGIN alice@example.test secret\r\nb SELECT INBOX\r\nc FETCH 1 BODY[]\r\n"); err != nil {
			t.Fatal(err)
		}
		total := 0
		buf := make([]byte, 8<<10)
		for total < 600<<10 { // the rest is more than the connection's buffer
			n, err := c.Read(buf)
			if err != nil {
				t.Fatalf("after %d bytes in %v: %v", total, time.Now(), err)
			}
			total += n
			time.Sleep(4 * time.Minute)
		}
		time.Sleep(6 * time.Minute) // and now it stops
		synctest.Wait()
		rest, _ := io.Copy(io.Discard, c)
		if got := int64(total) + rest; got >= testMaxSize {
			t.Errorf("%d bytes came, though the client had stopped reading", got)
		}
	})
}

// countingConn counts writes.
type countingConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// TestDefectFlush: responses are written 16 KiB at a time, not line by line.
func TestDefectFlush(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	var texts []string
	for i := range 1000 {
		texts = append(texts, fmt.Sprintf("Subject: %d\n\nx\n", i))
	}
	b.put("INBOX", mail.Flags{}, texts...)
	client, server := net.Pipe()
	counter := &countingConn{server, new(atomic.Int64)}
	go newSession(b.server, addressed{counter}, Mode{}).Serve()
	go func() {
		_, _ = io.WriteString(client, "a LOGIN alice@example.test secret\r\nb SELECT INBOX\r\nc FETCH 1:* (FLAGS UID)\r\nd LOGOUT\r\n")
	}()
	out, err := io.ReadAll(client)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(out), "FETCH ("); got != 1000 {
		t.Errorf("got %d FETCH responses, want 1000", got)
	}
	if got, most := counter.writes.Load(), int64(len(out)/(16<<10)+6); got > most {
		t.Errorf("%d bytes were written in %d pieces, want %d at most", len(out), got, most)
	}
}

// addressed gives a pipe an address.
type addressed struct{ net.Conn }

func (addressed) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.9:1"))
}

// TestPanic: a programmer's error ends its own session alone, and is counted.
func TestPanic(t *testing.T) {
	t.Parallel()
	b := newBox(t, func(o *Options) {
		open := o.Open
		o.Open = func(ctx context.Context, id mail.AccountID) (Account, error) {
			a, err := open(ctx, id)
			return panicking{a}, err
		}
	})
	b.runner().Run(t, "panic", `
2S: /\* OK .*/
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK .*/
C: b LIST "" *
S.
2C: a NOOP
2S: a OK NOOP completed
`)
	if got := b.server.panics.Swap(0); got != 1 {
		t.Errorf("Panics: got %d, want 1", got)
	}
	if !strings.Contains(b.log.String(), "oops") {
		t.Errorf("the log does not have the panic:\n%s", b.log)
	}
}

// panicking is an account whose Mailboxes has a programmer's error.
type panicking struct{ Account }

func (panicking) Mailboxes(context.Context) ([]mail.Mailbox, error) { panic("oops") }

// TestPanicAtLogIn: a log-in that ends in a programmer's error does not count as
// one of the account's sessions for ever.
func TestPanicAtLogIn(t *testing.T) {
	t.Parallel()
	b := newBox(t, func(o *Options) {
		o.Open = func(context.Context, mail.AccountID) (Account, error) { panic("oops") }
	})
	b.runner().Run(t, "panic", "S: /\\* OK .*/\nC: a LOGIN alice@example.test secret\nS.")
	if got := b.server.panics.Swap(0); got != 1 {
		t.Errorf("Panics: got %d, want 1", got)
	}
	b.server.mu.Lock()
	defer b.server.mu.Unlock()
	if n := b.server.accounts[alice]; n != 0 {
		t.Errorf("sessions of the account: got %d, want 0", n)
	}
}

// TestPickedHeaders: the header fields that one FETCH holds in memory are bounded.
func TestPickedHeaders(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.put("INBOX", mail.Flags{}, "Subject: large\n"+strings.Repeat("X-Filler: "+strings.Repeat("x", 80)+"\n", 10_000)+"\n")
	item := " BODY.PEEK[HEADER.FIELDS.NOT (Subject)]"
	b.runner().Run(t, "picked", `
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK .*/
C: b SELECT INBOX
S: ...
S: /b OK .*/
C: c FETCH 1 (UID`+strings.Repeat(item, 90)+`)
S: c NO [LIMIT] These header fields are too much to be fetched at once
C: d FETCH 1 (UID`+strings.Repeat(item+"<0.1>", 4)+`)
S: ...
S: d OK FETCH completed
`)
}
