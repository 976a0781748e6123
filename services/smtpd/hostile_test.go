package smtpd

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const beginMessage = "C: MAIL FROM:<b@c.test>\nS: 250\nC: RCPT TO:<alice@example.test>\nS: 250"

// TestFaultyMessageEndsLikeAnother holds that the end of a message doesn't
// depend on what is wrong with it: behind a first fault the text is not looked
// at any more, and a line end that is only half of one must still not be taken
// for a whole one, nor a whole one in two reads be missed.
func TestFaultyMessageEndsLikeAnother(t *testing.T) {
	t.Parallel()
	const inner = "MAIL FROM:<evil@else.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\nsmuggled\r\n.\r\n"
	for name, body := range map[string]string{
		"bare CR, then a bare LF before the dot":   "a\rb\r\n\n.\r\n" + inner,
		"bare LF first":                            "a\nb\n.\r\n" + inner,
		"NUL, then CR and LF in different buffers": "\x00" + strings.Repeat("x", wireBuffer-2) + "\r\n.\r\n",
	} {
		s := newTestServer(t)
		c := dial(t, s.listen(t, Mode{}))
		c.toData()
		c.send(body)
		if got := c.expect("554 5.6.0"); !strings.Contains(got, "nothing was stored") {
			t.Errorf("%s: got reply %q", name, got)
		}
		c.dialogue("C: NOOP\nS: 250")
		s.wantMessages(t)
	}
}

// TestManyReplies: more replies than the buffer holds leave under a deadline of
// their own, long after the last flush; to a client that never reads they end.
func TestManyReplies(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	s.options.Trusted = func(netip.Addr) bool { return true } // may say NOOP for ever
	const n = 500
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		ended := make(chan struct{})
		go func() {
			newConn(s.Server, server, Mode{}).Serve()
			close(ended)
		}()
		c := &pipeClient{t, client}
		c.read("220")
		time.Sleep(2 * writeTimeout)
		go func() { _, _ = io.WriteString(client, strings.Repeat("NOOP\r\n", n)) }()
		for range n {
			c.read("250 2.0.0 OK")
		}
		go func() { _, _ = io.WriteString(client, strings.Repeat("NOOP\r\n", n)) }()
		time.Sleep(writeTimeout + time.Second)
		select {
		case <-ended:
		default:
			t.Error("a client that doesn't read holds its session")
		}
		client.Close()
		<-ended
	})
}

// pipeClient reads replies from a Pipe octet by octet, so that none is read ahead.
type pipeClient struct {
	t testing.TB
	net.Conn
}

func (c *pipeClient) read(want string) {
	c.t.Helper()
	var line []byte
	for b := make([]byte, 1); len(line) == 0 || line[len(line)-1] != '\n'; line = append(line, b[0]) {
		if _, err := io.ReadFull(c.Conn, b); err != nil {
			c.t.Fatalf("got %q, %v; want %q…", line, err, want)
		}
	}
	if !strings.HasPrefix(string(line), want) {
		c.t.Fatalf("got %q; want %q…", line, want)
	}
}

func TestHostileChunks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ sent, want string }{
		"a size that overflows": {chunk("a", false) + "BDAT 9223372036854775807 LAST\r\n", "250|552 5.3.4"},
		"a size beyond numbers": {"BDAT 9223372036854775808 LAST\r\n", "501"},
		"a tab":                 {"BDAT\t5\r\nQUIT\r\n", "500"},
		"a control character":   {"BDAT 5\x00\r\nQUIT\r\n", "501"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTestServer(t)
			c := dial(t, s.listen(t, Mode{}))
			c.expect("220")
			c.dialogue("C: EHLO client.test\nS: 250-\n" + beginMessage)
			c.send(test.sent)
			for want := range strings.SplitSeq(test.want, "|") {
				c.expect(want)
			}
			c.expectEnd()
			s.wantMessages(t)
		})
	}
}

// TestChunkIsAnsweredInTime: replies don't wait for a chunk that is on its way.
func TestChunkIsAnsweredInTime(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	c := dial(t, s.listen(t, Mode{}))
	c.expect("220")
	c.send("EHLO client.test\r\nMAIL FROM:<b@c.test>\r\nRCPT TO:<alice@example.test>\r\nBDAT 10 LAST\r\n12345")
	c.expect("250-")
	c.expect("250")
	c.expect("250")
	c.send("67890")
	c.expect("250 2.0.0 Stored")
	s.wantMessages(t, "1234567890")
}

