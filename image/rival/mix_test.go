package rival

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	domain = "example.test"
	// people is how many mailboxes the messages go to, in turn.
	people = 64
)

func person(i int) string { return fmt.Sprintf("person%03d@%s", i%people, domain) }

// round is so many connections at once, how many messages they send: enough for some seconds of the slower server, and
// how many times as quick the box is to be.
type round struct {
	connections, messages int
	limit                 float64
}

func rounds() []round { return []round{{1, 200, 4}, {8, 600, 10}, {64, 1200, 10}} }

// mix is what an office gets: 70 % letters of 4 KiB, 25 % of 60 KiB, and 5 % of 1 MiB, some of each. Letters are words;
// what is larger is attachments, in base64 of what does not compress.
type mix struct{ texts [20]string }

// newLetters is a mix of letters of 4 KiB only.
func newLetters() *mix {
	r := rand.New(rand.NewPCG(1, 2))
	var m mix
	for i := range m.texts {
		m.texts[i] = text(r, i, 4<<10)
	}
	return &m
}

func newMix() *mix {
	r := rand.New(rand.NewPCG(1, 2))
	var m mix
	for i := range m.texts {
		size := 4 << 10
		switch {
		case i%20 == 7:
			size = 1 << 20
		case i%4 == 1:
			size = 60 << 10
		}
		m.texts[i] = text(r, i, size)
	}
	return &m
}

func text(r *rand.Rand, number, size int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "From: Bench <bench@elsewhere.test>\r\nTo: office@%s\r\nSubject: letter %d\r\nDate: Mon, 02 Mar 2026 10:00:00 +0100\r\nMessage-ID: <%d@elsewhere.test>\r\n", domain, number, number)
	if size <= 4<<10 {
		b.WriteString("\r\n")
		words := strings.Fields("we have the order of last week and send what is there today the rest will follow as soon as it comes from the harbour with kind regards")
		for b.Len() < size-5 {
			for range 10 {
				b.WriteString(words[r.IntN(len(words))] + " ")
			}
			b.WriteString("\r\n")
		}
		return b.String() + ".\r\n"
	}
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	raw := make([]byte, 57)
	for b.Len() < size-80 {
		for i := range raw {
			raw[i] = byte(r.Uint32())
		}
		b.WriteString(base64.StdEncoding.EncodeToString(raw) + "\r\n")
	}
	return b.String() + ".\r\n"
}

// sender is one connection: pipelined commands, ready-made text, and no thinking in between.
type sender struct {
	conn net.Conn
	in   *bufio.Reader
}

func dial(addr string) (*sender, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(10 * time.Minute)); err != nil {
		return nil, err
	}
	s := &sender{conn, bufio.NewReader(conn)}
	if err := s.expect("220"); err != nil {
		conn.Close()
		return nil, err
	}
	if err := s.say("EHLO bench.elsewhere.test\r\n", "250"); err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

func (s *sender) send(to, text string) error {
	if err := s.say("MAIL FROM:<bench@elsewhere.test>\r\nRCPT TO:<"+to+">\r\nDATA\r\n", "250", "250", "354"); err != nil {
		return err
	}
	return s.say(text, "250")
}

func (s *sender) say(text string, replies ...string) error {
	if _, err := io.WriteString(s.conn, text); err != nil {
		return err
	}
	for _, reply := range replies {
		if err := s.expect(reply); err != nil {
			return err
		}
	}
	return nil
}

// expect reads a reply, all lines of it.
func (s *sender) expect(code string) error {
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			return err
		}
		if len(line) < 4 || !strings.HasPrefix(line, code) {
			return fmt.Errorf("got reply %q; want %s", line, code)
		}
		if line[3] == ' ' {
			return nil
		}
	}
}

// round sends so many messages over the connections, each taking the next.
func (m *mix) round(b *testing.B, senders []*sender, messages int) {
	b.Helper()
	next := make(chan int)
	var all sync.WaitGroup
	for _, s := range senders {
		all.Go(func() {
			for i := range next {
				if err := s.send(person(i), m.texts[i%len(m.texts)]); err != nil {
					b.Error(err)
					for range next { // so that nobody waits for us
					}
				}
			}
		})
	}
	for i := range messages {
		next <- i
	}
	close(next)
	all.Wait()
}

// TestMix holds the proportions that the figures are named for.
func TestMix(t *testing.T) {
	t.Parallel()
	counts := make(map[int]int)
	for _, text := range newMix().texts {
		for _, size := range []int{4 << 10, 60 << 10, 1 << 20} {
			if n := len(text); n > size*9/10 && n <= size+100 {
				counts[size]++
			}
		}
		if !strings.HasSuffix(text, "\r\n.\r\n") || strings.Contains(text, "\n.\r\n.") {
			t.Errorf("a message ends with %q", text[len(text)-10:])
		}
	}
	if counts[4<<10] != 14 || counts[60<<10] != 5 || counts[1<<20] != 1 {
		t.Errorf("of 20 messages the sizes are %v, want 14 of 4 KiB, 5 of 60 KiB, 1 of 1 MiB", counts)
	}
}
