package office

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sanduk-mail/sanduk/services/aggregate"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
)

// mx is another server, which takes mail for everybody but nobody@.
type mx struct {
	world *resolvertest.Internet // of newFar
	mu    sync.Mutex
	got   []string
}

// newFar starts the server of far.test, until the test ends; reach has an office find it.
func newFar(t *testing.T) (far *mx, reach func(*Options)) {
	t.Helper()
	world := resolvertest.New(t, map[string]string{"far.test.": "@ IN MX 10 mx\nmx IN A 127.0.0.9\n"})
	l, err := net.Listen("tcp", "127.0.0.9:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	far = &mx{world: world}
	go far.serve(t, l)
	return far, func(options *Options) {
		options.DNS, options.Outgoing = world.Client(), Outgoing{DNS: world.Client(), Port: uint16(l.Addr().(*net.TCPAddr).Port)}
	}
}

func (m *mx) serve(t *testing.T, l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go m.session(t, c)
	}
}

func (m *mx) session(t *testing.T, c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	say := func(s string) { fmt.Fprintf(c, "%s\r\n", s) }
	say("220 mx.far.test ESMTP")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(strings.Fields(line + " x")[0]); {
		case verb == "EHLO":
			say("250 mx.far.test")
		case verb == "RCPT" && strings.Contains(line, "nobody@"):
			say("550 5.1.1 we have nobody of that name")
		case verb == "DATA":
			say("354 go on")
			var b strings.Builder
			for line, err = r.ReadString('\n'); err == nil && line != ".\r\n"; line, err = r.ReadString('\n') {
				b.WriteString(line)
			}
			m.mu.Lock()
			m.got = append(m.got, b.String())
			m.mu.Unlock()
			say("250 2.0.0 taken")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("250 2.0.0 ok")
		}
	}
}

// TestOutgoing sends from a desk of the office to another server: once with a
// recipient here in the same message's record, and once to somebody whom that server
// refuses, of which the sender reads in the inbox.
func TestOutgoing(t *testing.T) {
	t.Parallel()
	far, reach := newFar(t)
	o := startOffice(t, t.TempDir(), reach)
	o.setUpNow(t, 0)
	if err := o.submit(t, "somebody@far.test", "Subject: out\r\n\r\nhello\r\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the message is there", func() bool {
		far.mu.Lock()
		defer far.mu.Unlock()
		return len(far.got) == 1 && strings.Contains(far.got[0], "Subject: out\r\n") && strings.Contains(far.got[0], "Received: ")
	})
	far.mu.Lock()
	sent := far.got[0]
	far.mu.Unlock()
	signedBy(t, o, far.world, sent, testDomain)
	if err := o.aggregate.Keep(); err != nil {
		t.Error(err)
	}
	kept, err := os.ReadFile(filepath.Join(o.data, aggregate.File))
	var counts struct{ TLS []byte }
	if err == nil {
		err = json.Unmarshal(kept[1:], &counts)
	}
	if !strings.Contains(string(counts.TLS), `"result":"starttls-not-supported","server":"mx.far.test"`) {
		t.Errorf("counted of the session is %s, %v; want that it went without TLS", counts.TLS, err)
	}
	if err := o.submit(t, "nobody@far.test", "Subject: lost\r\n\r\nhello\r\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the queue is empty", func() bool { return o.queue.Stats().Items == 0 })
	inbox := o.fetch(t, "alice")
	if len(inbox) != 1 || !strings.Contains(inbox[0], "550 5.1.1 we have nobody of that name") || !strings.Contains(inbox[0], "Action: failed") || !strings.Contains(inbox[0], "Subject: lost") {
		t.Errorf("alice's inbox: %q; want a report", inbox)
	}
}

// TestDeadLine: while nothing can leave, mail inside the office is there with its 250, and
// what is for outside waits.
func TestDeadLine(t *testing.T) {
	t.Parallel()
	world := resolvertest.New(t, map[string]string{"far.test.": "@ IN MX 10 mx\nmx IN A 127.0.0.11\n"})
	world.Fail("far.test", "*", resolvertest.Fault{Rcode: dns.RcodeServerFailure})
	o := startOffice(t, t.TempDir(), func(options *Options) {
		options.DNS, options.Outgoing = world.Client(), Outgoing{DNS: world.Client(), Port: 1}
	})
	o.setUpNow(t, 0)
	for i := range 30 {
		for _, to := range []string{fmt.Sprintf("person%d@far.test", i), "bob@" + testDomain} {
			if err := o.submit(t, to, fmt.Sprintf("Subject: %d\r\n\r\nhello\r\n", i)); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(o.fetch(t, "bob")); n != i+1 {
			t.Fatalf("bob has %d messages behind the 250 of %d", n, i+1)
		}
	}
	if n := o.queue.Stats().Items; n != 30 {
		t.Errorf("%d messages wait; want all for outside", n)
	}
}

// TestNoWayOut: where the set-up says that no mail leaves, the sender is told so.
func TestNoWayOut(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	text := strings.Replace(string(document(t, 0)), "{", `{"outbound":{"mode":"none"},`, 1)
	if err := o.SetUpFromFile(t.Context(), []byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := o.submit(t, "somebody@far.test", "Subject: out\r\n\r\nhello\r\n"); err == nil || !strings.Contains(err.Error(), "outside") {
		t.Errorf("submit = %v; want it refused", err)
	}
}

// TestBlackHole: servers that take connections and never say a word keep nobody else's
// mail, however many messages wait for them.
func TestBlackHole(t *testing.T) {
	t.Parallel()
	far, reach := newFar(t)
	o := startOffice(t, t.TempDir(), reach)
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.13:%d", o.options.Outgoing.Port))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	taken := make(chan net.Conn, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			taken <- c
		}
	}()
	far.world.Add(t, "hole.test.", "@ IN MX 10 mx\nmx IN A 127.0.0.13\n")
	o.setUpNow(t, 0)
	for i := range 50 {
		if err := o.submit(t, fmt.Sprintf("person%d@hole.test", i), "Subject: swallowed\r\n\r\nhello\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	c := <-taken // they are being tried
	defer func() { _ = c.Close() }()
	if err := o.submit(t, "somebody@far.test", "Subject: beside\r\n\r\nhello\r\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what goes elsewhere has gone", func() bool {
		far.mu.Lock()
		defer far.mu.Unlock()
		return strings.Contains(strings.Join(far.got, "\n"), "Subject: beside")
	})
	eventually(t, "only the 50 for those who don't answer wait", func() bool { return o.queue.Stats().Items == 50 })
}

// eventually waits for what other goroutines are about to do.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