// TestDrippingChunks: a message in chunks has no more time than one in one piece.
func TestDrippingChunks(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		ended := make(chan struct{})
		go func() {
			newConn(s.Server, server, Mode{}).Serve()
			close(ended)
		}()
		go func() { _, _ = io.Copy(io.Discard, client) }()
		_, _ = io.WriteString(client, "EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<alice@example.test>\r\n")
		for range 2 * dataGrace / commandTimeout {
			_, _ = io.WriteString(client, chunk("x", false)) // fails once the server has hung up
			time.Sleep(commandTimeout - time.Second)
		}
		select {
		case <-ended:
		default:
			t.Errorf("a message is still coming in after %v", 2*dataGrace)
		}
		client.Close()
		<-ended
	})
}

// TestShutdownOfWaiting: neither a client that says nothing in its TLS handshake
// nor one that thinks about its password holds up a shutdown.
func TestShutdownOfWaiting(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l, Mode{Submission: true, ImplicitTLS: true}) }()
	silent := dial(t, l.Addr().String())
	thinking := dial(t, l.Addr().String())
	thinking.startTLS()
	thinking.expect("220")
	thinking.dialogue("C: EHLO client.test\nS: 250-\nC: AUTH PLAIN\nS: 334")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v; want it done in time", err)
	}
	<-served
	thinking.expect("421 4.3.2")
	silent.expectEnd()
}

// TestIdleInAuth: silence in an exchange ends as silence anywhere else.
func TestIdleInAuth(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		session := newConn(s.Server, server, Mode{Submission: true})
		session.tls = &tls.ConnectionState{}
		go session.Serve()
		c := &pipeClient{t, client}
		c.read("220")
		go func() { _, _ = io.WriteString(client, "HELO c.test\r\nAUTH PLAIN\r\n") }()
		c.read("250")
		c.read("334")
		c.read("421 4.4.2")
	})
}

