package imapd

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/flate"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/mailtest"
)

// deflated is text as a client with COMPRESS sends it: nothing is held back.
func deflated(t testing.TB, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// compressedConn is a client's connection with COMPRESS on. Its window lasts from
// one command to the next, as with zlib.
type compressedConn struct {
	net.Conn
	out *flate.Writer
	in  io.Reader
}

func newCompressedConn(t testing.TB, c net.Conn) *compressedConn {
	t.Helper()
	w, err := flate.NewWriter(c, flate.DefaultCompression)
	if err != nil {
		t.Fatal(err)
	}
	return &compressedConn{Conn: c, out: w, in: flate.NewReader(c)}
}

func (c *compressedConn) Read(p []byte) (int, error) { return c.in.Read(p) }

func (c *compressedConn) Write(p []byte) (int, error) {
	if _, err := c.out.Write(p); err != nil {
		return 0, err
	}
	return len(p), c.out.Flush()
}

// say sends a line, if there is one, and reads to the line that begins with want.
func say(t testing.TB, c net.Conn, line, want string) {
	t.Helper()
	if line != "" {
		if _, err := c.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	var got []byte
	for one := make([]byte, 1); ; {
		if _, err := c.Read(one); err != nil {
			t.Fatalf("after %.40q: got %q, %v; want %q", line, got, err, want)
		}
		if got = append(got, one[0]); one[0] != '\n' {
			continue
		}
		if strings.HasPrefix(string(got), want) {
			return
		}
		got = got[:0]
	}
}

// dialCompressed logs in and turns compression on, over TLS or in the clear.
func (b *box) dialCompressed(overTLS bool) (net.Conn, error) {
	b.t.Helper()
	listener := b.plain
	if overTLS {
		listener = b.implicit
	}
	c, err := listener.Dial()
	if err != nil {
		return nil, err
	}
	if overTLS {
		c = tls.Client(c, b.clientTLS)
	}
	say(b.t, c, "", "* OK")
	say(b.t, c, "x LOGIN alice@example.test secret\r\n", "x OK")
	say(b.t, c, "y COMPRESS DEFLATE\r\n", "y OK COMPRESS completed")
	return newCompressedConn(b.t, c), nil
}

// TestCompress talks through DEFLATE: every answer is there when it is due, in IDLE
// too, literals go both ways, and there is no second layer.
func TestCompress(t *testing.T) {
	t.Parallel()
	for _, overTLS := range []bool{false, true} {
		b := newBox(t)
		b.fixture()
		runner := mailtest.Runner{Dial: func() (net.Conn, error) { return b.dialCompressed(overTLS) }}
		runner.Run(t, "compressed", `
1C: a COMPRESS DEFLATE
1S: a NO [COMPRESSIONACTIVE] DEFLATE is on already
1C: b SELECT INBOX
1S: ...
1S: /b OK .*/
1C: c IDLE
1S: + idling
2C: a APPEND INBOX {12}
2S: + OK
2C8: "Subject: x\r\n" "\r\n"
2S: /a OK .APPENDUID .*/
1S: * 5 EXISTS
1S: /\* \d RECENT/
1C: DONE
1S: c OK IDLE completed
1C: d FETCH 5 BODY.PEEK[]
1S: * 5 FETCH (BODY[] {12}
1S: Subject: x
1S: )
1S: d OK FETCH completed
1C: e FOO
1S: e BAD There is no command FOO
1C: f LOGOUT
1S: * BYE Goodbye
1S: f OK LOGOUT completed
1S.
`)
	}
}

// TestCompressLarge brings a message that can't be compressed, and one that can,
// through many buffers.
func TestCompressLarge(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	c, err := b.dialCompressed(false)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, text := range []string{strings.Repeat("x", 300_000), noise(300_000)} {
		var sending sync.WaitGroup
		sending.Go(func() { _, _ = c.Write([]byte("a APPEND INBOX {300000+}\r\n" + text + "\r\n")) })
		say(t, c, "", "a OK")
		sending.Wait()
		say(t, c, "b SELECT INBOX\r\n", "b OK")
		say(t, c, "c FETCH * BODY.PEEK[]\r\n", "* ")
		got := make([]byte, len(text))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
			t.Fatalf("the message came back otherwise (%v)", err)
		}
		say(t, c, "", "c OK")
	}
}

// noise is n bytes of ASCII that DEFLATE makes little of.
func noise(n int) string {
	out, x := make([]byte, n), uint32(1)
	for i := range out {
		x = x*1664525 + 1013904223
		out[i] = byte(x>>24)%94 + 33
	}
	return string(out)
}

// TestCompressZlib says what zlib made of a session with the flushes that clients use,
// of which mbsync's ends between two bytes; the answer to each has to come before the
// next.
func TestCompressZlib(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("inflate/testdata/*.zlib")
	if err != nil || len(files) == 0 {
		t.Fatalf("recorded sessions: %q, %v", files, err)
	}
	for _, name := range files {
		b := newBox(t)
		c, err := b.dialCompressed(true)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		raw := c.(*compressedConn).Conn
		recorded, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(recorded)) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			code, text, _ := strings.Cut(line, " ")
			piece, err := hex.DecodeString(code)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := raw.Write(piece); err != nil {
				t.Fatal(err)
			}
			tag, command, _ := strings.Cut(text, " ")
			switch {
			case strings.HasPrefix(command, "IDLE"):
				say(t, c, "", "+ idling")
			case strings.HasPrefix(text, "DONE"):
				say(t, c, "", "a10 OK")
			default:
				say(t, c, "", tag+" OK")
			}
		}
	}
}

