package mailtest

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Runner plays the client's side of dialogues.
type Runner struct {
	Dial    func() (net.Conn, error) // opens a connection to the server under test
	TLS     *tls.Config              // the client's, for C+; nil if no dialogue has it
	Stop    func()                   // begins to shut the server down, for stop; may be nil
	Timeout time.Duration            // for one answer; zero means 10 seconds
}

// RunFiles runs every dialogue file that pattern matches as a subtest named
// after it. The start function makes a fresh server for each; what must be
// undone goes to t.Cleanup.
func RunFiles(t *testing.T, pattern string, start func(t *testing.T) Runner) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no dialogue matches %s (%v)", pattern, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		t.Run(name, func(t *testing.T) {
			script, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			start(t).Run(t, file, string(script))
		})
	}
}

// Run plays one dialogue; the name is for messages. The first step that goes
// wrong ends it, with what was said so far in the test's log.
func (r Runner) Run(t testing.TB, name, script string) {
	t.Helper()
	d, err := Parse(name, script)
	if err != nil {
		t.Fatal(err)
	}
	p := &play{runner: r, conns: map[int]*peer{}, caught: map[string]string{}}
	defer p.close()
	for _, s := range d.steps {
		if err := p.step(s); err != nil {
			t.Errorf("%s:%d: %v\nSo far:\n%s", name, s.line, err, p.log.String())
			return
		}
	}
}

// play is one run of a dialogue.
type play struct {
	runner Runner
	conns  map[int]*peer
	caught map[string]string
	skip   bool // "..." was the step before
	log    strings.Builder
}

// peer is one connection.
type peer struct {
	conn net.Conn
	in   *bufio.Reader
}

// errSilent says that nothing came in time.
var errSilent = errors.New("the server says nothing")

func (p *play) close() {
	for _, c := range p.conns {
		_ = c.conn.Close() // the dialogue is over
	}
}

func (p *play) step(s step) error {
	switch s.verb {
	case "wait":
		time.Sleep(s.wait)
		return nil
	case "stop":
		if p.runner.Stop == nil {
			return errors.New("the runner has no Stop")
		}
		p.runner.Stop()
		return nil
	}
	c, err := p.peer(s.conn)
	if err != nil {
		return err
	}
	switch s.verb {
	case "C":
		return p.send(s.conn, c, []byte(expand(s.text, p.caught, verbatim)+"\r\n"))
	case "C8":
		b, err := parseBytes(s.text)
		if err != nil {
			return err
		}
		return p.send(s.conn, c, []byte(expand(string(b), p.caught, verbatim)))
	case "C+":
		return p.startTLS(c)
	case "C.":
		return c.conn.Close()
	case "S":
		return p.expectLine(s, c)
	case "S8":
		return p.expectBytes(s, c)
	case "S.":
		return p.expectEnd(s, c)
	case "S-":
		return p.expectSilence(s, c)
	}
	return fmt.Errorf("verb %q: %w", s.verb, errStep)
}

func verbatim(s string) string { return s }

func (p *play) peer(n int) (*peer, error) {
	if c := p.conns[n]; c != nil {
		return c, nil
	}
	conn, err := p.runner.Dial()
	if err != nil {
		return nil, fmt.Errorf("open connection %d: %w", n, err)
	}
	p.conns[n] = &peer{conn, bufio.NewReader(conn)}
	return p.conns[n], nil
}

func (p *play) timeout() time.Time {
	if p.runner.Timeout > 0 {
		return time.Now().Add(p.runner.Timeout)
	}
	return time.Now().Add(10 * time.Second)
}

// note writes one line of the transcript, long ones cut.
func (p *play) note(conn int, who string, line []byte) {
	const most = 300
	cut := ""
	if len(line) > most {
		cut = fmt.Sprintf("… (%d bytes)", len(line))
		line = line[:most]
	}
	text := strings.TrimRight(string(line), "\r\n")
	if quoted := strconv.Quote(text); len(quoted) != len(text)+2 && strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) {
		text = quoted
	}
	number := ""
	if conn != 1 {
		number = strconv.Itoa(conn)
	}
	fmt.Fprintf(&p.log, "\t%s%s: %s%s\n", number, who, text, cut)
}

