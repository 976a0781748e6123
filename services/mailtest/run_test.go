package mailtest

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// serveEcho answers each line with what it says in brackets; some words do more.
func serveEcho(c net.Conn, secure *tls.Config) {
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	fmt.Fprint(c, "ready\r\n")
	for {
		_ = c.SetReadDeadline(time.Now().Add(30 * time.Minute))
		line, err := in.ReadString('\n')
		if errors.Is(err, os.ErrDeadlineExceeded) {
			fmt.Fprint(c, "too slow\r\n")
			return
		}
		if err != nil {
			return
		}
		switch strings.TrimRight(line, "\r\n") {
		case "bye":
			return
		case "mute":
		case "count":
			fmt.Fprint(c, "one\r\ntwo\r\nthree\r\n")
		case "tls":
			fmt.Fprint(c, "go\r\n")
			s := tls.Server(c, secure)
			c, in = s, bufio.NewReader(s)
		default:
			fmt.Fprintf(c, "[%s] %d\r\n", strings.TrimRight(line, "\r\n"), len(line))
		}
	}
}

func runEcho(t *testing.T, report testing.TB, script string) {
	t.Helper()
	l := Listen(7)
	server, client := TLS(t)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serveEcho(c, server)
		}
	}()
	Runner{Dial: l.Dial, TLS: client, Stop: func() { _ = l.Close() }}.Run(report, "echo", script)
	_ = l.Close()
}

const echoScript = `
# A bit of everything.
S: ready
C: hello
S: [hello] 7
C: with  two spaces
C: pipelined
S: /\[with  .*\] \d+/
S: /\[(?P<word>[a-z]+)\] 11/
C: ${word} again
S: [pipelined again] 17
C: count
S: ...
S: three
C8: "x"*5000 "\r\n"
S8: "[" "x"*5000 "] 5002\r\n"
2S: ready
2C: second
2S: /.second. \d/
C: mute
S-
C: tls
S: go
C+
C: over TLS
S: [over TLS] 10
C: bye
S.
wait 31m
2S: too slow
2S.
3S: ready
3C.
stop
`

func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { runEcho(t, t, echoScript) })
}

// recorder is a testing.TB that keeps what Errorf says.
type recorder struct {
	testing.TB
	text string
}

func (r *recorder) Helper()                           {}
func (r *recorder) Errorf(format string, args ...any) { r.text += fmt.Sprintf(format, args...) }

func TestRunReports(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ script, want string }{
		{"S: ready\nC: a\nS: [b] 3", `echo:3: got  "[a] 3"`},
		{"S: /reade/", `want "/reade/"`},
		{"S: ready\nS: more", "the server says nothing"},
		{"S: ready\nS.", "has not closed"},
		{"S-", `got  "ready\r\n"`},
		{"S8: \"real\"", "byte 3 is different"},
		{"S: ready\nC: bye\nS: x", "the server has closed the connection"},
		{"S: ready\nC: count\nS: ...\nS: four", "the server says nothing"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := &recorder{TB: t}
			runEcho(t, r, test.script)
			if !strings.Contains(r.text, test.want) {
				t.Errorf("%q: reported %q; want something with %q", test.script, r.text, test.want)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for _, script := range []string{
		"hello", "X: y", "0C: x", "C8: x", `C8: "x"*`, `C8: "x"*999999999999`, "S: /(/", "S: ...", "S: ...\nC: x", "wait soon", "99999999999999999999C: x",
	} {
		if _, err := Parse("f", script); err == nil || !strings.HasPrefix(err.Error(), "f:1: ") {
			t.Errorf("Parse(%q) = %v; want an error that names line 1", script, err)
		}
	}
}

func TestPipe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := Pipe(nil, nil)
		// Both ends write first: with net.Pipe they would wait for each other.
		for _, c := range []net.Conn{client, server} {
			if _, err := c.Write(make([]byte, bufferSize)); err != nil {
				t.Fatal(err)
			}
		}
		_ = client.SetWriteDeadline(time.Now().Add(time.Minute))
		begin := time.Now()
		if n, err := client.Write([]byte("x")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != time.Minute {
			t.Errorf("Write into a full buffer = %d, %v after %v; want a deadline after 1m", n, err, time.Since(begin))
		}
		_ = client.SetDeadline(time.Time{})
		go func() { _, _ = client.Write([]byte("y")); _ = client.Close() }()
		b, err := io.ReadAll(server)
		if len(b) != bufferSize+1 || err != nil {
			t.Errorf("ReadAll = %d bytes, %v; want %d", len(b), err, bufferSize+1)
		}
		if _, err := server.Write([]byte("z")); err == nil {
			t.Error("Write to an end that has closed succeeded")
		}
		_ = server.SetReadDeadline(time.Now())
		if _, err := server.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read with a deadline in the past: %v", err)
		}
		_ = server.Close()
		if _, err := server.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read after Close: %v", err)
		}
	})
}
