package imapd

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// dialogueLines are the lines that clients say in the dialogues: seeds.
func dialogueLines(f *testing.F) []string {
	f.Helper()
	files, err := filepath.Glob("testdata/*.dialogue")
	if err != nil || len(files) == 0 {
		f.Fatalf("no dialogues (%v)", err)
	}
	var lines []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if said, ok := strings.CutPrefix(strings.TrimLeft(line, "0123456789"), "C: "); ok {
				lines = append(lines, strings.TrimRight(said, "\n"))
			}
		}
	}
	return lines
}

// FuzzCommand gives every command's parser arbitrary arguments. Whatever it
// makes of them, the reader must find the next command.
func FuzzCommand(f *testing.F) {
	for _, line := range dialogueLines(f) {
		f.Add([]byte(line+"\r\n"), false)
	}
	commands := commandsByName()
	f.Fuzz(func(t *testing.T, input []byte, utf8 bool) {
		const next = "\r\nnext NOOP\r\n"
		r := wire.NewReader(&wire.Buffers{}, io.MultiReader(bytes.NewReader(input), strings.NewReader(next)), func() error { return nil })
		for range 20 {
			if r.Wait() != nil {
				return
			}
			r.Begin(userLimits())
			p := &parser{Reader: r, utf8: utf8}
			r.Tag()
			r.SP()
			name := r.Keyword()
			if name == "UID" {
				r.SP()
				name += " " + r.Keyword()
			}
			if cmd, ok := commands[name]; ok && r.Err() == nil {
				if req := cmd.parse(p); req == nil {
					t.Errorf("%s: the parser made nothing of %q", name, input)
				}
			}
			if r.Discard() != nil {
				return
			}
			if !r.Ended() {
				t.Fatalf("Discard left something of %q", input)
			}
		}
	})
}

// fuzzConn gives a session its input, and end of file when that is used up.
type fuzzConn struct {
	in  io.Reader
	out bytes.Buffer
}

func (c *fuzzConn) Read(p []byte) (int, error)       { return c.in.Read(p) }
func (c *fuzzConn) Write(p []byte) (int, error)      { return c.out.Write(p) }
func (c *fuzzConn) Close() error                     { return nil }
func (c *fuzzConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *fuzzConn) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 3), Port: 1} }
func (c *fuzzConn) SetDeadline(time.Time) error      { return nil }
func (c *fuzzConn) SetReadDeadline(time.Time) error  { return nil }
func (c *fuzzConn) SetWriteDeadline(time.Time) error { return nil }

// FuzzSession gives whole sessions arbitrary input in each state, over a store in
// memory. Nothing may panic, hang, or answer with bytes that are no lines.
func FuzzSession(f *testing.F) {
	lines := dialogueLines(f)
	for i := range lines {
		f.Add(byte(2), []byte(strings.Join(lines[i:min(i+5, len(lines))], "\r\n")+"\r\n"))
	}
	for i := range lines {
		f.Add(byte(3), []byte(lines[i]+"\r\n"))
	}
	f.Add(byte(4), []byte("\x00\x00\x00\xff\xff\x01\x00\x00\xff\xff"))
	f.Add(byte(0), []byte("a LOGIN {3+}\r\nabc {3}\r\nabc\r\n"))
	f.Add(byte(1), []byte("a APPEND INBOX (\\Seen) {3+}\r\nabc ~{3+}\r\na\x00b\r\n"))
	f.Fuzz(func(t *testing.T, state byte, input []byte) {
		b := newBox(t)
		b.fixture()
		const login, open, compress = "x LOGIN alice@example.test secret\r\n", "y SELECT INBOX\r\n", "z COMPRESS DEFLATE\r\n"
		script, in := []string{"", login, login + open, login + open + compress, login + compress}[state%5], input
		if state%5 == 3 { // as a client would say it; in the last state it is garbage
			in = deflated(t, string(input))
		}
		c := &fuzzConn{in: io.MultiReader(strings.NewReader(script), bytes.NewReader(in))}
		s := newSession(b.server, c, Mode{})
		s.Serve()
		if out := c.out.String(); !strings.HasPrefix(out, "* OK ") {
			t.Errorf("the session begins with %.100q", out)
		}
	})
}

// FuzzPattern compares the matching of LIST patterns with an obvious one.
func FuzzPattern(f *testing.F) {
	f.Add("*", "INBOX")
	f.Add("a%b*", "aXb/c")
	f.Add("%/%", "a/b")
	f.Add("***%%%", "")
	f.Add("%x", "INBOX")
	f.Add("in%/A", "INBOX/a")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 12 || len(name) > 12 {
			return
		}
		if got, want := matches(pattern, name), matchesObviously(pattern, name, 0); got != want {
			t.Errorf("matches(%q, %q): got %v, want %v", pattern, name, got, want)
		}
	})
}

// matchesObviously goes from place at of a name on. INBOX, as a name or above others,
// fits in any case of letters (RFC 9051 §5.1).
func matchesObviously(pattern, full string, at int) bool {
	name := full[at:]
	if pattern == "" {
		return name == ""
	}
	switch pattern[0] {
	case '*', '%':
		for i := 0; i <= len(name); i++ {
			if matchesObviously(pattern[1:], full, at+i) {
				return true
			}
			if i < len(name) && pattern[0] == '%' && name[i] == mail.Delimiter {
				return false
			}
		}
		return false
	}
	same := name != "" && name[0] == pattern[0]
	if above, _, _ := strings.Cut(full, string(mail.Delimiter)); above == mail.Inbox && at < len(mail.Inbox) {
		same = strings.EqualFold(name[:1], pattern[:1])
	}
	return same && matchesObviously(pattern[1:], full, at+1)
}