// TestCompressUnauthenticate: compression ends with the log-in, and the next one may
// turn it on again (RFC 8437 §4.1).
func TestCompressUnauthenticate(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	c, err := b.dialCompressed(true)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	say(t, c, "a UNAUTHENTICATE\r\nb NOOP\r\n", "a BAD Wait for the answer")
	say(t, c, "", "b OK")
	say(t, c, "c UNAUTHENTICATE\r\n", "c OK")
	plain := c.(*compressedConn).Conn
	say(t, plain, "d LOGIN alice@example.test secret\r\n", "d OK")
	say(t, plain, "e COMPRESS DEFLATE\r\n", "e OK")
	say(t, newCompressedConn(t, plain), "f NOOP\r\n", "f OK")
}

// TestCompressHostile: a few bytes that inflate to a line without end meet the limit
// of a line, and what is no DEFLATE ends the session with words.
func TestCompressHostile(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	c, err := b.dialCompressed(false)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	bomb := strings.Repeat("x", userLimits().Line+1)
	say(t, c, bomb+"\r\n", "* BAD")
	say(t, c, "b NOOP\r\n", "b OK")
	raw := c.(*compressedConn).Conn
	if _, err := raw.Write([]byte("\xff\xff\xff\xff\xff\xff")); err != nil {
		t.Fatal(err)
	}
	say(t, c, "", "* BYE What came is not compressed as COMPRESS=DEFLATE asks")
}

// TestCompressDeadlines: a stalled client ends as without compression, also where
// half a block has come.
func TestCompressDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t)
		c, err := b.dialCompressed(false)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		start := time.Now()
		say(t, c, "a NO", "* BYE Nothing was heard for too long")
		if d := time.Since(start); d != readStall {
			t.Errorf("the session ended after %v, want %v", d, readStall)
		}
	})
}

// TestCompressMemory: a session in IDLE keeps what it has been told, to inflate with, and no more.
func TestCompressMemory(t *testing.T) {
	b := newBox(t)
	b.put("INBOX", mail.Flags{}, noise(50_000))
	const sessions, most = 200, 16 << 10
	var conns []*compressedConn
	for range sessions {
		c, err := b.dialCompressed(false)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c.(*compressedConn))
		say(t, c, "a SELECT INBOX\r\n", "a OK")
		say(t, c, "b FETCH 1 BODY.PEEK[]\r\n", "b OK")
		say(t, c, "c IDLE\r\n", "+ idling")
	}
	for _, c := range conns { // the client's own side is not what we ask about
		c.in, c.out = nil, nil
	}
	before := heap()
	for _, c := range conns {
		_ = c.Close()
	}
	ctx := t.Context()
	if err := b.server.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	each := (before - heap()) / sessions
	t.Logf("%d bytes for each session", each)
	if each > most {
		t.Errorf("a session that waits keeps %d bytes, want %d at most", each, most)
	}
}

// heap is what is in use after two collections: the first empties the pools' spares.
func heap() int64 {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