func (p *play) send(n int, c *peer, b []byte) error {
	p.note(n, "C", b)
	_ = c.conn.SetWriteDeadline(p.timeout()) // the write fails if this does
	if _, err := c.conn.Write(b); err != nil {
		return fmt.Errorf("send %.100q: %w", b, err)
	}
	return nil
}

func (p *play) startTLS(c *peer) error {
	if p.runner.TLS == nil {
		return errors.New("the runner has no TLS")
	}
	if n := c.in.Buffered(); n > 0 {
		return fmt.Errorf("the server sent %d bytes in front of the handshake", n)
	}
	_ = c.conn.SetDeadline(p.timeout()) // the handshake fails if this does
	secure := tls.Client(c.conn, p.runner.TLS)
	if err := secure.Handshake(); err != nil {
		return fmt.Errorf("start TLS: %w", err)
	}
	c.conn, c.in = secure, bufio.NewReader(secure)
	return nil
}

// readLine reads a line with its CRLF taken off.
func (p *play) readLine(n int, c *peer) (string, error) {
	_ = c.conn.SetReadDeadline(p.timeout()) // the read fails if this does
	line, err := c.in.ReadBytes('\n')
	if len(line) > 0 {
		p.note(n, "S", line)
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return string(line), errSilent
	case errors.Is(err, io.EOF) && len(line) == 0:
		return "", errors.New("the server has closed the connection")
	case err != nil:
		return string(line), fmt.Errorf("read: %w", err)
	}
	text, ok := strings.CutSuffix(string(line), "\r\n")
	if !ok {
		return text, fmt.Errorf("line ends without CR: %q", line)
	}
	return text, nil
}

func (p *play) expectLine(s step, c *peer) error {
	if s.text == "..." {
		p.skip = true
		return nil
	}
	skip := p.skip
	p.skip = false
	for {
		got, err := p.readLine(s.conn, c)
		if err != nil {
			return fmt.Errorf("want %q: %w", s.text, err)
		}
		if p.matches(s, got) {
			return nil
		}
		if !skip {
			return fmt.Errorf("got  %q\nwant %q", got, s.text)
		}
	}
}

func (p *play) matches(s step, got string) bool {
	pattern, ok := s.pattern()
	if !ok {
		return got == expand(s.text, p.caught, verbatim)
	}
	// Parse has compiled it once; only an expansion could break it, and is quoted.
	re := regexp.MustCompile(`^(?s:` + expand(pattern, p.caught, regexp.QuoteMeta) + `)$`)
	found := re.FindStringSubmatch(got)
	if found == nil {
		return false
	}
	for i, name := range re.SubexpNames() {
		if name != "" {
			p.caught[name] = found[i]
		}
	}
	return true
}

func (p *play) expectBytes(s step, c *peer) error {
	want, err := parseBytes(s.text)
	if err != nil {
		return err
	}
	want = []byte(expand(string(want), p.caught, verbatim))
	_ = c.conn.SetReadDeadline(p.timeout()) // the read fails if this does
	got := make([]byte, len(want))
	n, err := io.ReadFull(c.in, got)
	p.note(s.conn, "S", got[:n])
	if string(got[:n]) != string(want) {
		at := 0
		for at < n && got[at] == want[at] {
			at++
		}
		return fmt.Errorf("byte %d is different: got  %.80q\nwant %.80q (%v)", at, got[at:n], want[at:], err)
	}
	return nil
}

func (p *play) expectEnd(s step, c *peer) error {
	_ = c.conn.SetReadDeadline(p.timeout()) // the read fails if this does
	rest, err := io.ReadAll(io.LimitReader(c.in, 1000))
	if len(rest) > 0 {
		p.note(s.conn, "S", rest)
		return fmt.Errorf("got  %q\nwant the end of the connection", rest)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errors.New("the server has not closed the connection")
	}
	return nil // a reset is an end too
}

// expectSilence gives the server a moment to say what it should not.
func (p *play) expectSilence(s step, c *peer) error {
	_ = c.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // the read fails if this does
	_, err := c.in.Peek(1)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("want silence: %w", err)
	}
	b, _ := c.in.Peek(c.in.Buffered()) // can't fail: they are there
	p.note(s.conn, "S", b)
	return fmt.Errorf("got  %q\nwant silence", b)
}
