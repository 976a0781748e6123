package rival

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/figure"
)

// relayHost is where the sink listens: not an address of the servers' own, or they would see a loop.
const relayHost = "127.0.0.2"

// nextServer is the server to which both relay all mail. It keeps nothing, and counts the messages that it answered 250.
type nextServer struct {
	l             net.Listener
	taken, signed atomic.Int64 // messages; signatures on them
}

func startNextServer(b *testing.B) *nextServer {
	b.Helper()
	l, err := net.Listen("tcp", relayHost+":0")
	if err != nil {
		b.Fatal(err)
	}
	s := &nextServer{l: l}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s
}

func (s *nextServer) port() int { return s.l.Addr().(*net.TCPAddr).Port }

// serve talks to one client: as much of SMTP as both use.
func (s *nextServer) serve(conn net.Conn) {
	defer conn.Close()
	in, out := bufio.NewReaderSize(conn, 64<<10), bufio.NewWriter(conn)
	say := func(text string) {
		_, _ = out.WriteString(text + "\r\n") // what can't be written is seen by the next read
		if in.Buffered() == 0 {
			_ = out.Flush()
		}
	}
	say("220 sink." + domain + " ESMTP")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(line[:min(4, len(line))]); verb {
		case "EHLO":
			say("250-sink." + domain + "\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 100000000")
		case "DATA":
			say("354 go on")
			for line != ".\r\n" {
				if line, err = in.ReadString('\n'); err != nil {
					return
				}
				if strings.HasPrefix(line, "DKIM-Signature:") {
					s.signed.Add(1)
				}
			}
			say("250 2.0.0 taken")
			s.taken.Add(1)
		case "QUIT":
			say("221 2.0.0 bye")
			_ = out.Flush()
			return
		default:
			say("250 2.0.0 ok")
		}
	}
}

// wait returns when so many have been taken since before.
func (s *nextServer) wait(b *testing.B, before, messages int64) {
	b.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(deliveryTime)
	for s.taken.Load() < before+messages {
		select {
		case <-tick.C:
		case <-limit:
			b.Fatalf("the next server got %d of %d messages", s.taken.Load()-before, messages)
		}
	}
}

// logIn is a connection on which a person has logged in: of the box, which takes mail for elsewhere from no one else.
func logIn(addr, person string) (*sender, error) {
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return nil, err
	}
	s := &sender{conn, bufio.NewReader(conn)}
	token := base64.StdEncoding.EncodeToString([]byte("\x00" + person + "\x00" + password))
	for _, step := range [][2]string{{"", "220"}, {"EHLO bench." + domain + "\r\n", "250"}, {"AUTH PLAIN " + token + "\r\n", "235"}} {
		if err := s.say(step[0], step[1]); err != nil {
			conn.Close()
			return nil, err
		}
	}
	return s, nil
}

