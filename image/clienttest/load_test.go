package clienttest

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load sends numbered messages over several connections, until it is told to stop or a connection breaks.
type load struct {
	o    *office
	to   string // local part
	name string // in every subject

	opening sync.Mutex // held until the greeting is there

	next  atomic.Int64
	limit int64 // messages; 0: no limit

	mu    sync.Mutex
	taken []string // subjects of messages that were acknowledged
}

// send gives the box one message over an open session and notes when it was taken.
func (l *load) send(c *talk) error {
	subject := fmt.Sprintf("%s %d.", l.name, l.next.Add(1))
	// RFC 2920: the envelope in one piece, as other servers send it.
	envelope := "MAIL FROM:<load@example.net>\r\nRCPT TO:<" + at(l.to) + ">\r\nDATA\r\n"
	if _, err := c.Write([]byte(envelope)); err != nil {
		return err
	}
	for _, want := range []string{"250 ", "250 ", "354 "} {
		if got, err := c.reply(); err != nil || !strings.HasPrefix(got, want) {
			return fmt.Errorf("envelope: %q, %w", got, err)
		}
	}
	text := "From: load@example.net\r\nSubject: " + subject + "\r\n\r\n" + strings.Repeat(strings.Repeat("words of a letter ", 4)+"\r\n", 50) + ".\r\n"
	got, err := c.say(text)
	if err != nil || !strings.HasPrefix(got, "250 ") {
		return fmt.Errorf("end of data: %q, %w", got, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = append(l.taken, subject)
	return nil
}

// open begins a session on port 25. One does so at a time: QEMU listens on a forwarded port with a backlog of one, and of
// several connections at once this machine's kernel then drops some half-made, which break sixteen seconds later.
func (l *load) open() (*talk, error) {
	l.opening.Lock()
	defer l.opening.Unlock()
	c, err := l.o.dial("smtp")
	if err != nil {
		return nil, err
	}
	if got, err := c.reply(); err != nil || !strings.HasPrefix(got, "220 ") {
		c.Close()
		return nil, fmt.Errorf("greeting: %q, %w", got, err)
	}
	if got, err := c.say("EHLO load.example.net\r\n"); err != nil || !strings.HasPrefix(got, "250") {
		c.Close()
		return nil, fmt.Errorf("EHLO: %q, %w", got, err)
	}
	return c, nil
}

// run sends over one connection until the limit or an error.
func (l *load) run() error {
	c, err := l.open()
	if err != nil {
		return err
	}
	defer c.Close()
	for l.limit == 0 || l.next.Load() < l.limit {
		if err := l.send(c); err != nil {
			return err
		}
	}
	return nil
}

// acknowledged is how many messages were taken so far.
func (l *load) acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.taken)
}

// allThere fails for every message that was acknowledged and is not in the mailbox, and for those that are there more
// often than they were sent. resent is how many may have come twice, because their acknowledgement was lost.
func (l *load) allThere(t *testing.T, resent int) {
	t.Helper()
	found := make(map[string]int)
	for _, letter := range l.o.letters(t, l.to, "INBOX") {
		_, rest, _ := bytes.Cut(letter.body, []byte("Subject: "))
		subject, _, _ := bytes.Cut(rest, []byte("\r\n"))
		if strings.HasPrefix(string(subject), l.name+" ") {
			found[string(subject)]++
		}
	}
	lost := 0
	for _, subject := range l.taken {
		if found[subject] == 0 {
			lost++
			t.Errorf("%q was acknowledged and is gone", subject)
		}
	}
	extra := -len(l.taken) + lost
	for _, n := range found {
		extra += n
	}
	if extra > resent {
		t.Errorf("%d messages are there that nobody was told of; at most %d can be", extra, resent)
	}
	t.Logf("%d messages acknowledged, %d lost, %d there without an acknowledgement", len(l.taken), lost, extra)
}

// loadSize is how many messages a measurement sends: enough for a figure, few enough for an emulator.
const loadSize = 200

// testLoad measures how many small messages a second the box takes, for information: an emulated machine on a busy
// one is no judge.
func testLoad(t *testing.T, o *office) {
	for _, connections := range []int{1, 8} {
		l := &load{o: o, to: "second", name: fmt.Sprintf("load on %d", connections), limit: loadSize}
		began := time.Now()
		var all sync.WaitGroup
		for range connections {
			all.Go(func() {
				if err := l.run(); err != nil {
					t.Errorf("load: %v", err)
				}
			})
		}
		all.Wait()
		took := time.Since(began)
		t.Logf("figures: SMTP into the box with %d connections: %.0f messages/s (%d of 4 KB in %v)",
			connections, float64(l.acknowledged())/took.Seconds(), l.acknowledged(), took.Round(time.Millisecond))
		l.allThere(t, 0)
	}
}
