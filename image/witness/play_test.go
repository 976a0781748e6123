package witness

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mailtest"
)

// Times for answers: of a command that is to be ended, and of what comes by itself, which Dovecot looks for twice a
// second.
const (
	answerTime = 6 * time.Second
	quietTime  = 1200 * time.Millisecond
)

// play plays a dialogue against a server.
type play struct {
	t     *testing.T
	addr  string
	tls   *tls.Config
	name  string
	conns map[int]*conn
	found []difference
	vars  map[string]string // what groups of the dialogue's patterns have caught
}

type conn struct {
	net.Conn
	in   *bufio.Reader
	gone bool // it is closed, or the two sides have lost each other
}

// difference is something that the other server answers otherwise.
type difference struct{ dialogue, command, what string }

func (d difference) String() string { return d.dialogue + " | " + d.command + " | " + d.what }

// dialogue plays a file's exchanges and gives the differences.
func (p *play) dialogue(d *mailtest.Dialogue) []difference {
	p.conns, p.vars = make(map[int]*conn), make(map[string]string)
	for _, e := range d.Exchanges() {
		c := p.conns[e.Conn]
		if c == nil {
			raw, err := net.Dial("tcp", p.addr)
			if err != nil {
				p.t.Fatal(err)
			}
			defer raw.Close()
			c = &conn{Conn: raw, in: bufio.NewReader(raw)}
			p.conns[e.Conn] = c
			if len(e.Send) > 0 || e.StartTLS {
				p.t.Errorf("%s:%d: the client speaks first", p.name, e.Line)
			}
		}
		if !c.gone {
			p.exchange(c, e)
		}
	}
	return p.found
}

func (p *play) exchange(c *conn, e mailtest.Exchange) {
	command := shown(e.Send)
	for name, value := range p.vars {
		e.Send = bytes.ReplaceAll(e.Send, []byte("${"+name+"}"), []byte(value))
	}
	switch {
	case e.Close:
		c.gone = true
		_ = c.Close() // it is to be closed
		return
	case e.StartTLS:
		secure := tls.Client(c.Conn, p.tls)
		_ = secure.SetDeadline(time.Now().Add(answerTime)) // the handshake fails if this does
		if err := secure.Handshake(); err != nil {
			c.gone = true
			p.differs("starts TLS", "no TLS")
			return
		}
		c.Conn, c.in = secure, bufio.NewReader(secure)
		command = "starts TLS"
	case len(e.Send) == 0:
		command = "connects"
	}
	_ = c.SetWriteDeadline(time.Now().Add(answerTime)) // the write fails if this does
	if _, err := c.Write(e.Send); err != nil {
		c.gone = true
		p.differs(command, "the connection is closed")
		return
	}
	got, ended := p.read(c, e)
	p.compare(command, e, got)
	if ended != e.Ends {
		p.differs(command, map[bool]string{true: "the connection is closed", false: "the connection stays open"}[ended])
	}
	c.gone = ended || e.Ends
}

// read reads the answer: up to the line that corresponds to the last one that the dialogue wants.
func (p *play) read(c *conn, e mailtest.Exchange) (lines []string, ended bool) {
	last := ""
	if len(e.Wants) > 0 {
		last = strings.TrimPrefix(e.Wants[len(e.Wants)-1], "/")
	}
	tag, _, _ := strings.Cut(last, " ")
	byItself := len(e.Wants) == 0 || strings.HasPrefix(tag, `\*`) || tag == "*"
	wait := answerTime
	if byItself && len(e.Send) > 0 || e.Ends {
		wait = quietTime
	}
	for {
		_ = c.SetReadDeadline(time.Now().Add(wait)) // the read fails if this does
		line, err := c.in.ReadString('\n')
		if n, ok := err.(net.Error); ok && n.Timeout() {
			return lines, false
		}
		if err != nil {
			return lines, true
		}
		line = strings.TrimSuffix(line, "\r\n")
		lines = append(lines, line)
		switch first, _, _ := strings.Cut(line, " "); {
		case e.Ends:
		case first == tag && !byItself && first != "+":
			return lines, false
		case first == "+" && (tag == "+" || tag == `\+`):
			return lines, false
		case first == "+" && !byItself:
			p.feed(c, e.Send)
		case byItself && len(e.Send) == 0: // a greeting
			return lines, false
		case tag == "+" && len(first) > 0 && first != "*":
			return lines, false // a command that was to go on has been ended
		}
	}
}

var literal = regexp.MustCompile(`\{(\d+)\}\r\n$`)

// feed gives a server the literal that ours would not have taken, so that the command ends.
func (p *play) feed(c *conn, sent []byte) {
	n := 0
	if m := literal.FindSubmatch(sent); m != nil {
		n, _ = strconv.Atoi(string(m[1]))
	}
	_ = c.SetWriteDeadline(time.Now().Add(answerTime))       // the write fails if this does
	_, _ = c.Write(bytes.Repeat([]byte("x"), min(n, 1<<20))) // then there is no answer either
	_, _ = c.Write([]byte("\r\n"))
}

func (p *play) differs(command, what string) {
	p.found = append(p.found, difference{p.name, command, what})
}

// compare notes what differs between the lines that the dialogue wants and those that came.
func (p *play) compare(command string, e mailtest.Exchange, got []string) {
	left := make(map[string]int)
	patterns := make([]bool, len(got)) // matched by a regexp of the dialogue
	var ours []string
	for i, want := range e.Wants {
		if e.Patterns[i] != "" {
			re, err := regexp.Compile(`^(?s:` + e.Patterns[i] + `)$`)
			matched := false
			for k, line := range got {
				if err == nil && !patterns[k] && re.MatchString(line) {
					patterns[k], matched = true, true
					break
				}
			}
			p.catch(e.Patterns[i], got)
			if matched {
				continue
			}
			want = plain(e.Patterns[i])
		}
		ours = append(ours, normal(want))
	}
	for k, line := range got {
		if !patterns[k] {
			left[normal(line)]++
		}
	}
	for _, line := range ours {
		if left[line] > 0 {
			left[line]--
			continue
		}
		p.differs(command, "ours: "+line)
	}
	for _, line := range sortedKeys(left) {
		tagged := !strings.HasPrefix(line, "*")
		if left[line] > 0 && (tagged || !e.Skips) {
			p.differs(command, "theirs: "+line)
		}
	}
}

// catch keeps what the named groups of a pattern match, whatever text for people follows their response code.
func (p *play) catch(pattern string, got []string) {
	if !strings.Contains(pattern, "(?P<") {
		return
	}
	code, _, _ := strings.Cut(pattern, `\]`)
	re, err := regexp.Compile(`^(?s:` + code + `)`)
	if err != nil {
		p.t.Fatalf("%s: pattern %q: %v", p.name, pattern, err)
	}
	for _, line := range got {
		for i, value := range re.FindStringSubmatch(line) {
			if name := re.SubexpNames()[i]; name != "" {
				p.vars[name] = value
			}
		}
	}
}

// shown is what was sent, as the list has it.
func shown(sent []byte) string {
	const most = 100
	text := strings.TrimSuffix(string(sent), "\r\n")
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '|' || r == 0xFFFD }) {
		text = strings.ReplaceAll(strings.Trim(strconv.QuoteToASCII(text), `"`), "|", `\x7c`)
	}
	if len(text) > most {
		return fmt.Sprintf("%s… (%d)", strings.ToValidUTF8(text[:most], ""), len(text))
	}
	return text
}
