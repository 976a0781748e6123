package web

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// counted is a queue of which only the number of messages is told.
type counted struct {
	line
	mu sync.Mutex
	n  int
}

func (c *counted) Counts(context.Context) (mail.WaitingStats, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return mail.WaitingStats{Messages: c.n}, nil
}

func (c *counted) set(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n = n
}

// listener is a response that is read while it is written, or not at all.
type listener struct {
	mu       sync.Mutex
	header   http.Header
	got      strings.Builder
	asleep   bool // reads nothing: each Write waits until its deadline
	deadline time.Time
}

func (l *listener) Header() http.Header                { return l.header }
func (l *listener) WriteHeader(int)                    {}
func (l *listener) Flush()                             {}
func (l *listener) SetReadDeadline(time.Time) error    { return nil }
func (l *listener) SetWriteDeadline(t time.Time) error { l.deadline = t; return nil }
func (l *listener) Write(p []byte) (int, error) {
	if l.asleep {
		time.Sleep(time.Until(l.deadline)) // as a connection whose window is full
		return 0, os.ErrDeadlineExceeded
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.got.Write(p)
}

func (l *listener) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.got.String()
}

// listen opens a stream, and says when it has ended.
func (b *box) listen(ctx context.Context, l *listener, topics, cookie string) (over chan struct{}) {
	l.header = http.Header{}
	r := httptest.NewRequestWithContext(ctx, "GET", "/api/events?topics="+topics, nil)
	r.RemoteAddr, r.Host = lan, "192.168.1.20"
	r.Header.Set("Cookie", cookie)
	over = make(chan struct{})
	go func() {
		defer close(over)
		b.SecureHandler().ServeHTTP(l, r)
		saw(r.Pattern)
	}()
	return over
}

// TestEvents: a page hears of what it listens to within a second, and of nothing else; the
// stream ends with the session, which it doesn't keep, and nobody looks when nobody listens.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := &counted{}
		b := setUpBox(t, func(o *Options) { o.Queue, o.Clock = queue, time.Now })
		admin := b.signIn("admin@example.test", "a long enough one")
		alice := b.signIn("alice@example.test", "her long password")
		var l, hers listener
		over, gone := b.listen(t.Context(), &l, "queue,jobs", admin), b.listen(t.Context(), &hers, "queue,jobs", alice)
		time.Sleep(3 * lookEvery)
		if got := l.text(); got != ": here\nretry: 5000\n\n" || l.header.Get("Content-Type") != "text/event-stream" {
			t.Errorf("at the beginning: %q, %v", got, l.header)
		}
		queue.set(1)
		time.Sleep(lookEvery + time.Millisecond)
		if got := l.text(); !strings.HasSuffix(got, "event: change\ndata: queue\n\n") {
			t.Errorf("a message waits: %q", got)
		}
		if got := hers.text(); strings.Contains(got, "queue") {
			t.Errorf("who may not see the queue hears of it: %q", got)
		}
		time.Sleep(beatEvery)
		if got := l.text(); !strings.HasSuffix(got, ": still here\n\n") || strings.Count(got, "event:") != 1 {
			t.Errorf("nothing changed: %q", got)
		}
		time.Sleep(sessionIdle)
		<-over
		<-gone
		time.Sleep(lookEvery + time.Millisecond)
		b.streams.mu.Lock()
		defer b.streams.mu.Unlock()
		if b.streams.looks || len(b.streams.all) != 0 {
			t.Error("somebody looks for changes, and nobody listens")
		}
	})
}

// TestEventsEnd: whoever is signed out, disabled or loses a role hears nothing more; who
// doesn't read is left; nobody has too many; and a box that goes down waits for none.
func TestEventsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setUpBox(t, func(o *Options) { o.Queue = &counted{} })
		be := func(role mail.AccountRole, disabled bool) {
			b.office.mu.Lock()
			defer b.office.mu.Unlock()
			b.office.accounts[1].Role, b.office.accounts[1].Disabled = role, disabled
		}
		ends := map[string]func(cookie string){
			"signed out": func(cookie string) { b.do("DELETE", "/api/session", "", "Cookie", cookie) },
			"disabled":   func(string) { be(mail.RoleAdmin, true) },
			"role":       func(string) { be(mail.RoleUser, false) },
			"reader":     func(string) {},
		}
		for name, end := range ends {
			be(mail.RoleAdmin, false)
			cookie := b.signIn("alice@example.test", "her long password")
			began := time.Now()
			over := b.listen(t.Context(), &listener{asleep: name == "reader"}, "queue", cookie)
			synctest.Wait()
			end(cookie)
			<-over
			if took := time.Since(began); took > beatEvery {
				t.Errorf("%s: the stream went on for %s", name, took)
			}
		}
		be(mail.RoleAdmin, false)
		cookie := b.signIn("alice@example.test", "her long password")
		for _, bad := range []string{"", "nothing", "queue,nothing"} {
			b.want(b.do("GET", "/api/events?topics="+bad, "", "Cookie", cookie), http.StatusBadRequest, "topics")
		}
		ctx, cancel := context.WithCancel(t.Context())
		var open []chan struct{}
		for range maxAccountStreams {
			open = append(open, b.listen(ctx, &listener{}, "jobs", cookie))
		}
		synctest.Wait()
		b.want(b.do("GET", "/api/events?topics=jobs", "", "Cookie", cookie), http.StatusServiceUnavailable, "")
		cancel() // the browser goes
		for _, over := range open {
			<-over
		}
		over := b.listen(t.Context(), &listener{}, "jobs", cookie)
		synctest.Wait()
		if err := b.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		<-over
		b.want(b.do("GET", "/api/events?topics=jobs", "", "Cookie", cookie), http.StatusServiceUnavailable, "")
	})
}

// TestEventsOverTLS: a stream comes through all that stands around the handlers, as it is
// written.
func TestEventsOverTLS(t *testing.T) {
	t.Parallel()
	queue := &counted{}
	b := setUpBox(t, func(o *Options) {
		o.Queue = queue
		o.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{o.Certificates.Leaf()}, PrivateKey: o.Box.(*office).key}}}
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- b.Serve(l, Secure) }()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+l.Addr().String()+"/api/events?topics=queue", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", b.signIn("admin@example.test", "a long enough one"))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.ProtoMajor != 2 {
		t.Errorf("HTTP/%d; want 2", answer.ProtoMajor)
	}
	lines := bufio.NewScanner(answer.Body)
	for n := 0; lines.Scan(); n++ {
		if lines.Text() == "" { // the beginning is there: from now on something happens
			queue.set(n + 1)
		}
		if lines.Text() == "data: queue" {
			break
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if err := b.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
