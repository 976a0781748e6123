package main

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/sanduk-mail/sanduk/services/queue"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
)

// sinkAddress is not the box's own, which is 127.0.0.1.
const sinkAddress = "127.0.0.9"

// patience ends a test that hangs; nothing is expected to take near as long.
const patience = 2 * time.Minute

// relaying is maild and the world that it sends to.
type relaying struct {
	t      *testing.T
	people int
	p      *process
	sink   *sink
}

func newRelaying(t *testing.T, people, hops int, extensions ...string) *relaying {
	t.Helper()
	r := &relaying{t: t, people: people, sink: newSink(t, extensions...)}
	zones := map[string]string{}
	for i := range hops {
		zones[domainOf(i)+"."] = "@ IN MX 10 mx\nmx IN A " + sinkAddress + "\n"
	}
	dns := resolvertest.New(t, zones).Listen(t, "127.0.0.1:0")
	r.p = newProcess(t, people, "--dns", dns.String(), "--mx-port", fmt.Sprint(r.sink.port))
	r.p.start()
	return r
}

// again starts the process that was killed.
func (r *relaying) again() {
	r.t.Helper()
	<-r.p.ended
	r.sink.watch(nil)
	r.sink.next()
	r.p.start()
}

// killAt has the process killed when a session with the sink comes to a step, and the
// submitter has been told that the message is taken: it may be at the sink sooner.
func (r *relaying) killAt(at step, submitted <-chan struct{}) {
	alive := r.p.life
	r.sink.watch(func(now step) (end bool) {
		if now != at {
			return false
		}
		<-submitted
		alive.kill()
		return true
	})
}

// submitter is a logged-in connection to the submission port.
type submitter struct {
	conn net.Conn
	in   *bufio.Reader
	from string
}

func newSubmitter(addr, from string) (s *submitter, err error) {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return nil, err
	}
	s = &submitter{conn, bufio.NewReader(conn), from}
	defer func() {
		if err != nil {
			_ = conn.Close()
		}
	}()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	login := base64.StdEncoding.EncodeToString([]byte("\x00" + from + "\x00" + testPassword))
	return s, s.say("", "220", "EHLO pc.example.test\r\n", "250", "AUTH PLAIN "+login+"\r\n", "235")
}

// replyError says that the box answered otherwise than it should have.
type replyError struct{ got, want string }

func (e *replyError) Error() string { return fmt.Sprintf("got %q, want %s", e.got, e.want) }

// say sends and expects in turn.
func (s *submitter) say(words ...string) error {
	for i, word := range words {
		if i%2 == 0 {
			if _, err := io.WriteString(s.conn, word); err != nil {
				return err
			}
			continue
		}
		for more := true; more; {
			line, err := s.in.ReadString('\n')
			if err != nil {
				return err
			}
			if !strings.HasPrefix(line, word) || len(line) < 4 {
				return &replyError{line, word}
			}
			more = line[3] == '-'
		}
	}
	return nil
}

// submit sends a message of 4 KB to two people at a domain: one who gets it, and one who
// does not exist, of which a report comes back.
func (s *submitter) submit(subject, domain string) error {
	text := "From: " + s.from + "\r\nTo: somebody@" + domain + "\r\nSubject: " + subject + "\r\n\r\n" + strings.Repeat("All of this has to arrive.\r\n", 150)
	return s.say("MAIL FROM:<"+s.from+">\r\n", "250", "RCPT TO:<somebody@"+domain+">\r\n", "250", "RCPT TO:<nobody@"+domain+">\r\n", "250", "DATA\r\n", "354", text+".\r\n", "250")
}

// submit sends one message.
func (r *relaying) submit(subject, domain string) {
	r.t.Helper()
	s, err := newSubmitter(r.p.addrs["submissions"], person(0))
	if err == nil {
		defer s.conn.Close()
		err = s.submit(subject, domain)
	}
	if err != nil {
		r.t.Fatalf("submit %s: %v", subject, err)
	}
}

var subjectOf = regexp.MustCompile(`\nSubject: (message [^\r]*)\r`)

// reports counts those in the senders' mailboxes, by the subject of the message that
// they are about.
func (r *relaying) reports() map[string]int {
	r.t.Helper()
	counts := map[string]int{}
	for i := range r.people {
		r.reportsTo(person(i), counts)
	}
	return counts
}

func (r *relaying) reportsTo(who string, counts map[string]int) {
	r.t.Helper()
	c, err := imapclient.DialTLS(r.p.addrs["imaps"], &imapclient.Options{TLSConfig: &tls.Config{InsecureSkipVerify: true}})
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	if err := c.Login(who, testPassword).Wait(); err != nil {
		r.t.Fatal(err)
	}
	if selected, err := c.Select("INBOX", nil).Wait(); err != nil || selected.NumMessages == 0 {
		return
	}
	list, err := c.Fetch(imap.SeqSet{imap.SeqRange{Start: 1, Stop: 0}}, &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{{Peek: true}}}).Collect()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, m := range list {
		for _, section := range m.BodySection {
			if subject := subjectOf.FindSubmatch(section.Bytes); subject != nil {
				counts[string(subject[1])]++
			}
		}
	}
}

// await waits until there is a report about each message. By then the queue has
// nothing left of it. What another process has done is seen by looking again.
func (r *relaying) await(subjects ...string) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		got, missing := r.reports(), ""
		for _, subject := range subjects {
			if got[subject] == 0 {
				missing = subject
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			r.p.kill()
			r.t.Fatalf("nothing is heard of %q, which the sink has taken %d times\n%s", missing, len(r.sink.lives(missing)), &r.p.log)
		}
	}
}

