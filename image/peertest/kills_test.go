package peertest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// long says that the tests run in their full form.
func long() bool { return os.Getenv("SANDUK_LONG") != "" }

// killedLetters is how many letters go each way with each peer while the box is killed. The box lets a stranger's address
// call 120 times at once and then twice a second, and Exim calls anew for each letter: more would measure that.
const killedLetters = 200

// killTime bounds the wait for all of them: peers that found nobody come again after a while.
const killTime = 8 * time.Minute

// killed exchanges letters with all peers while the box is killed again and again. What was acknowledged arrives; more
// than once only where a cut fell between a server's having it and the other's knowing that.
func killed(t *testing.T, trials []*trial) {
	b, done := trials[0].b, make(chan struct{})
	var busy sync.WaitGroup
	var acknowledged atomic.Int64
	for n, r := range trials {
		from := fmt.Sprintf("person%02d@box.test", n)
		b.api(t, "PATCH", "/api/accounts/"+from+"/limits", fmt.Sprintf(`{"messages":%d}`, 10*killedLetters))
		busy.Go(func() { r.submitAll(t, from, &acknowledged) })
		busy.Go(func() {
			for i := range killedLetters {
				l := newLetter("bob@"+r.p.domain(), alice)
				l.body = fmt.Sprintf("inward-%s-%04d.\r\n", r.p.name, i)
				l.inject(t, r.p)
			}
		})
	}
	go func() {
		busy.Wait()
		close(done)
	}()
	kills := 0
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		case <-time.After(time.Second + rand.N(4*time.Second)):
			b.kill()
			b.start(t)
			kills++
		}
	}
	t.Logf("%d letters were acknowledged, with %d kills", acknowledged.Load(), kills)
	if kills == 0 {
		t.Error("the box was never killed")
	}
	for _, r := range trials {
		r.counted(t, "outward", func() []string { return r.p.found(t, "outward-"+r.p.name) })
		r.counted(t, "inward", func() []string {
			r.p.again(t)
			return b.found(t, alice, "inward-"+r.p.name)
		})
	}
}

// submitAll gives the box its letters for one peer, each until it is acknowledged.
func (r *trial) submitAll(t *testing.T, from string, acknowledged *atomic.Int64) {
	var c *smtp.Client
	for limit, i := time.Now().Add(killTime), 0; i < killedLetters; {
		if time.Now().After(limit) {
			t.Errorf("%s: %d of %d letters were taken within %v", r.p.name, i, killedLetters, killTime)
			return
		}
		l := newLetter(from, "bob@"+r.p.domain())
		l.body = fmt.Sprintf("outward-%s-%04d.\r\n", r.p.name, i)
		if c == nil {
			var err error
			if c, err = smtp.DialTLS(boxAddr+":465", insecure()); err == nil {
				err = c.Auth(sasl.NewPlainClient("", from, password))
			}
			if err != nil {
				c = nil
				time.Sleep(100 * time.Millisecond) // another process is waited for
				continue
			}
		}
		if err := l.give(c); err != nil {
			c.Close()
			c = nil
			continue
		}
		i++
		acknowledged.Add(1)
	}
}

// counted waits until the letters of one way are all there, and says how many came more than once: when
// a cut leaves in doubt whether somebody has a letter, it is sent again, and each kill may do that to it.
func (r *trial) counted(t *testing.T, way string, list func() []string) {
	t.Helper()
	number := regexp.MustCompile(way + "-" + r.p.name + `-(\d{4})\.`)
	var seen map[string]int
	for limit := time.Now().Add(killTime); len(seen) < killedLetters; time.Sleep(2 * time.Second) { // other processes are waited for
		if time.Now().After(limit) {
			t.Fatalf("%s with %s: %d of %d letters are there", way, r.p.name, len(seen), killedLetters)
		}
		seen = make(map[string]int)
		for _, text := range list() {
			if m := number.FindStringSubmatch(text); m != nil {
				seen[m[1]]++
			}
		}
	}
	twice := 0
	for _, n := range seen {
		if n > 1 {
			twice++
		}
	}
	t.Logf("%s with %s: all are there, %d more than once", way, r.p.name, twice)
}