// relayed sends messages of 4 KiB from each sender's person to elsewhere, and gives how many per second went through to
// the next server.
func relayed(b *testing.B, next *nextServer, messages int, connect func(i int) (*sender, error)) float64 {
	b.Helper()
	senders := make([]*sender, people)
	for i := range senders {
		s, err := connect(i)
		if err != nil {
			b.Fatal(err)
		}
		defer s.conn.Close()
		senders[i] = s
	}
	before := next.taken.Load()
	body := text(rand.New(rand.NewPCG(1, 2)), 1, 4<<10)
	body = body[strings.Index(body, "\r\nSubject:"):]
	var number atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for i, s := range senders {
		all.Go(func() {
			for n := number.Add(1); n <= int64(messages); n = number.Add(1) {
				err := s.say(fmt.Sprintf("MAIL FROM:<%s>\r\nRCPT TO:<somebody%d@elsewhere.test>\r\nDATA\r\n", person(i), n%100), "250", "250", "354")
				if err == nil {
					err = s.say(fmt.Sprintf("From: <%s>\r\nTo: <somebody%d@elsewhere.test>%s", person(i), n%100, body), "250")
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if b.Failed() {
		b.FailNow()
	}
	next.wait(b, before, int64(messages))
	return float64(messages) / time.Since(began).Seconds()
}

// BenchmarkFigureRelay is messages per second from submission to the next server's 250, of the box and of Postfix in
// turns, all of which make a message durable before they answer, and relay to one server. The box's senders log in over
// TLS. Like stands beside like: the box whose provider signs beside Postfix as shipped, which sign nothing, and the box
// that signs, with RSA-2048 and Ed25519, beside Postfix for which OpenDKIM signs, with RSA-2048 alone.
func BenchmarkFigureRelay(b *testing.B) {
	const turns, messages = 3, 10_000
	next := startNextServer(b)
	b.Setenv(relayVariable, fmt.Sprint(next.port()))
	box := startSelf(b, "sanduk", scratch(b))
	defer box.stop()
	b.Setenv(unsignedVariable, "yes")
	unsigned := startSelf(b, "sanduk", scratch(b))
	defer unsigned.stop()
	rival := startPostfix(b, next.port())
	defer rival.stop()
	b.Run("relay_of_10,000,_submission_to_the_next_server's_250", func(b *testing.B) {
		// signed holds that each message of a turn bore so many signatures.
		signed := func(each int64, turn func() float64) float64 {
			before := next.signed.Load()
			rate := turn()
			if got := next.signed.Load() - before; got != each*messages {
				b.Errorf("%d messages had %d signatures; want %d on each", messages, got, each)
			}
			return rate
		}
		toPostfix := func(addr string) float64 {
			return relayed(b, next, messages, func(int) (*sender, error) { return dial(addr) })
		}
		var busy figure.Busy
		used := map[*process]time.Duration{}
		toBox := func(box *process) float64 {
			before := box.cpu(b)
			rate := relayed(b, next, messages, func(i int) (*sender, error) { return logIn(box.submissions, person(i)) })
			used[box] += box.cpu(b) - before
			return rate
		}
		rates := figure.InTurn(turns,
			func() float64 {
				return signed(2, func() float64 { return busy.During(b, func() float64 { return toBox(box) }) })
			},
			func() float64 { return signed(0, func() float64 { return toBox(unsigned) }) },
			func() float64 { return signed(0, func() float64 { return toPostfix(rival.addr) }) },
			func() float64 { return signed(1, func() float64 { return toPostfix(rival.signing) }) })
		figure.AtLeast(b, rates.Ratio(0, 3), "x-postfix-that-signs", 3)
		figure.AtLeast(b, rates.Ratio(1, 2), "x-postfix-unsigned", 3)
		b.ReportMetric(rates.Median(0), "msgs/s")
		b.ReportMetric(rates.Median(1), "unsigned-msgs/s")
		b.ReportMetric(rates.Median(2), "postfix-msgs/s")
		b.ReportMetric(rates.Median(3), "postfix-that-signs-msgs/s")
		b.ReportMetric(float64(used[box].Microseconds())/(turns*messages), "cpu-µs/msg")
		b.ReportMetric(float64(used[unsigned].Microseconds())/(turns*messages), "unsigned-cpu-µs/msg")
		b.ReportMetric(busy.Percent(), "%cpu")
	})
}

// BenchmarkRelay is the box alone, one message for each b.N: to be profiled. With SANDUK_RIVAL_UNSIGNED=yes it doesn't sign.
func BenchmarkRelay(b *testing.B) {
	next := startNextServer(b)
	b.Setenv(relayVariable, fmt.Sprint(next.port()))
	box := startSelf(b, "sanduk", scratch(b))
	defer box.stop()
	b.ResetTimer()
	before := box.cpu(b)
	b.ReportMetric(relayed(b, next, b.N, func(i int) (*sender, error) { return logIn(box.submissions, person(i)) }), "msgs/s")
	b.ReportMetric(float64((box.cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/msg")
}