// TestTLSEndsProperly: the client is told that nothing was cut off. crypto/tls
// doesn't tell the two ends apart, so the records are looked at; TLS 1.2 shows
// their types.
func TestTLSEndsProperly(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	c := dial(t, s.listen(t, Mode{ImplicitTLS: true}))
	seen := &seenConn{Conn: c.Conn}
	c.Conn = tls.Client(seen, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
	c.w = newWire(c.Conn)
	c.expect("220")
	c.dialogue("C: QUIT\nS: 221")
	c.expectEnd()
	const alert = 21
	last := byte(0)
	for rest := seen.bytes.Bytes(); len(rest) >= 5; {
		last = rest[0]
		rest = rest[min(len(rest), 5+int(binary.BigEndian.Uint16(rest[3:]))):]
	}
	if last != alert {
		t.Errorf("the last TLS record is of type %d; want %d, an alert that says close_notify", last, alert)
	}
}

// seenConn remembers what it read.
type seenConn struct {
	net.Conn
	bytes bytes.Buffer
}

func (c *seenConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.bytes.Write(p[:n])
	return n, err
}

// TestSubmissionHasItsOwnRoom: the world at port 25 can't keep the office from
// sending.
func TestSubmissionHasItsOwnRoom(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	world, office := s.listen(t, Mode{}), s.listen(t, Mode{Submission: true})
	for range maxConnectionsPerAddress {
		dial(t, world).expect("220")
	}
	dial(t, world).expect("421")
	dial(t, office).expect("220")
}

// TestRefusedRecipients: who tries names out is hung up on, who has logged in
// and has an old list of addresses is not.
func TestRefusedRecipients(t *testing.T) {
	t.Parallel()
	const refused = "C: RCPT TO:<nobody@example.test>\nS: 550\n"
	s := newTestServer(t)
	c := dial(t, s.listen(t, Mode{}))
	c.expect("220")
	c.dialogue("C: EHLO client.test\nS: 250-\nC: MAIL FROM:<b@c.test>\nS: 250\n" + strings.Repeat(refused, maxRefusedRecipients))
	c.expectEnd()
	c = dial(t, s.listen(t, Mode{Submission: true, ImplicitTLS: true}))
	c.startTLS()
	c.expect("220")
	c.dialogue("C: EHLO client.test\nS: 250-\nC: AUTH PLAIN AGFsaWNlAHNlY3JldA==\nS: 235 2.7.0\nC: MAIL FROM:<alice@example.test>\nS: 250\n" +
		strings.Repeat(refused, maxRefusedRecipients+1) + "C: NOOP\nS: 250")
}

// FuzzReadDotted compares the end of a message, and what stands before it, with
// RFC 5321 §4.5.2 put in one line, however the bytes arrive and whatever is
// wrong with them.
func FuzzReadDotted(f *testing.F) {
	for _, seed := range []string{
		".\r\n", "a\r\n.\r\nrest", "a\rb\r\n\n.\r\nx\r\n.\r\n", "\x00\n.\n\r\n.\r\n", "..\r\n.\r\r\n.\r\n", "\r\n\r.\r\n\n.\r\n.\r\n",
		strings.Repeat("x", wireBuffer-1) + "\r\n.\r\n", strings.Repeat("x", wireBuffer) + "\r\n.\r\n", "no end\r\n.",
	} {
		f.Add([]byte(seed), uint8(1))
		f.Add([]byte(seed), uint8(0))
	}
	f.Fuzz(func(t *testing.T, input []byte, step uint8) {
		before, after, found := bytes.Cut(append([]byte("\r\n"), input...), []byte("\r\n.\r\n"))
		want := bytes.TrimPrefix(bytes.ReplaceAll(append(before, "\r\n"...), []byte("\r\n."), []byte("\r\n")), []byte("\r\n"))
		w := newWire(&stepConn{scriptConn{in: bytes.NewReader(input)}, int(step)})
		var got bytes.Buffer
		text := &checkedText{to: &got}
		w.newMessage()
		err := w.readDotted(text, int64(len(input))+1)
		if found != (err == nil) {
			t.Fatalf("%q: err is %v; want an end found: %v", input, err, found)
		}
		if !found {
			return
		}
		rest, err := io.ReadAll(w.in)
		if err != nil && !errors.Is(err, io.EOF) || !bytes.Equal(rest, after) {
			t.Errorf("%q: behind the end stands %q, %v; want %q", input, rest, err, after)
		}
		if text.finish() == nil && !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%q: the message is %q; want %q", input, got.Bytes(), want)
		}
		if clean := !bytes.ContainsAny(bytes.ReplaceAll(want, []byte("\r\n"), nil), "\r\n\x00"); clean != (text.finish() == nil) {
			t.Errorf("%q: finish says %v; want it clean: %v", input, text.finish(), clean)
		}
	})
}

// TestTextInPieces cuts texts anywhere, as BDAT may: what is wrong with them and
// what is passed on must not depend on where.
func TestTextInPieces(t *testing.T) {
	t.Parallel()
	alphabet := []byte("a\r\n\x00")
	for n := range 1 << 10 { // every text of five bytes
		var text []byte
		for k := n; len(text) < 5; k /= len(alphabet) {
			text = append(text, alphabet[k%len(alphabet)])
		}
		text = append(text, "\r\n"...)
		clean := !bytes.ContainsAny(bytes.ReplaceAll(text, []byte("\r\n"), nil), "\r\n\x00")
		for cut := range text {
			for _, long := range []int{0, 1, wireBuffer} {
				var got bytes.Buffer
				c := &checkedText{to: &got}
				front := bytes.Repeat([]byte("x"), long)
				for _, piece := range [][]byte{front, text[:cut], text[cut:]} {
					_, _ = c.Write(piece) // it never fails
				}
				if err := c.finish(); (err == nil) != clean {
					t.Fatalf("%q cut at %d: %v; want it clean: %v", text, cut, err, clean)
				}
				if clean && got.String() != string(front)+string(text) {
					t.Fatalf("%q cut at %d behind %d bytes: it comes out otherwise", text, cut, long)
				}
			}
		}
	}
}

// stepConn gives at most step bytes at a time; 0 means as many as asked for.
type stepConn struct {
	scriptConn
	step int
}

func (c *stepConn) Read(p []byte) (int, error) {
	if c.step > 0 {
		p = p[:min(len(p), c.step)]
	}
	return c.in.Read(p)
}
