package main

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// step is a moment in which a relaying process is killed.
type step string

const (
	stepSubmitted step = "we said 250 to the submitter" // the sink holds back its greeting
	stepConnect   step = "before the greeting"
	stepEHLO      step = "after EHLO"
	stepMAIL      step = "after MAIL"
	stepRCPT      step = "after RCPT"
	stepRefused   step = "after the 550 to RCPT"
	stepDATA      step = "after DATA or the first of BDAT"
	stepText      step = "in the midst of the text"
	stepDot       step = "after the text, before the 250 to it"
	stepTaken     step = "after the 250 to the text"
	stepRecorded  step = "after the commit"
)

// sink is another mail server. It takes mail for everybody but nobody@.
type sink struct {
	extensions []string // besides the greeting in reply to EHLO
	port       uint16
	listener   net.Listener
	running    sync.WaitGroup

	mu       sync.Mutex
	life     int // counts the processes that send here
	at       func(step) bool
	taken    map[string][]int // the lives in which a message was taken, by subject
	sessions map[net.Conn]bool
}

// newSink listens until the test ends.
func newSink(t *testing.T, extensions ...string) *sink {
	t.Helper()
	l, err := net.Listen("tcp", sinkAddress+":0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{extensions: extensions, port: uint16(l.Addr().(*net.TCPAddr).Port), listener: l, taken: map[string][]int{}, sessions: map[net.Conn]bool{}}
	s.running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.sessions[c] = true
			s.mu.Unlock()
			s.running.Go(func() {
				(&sinkSession{sink: s, conn: c, in: bufio.NewReader(c)}).serve()
				s.mu.Lock()
				delete(s.sessions, c)
				s.mu.Unlock()
				_ = c.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		s.mu.Lock()
		for c := range s.sessions {
			_ = c.Close()
		}
		s.mu.Unlock()
		s.running.Wait()
	})
	return s
}

// watch has fn asked at each step, whether the session ends there.
func (s *sink) watch(fn func(step) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = fn
}

// next says that from now on another process sends.
func (s *sink) next() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.life++
}

// lives gives the lives in which a message was taken.
func (s *sink) lives(subject string) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]int(nil), s.taken[subject]...)
}

// sinkSession is one connection.
type sinkSession struct {
	*sink
	conn    net.Conn
	in      *bufio.Reader
	text    strings.Builder
	begun   int  // the life in which it began
	unfound bool // the transaction has no recipient
}

// reached asks whether it ends here.
func (s *sinkSession) reached(at step) bool {
	s.mu.Lock()
	fn := s.at
	s.mu.Unlock()
	return fn != nil && fn(at)
}

func (s *sinkSession) say(line string) bool {
	_, err := fmt.Fprintf(s.conn, "%s\r\n", line)
	return err == nil
}

func (s *sinkSession) serve() {
	s.mu.Lock()
	s.begun = s.life
	s.mu.Unlock()
	if s.reached(stepConnect) || !s.say("220 mx.far.test ESMTP") {
		return
	}
	for {
		line, err := s.in.ReadString('\n')
		if err != nil || !s.command(line) {
			return
		}
	}
}

// command answers one; false ends the session.
func (s *sinkSession) command(line string) bool {
	words := strings.Fields(strings.ToUpper(line) + " x")
	switch words[0] {
	case "EHLO":
		list := append([]string{"mx.far.test"}, s.extensions...)
		for i, word := range list {
			list[i] = "250-" + word
		}
		list[len(list)-1] = "250 " + list[len(list)-1][4:]
		return !s.reached(stepEHLO) && s.say(strings.Join(list, "\r\n"))
	case "MAIL":
		s.unfound = true
		return !s.reached(stepMAIL) && s.say("250 2.1.0 ok")
	case "RCPT":
		if s.reached(stepRCPT) {
			return false
		}
		if strings.Contains(line, "nobody@") {
			return s.say("550 5.1.1 we have nobody of that name") && !s.reached(stepRefused)
		}
		s.unfound = false
		return s.say("250 2.1.5 ok")
	case "DATA":
		if s.unfound { // a client that sends several commands at once can't know
			return s.say("554 5.5.1 no recipients")
		}
		return !s.reached(stepDATA) && s.say("354 go on") && s.data()
	case "BDAT":
		return s.chunk(words)
	case "RSET", "NOOP":
		return s.say("250 2.0.0 ok")
	case "QUIT":
		_ = s.say("221 bye") // the client may have gone
		return false
	}
	return s.say("502 5.5.1 what?")
}

// data reads a text up to its dot.
func (s *sinkSession) data() bool {
	s.text.Reset()
	for n := 0; ; n++ {
		line, err := s.in.ReadString('\n')
		if err != nil || n == 20 && s.reached(stepText) {
			return false
		}
		if line == ".\r\n" {
			return s.take()
		}
		s.text.WriteString(line)
	}
}

// chunk reads one of BDAT.
func (s *sinkSession) chunk(words []string) bool {
	if s.reached(stepDATA) {
		return false
	}
	size, err := strconv.Atoi(words[1])
	if err != nil {
		return false
	}
	s.text.Reset() // our client sends one chunk or several; the subject is in the first
	for n := range size {
		b, err := s.in.ReadByte()
		if err != nil || n == 500 && s.reached(stepText) {
			return false
		}
		s.text.WriteByte(b)
	}
	if s.unfound {
		return s.say("554 5.5.1 no recipients")
	}
	if words[2] != "LAST" {
		return s.say("250 2.0.0 go on")
	}
	return s.take()
}

// take has a message, from the moment on in which it says so.
func (s *sinkSession) take() bool {
	if s.reached(stepDot) {
		return false
	}
	_, rest, _ := strings.Cut(s.text.String(), "\r\nSubject: ")
	subject, _, _ := strings.Cut(rest, "\r\n")
	s.mu.Lock()
	s.taken[subject] = append(s.taken[subject], s.begun)
	s.mu.Unlock()
	return s.say("250 2.0.0 taken") && !s.reached(stepTaken)
}