// TestRelayKilled kills maild at every step of a relay. The other server has the
// message once; twice only when it had said 250 and that was not on our disk yet. The
// sender hears of it once, whatever happened.
func TestRelayKilled(t *testing.T) {
	t.Parallel()
	dialects := map[string][]string{"DATA": nil}
	if os.Getenv("SANDUK_LONG") != "" {
		dialects["PIPELINING"] = []string{"PIPELINING"}
		dialects["BDAT"] = []string{"PIPELINING", "CHUNKING"}
	}
	steps := []step{stepSubmitted, stepConnect, stepEHLO, stepMAIL, stepRCPT, stepRefused, stepDATA, stepText, stepDot, stepTaken, stepRecorded}
	for name, extensions := range dialects {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRelaying(t, 1, len(steps), extensions...)
			var all []string
			for i, at := range steps {
				subject := fmt.Sprintf("message %d, killed %s", i, at)
				all = append(all, subject)
				r.killed(at, subject, domainOf(i))
			}
			r.await(all...)
			reports := r.reports()
			for i, subject := range all {
				most := 1
				if steps[i] == stepTaken {
					most = 2
				}
				if n := len(r.sink.lives(subject)); n < 1 || n > most {
					t.Errorf("%s: it was taken %d times; want once, or %d times", subject, n, most)
				}
				if reports[subject] != 1 {
					t.Errorf("%s: %d reports; want one", subject, reports[subject])
				}
			}
		})
	}
}

// killed sends a message and kills the process at a step of its relay.
func (r *relaying) killed(at step, subject, domain string) {
	r.t.Helper()
	switch at {
	case stepSubmitted: // nothing has happened there until it is killed
		gone := r.p.ended
		r.sink.watch(func(step) bool { <-gone; return true })
		r.submit(subject, domain)
		r.p.kill()
	case stepRecorded:
		r.submit(subject, domain)
		r.await(subject)
		r.p.kill()
	default:
		submitted := make(chan struct{})
		r.killAt(at, submitted)
		func() {
			defer close(submitted)
			r.submit(subject, domain)
		}()
	}
	r.again()
	r.await(subject) // or the next one's step would be this one's
}

// TestKilledUnderLoad kills maild at random while mail goes out. All that it took is at
// the other server, or came back, once; twice at most what the process had on the way
// when it was killed: as many as go to one Hop at a time.
func TestKilledUnderLoad(t *testing.T) {
	t.Parallel()
	kills, people, hops := 5, 1, 2
	if os.Getenv("SANDUK_LONG") != "" {
		kills, people = 60, 20 // who may send a thousand messages a day each
	}
	r := newRelaying(t, people, hops, "PIPELINING", "CHUNKING")
	var mu sync.Mutex
	var accepted []string // guarded by mu
	done := make(chan struct{})
	var submitting sync.WaitGroup
	for worker := range 3 {
		submitting.Go(func() {
			for i := 0; ; {
				s, err := newSubmitter(r.p.addrs["submissions"], person(rand.IntN(people)))
				for err == nil {
					select {
					case <-done:
						_ = s.conn.Close()
						return
					default:
					}
					i++ // what was not acknowledged may be there, or not
					subject := fmt.Sprintf("message %d of %d", i, worker)
					if err = s.submit(subject, domainOf(i%hops)); err == nil {
						mu.Lock()
						accepted = append(accepted, subject)
						mu.Unlock()
					}
				}
				if s != nil {
					_ = s.conn.Close()
				}
				if wrong, ok := errors.AsType[*replyError](err); ok { // else it was killed
					t.Error(wrong)
					return
				}
			}
		})
	}
	for range kills {
		r.killSoon(func() int { mu.Lock(); defer mu.Unlock(); return len(accepted) })
		r.again()
	}
	close(done)
	submitting.Wait()
	r.await(accepted...)
	r.account(accepted, hops)
}

func domainOf(i int) string { return fmt.Sprintf("far%d.test", i) }

// killSoon kills the process at some moment after it has taken some messages.
func (r *relaying) killSoon(accepted func() int) {
	r.t.Helper()
	before := accepted()
	for deadline := time.Now().Add(patience); accepted() < before+5; time.Sleep(time.Millisecond) {
		if r.t.Failed() || time.Now().After(deadline) {
			r.p.kill()
			r.t.Fatalf("nothing is taken any more\n%s", &r.p.log)
		}
	}
	time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond) // any moment is a good one
	r.p.kill()
}

// account looks whether all that was accepted has arrived or come back.
func (r *relaying) account(accepted []string, hops int) {
	r.t.Helper()
	reports := r.reports()
	twice := map[int]int{} // by the life that said nothing of it to its disk
	total := 0
	for _, subject := range accepted {
		lives := r.sink.lives(subject)
		if len(lives) == 0 {
			r.t.Errorf("%s has not arrived", subject)
		}
		for n := 1; n < len(lives); n++ {
			total++
			if twice[lives[n-1]]++; lives[n] == lives[n-1] {
				r.t.Errorf("%s was taken twice from the same process", subject)
			}
		}
		if reports[subject] != 1 {
			r.t.Errorf("%s: %d reports; want one", subject, reports[subject])
		}
	}
	for life, n := range twice {
		if n > hops*queue.DefaultPerHop {
			r.t.Errorf("of process %d, %d messages came twice; want at most %d", life, n, hops*queue.DefaultPerHop)
		}
	}
	r.t.Logf("%d messages accepted, %d taken twice", len(accepted), total)
}
