package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/mailtest"
	"github.com/sanduk-mail/sanduk/services/reception"
	"github.com/sanduk-mail/sanduk/services/smtpd"
)

// room is a mailroom that keeps all it gets, but for nobody.
type room struct {
	mu        sync.Mutex
	envelopes []mail.Envelope
	bodies    []string
}

func (r *room) Sender(context.Context, *mail.Peer, mail.Address) error { return nil }

func (r *room) Recipient(_ context.Context, _ *mail.Envelope, to mail.Address) error {
	if to.Local == "nobody" {
		return &mail.Refusal{Status: mail.Status5_1_1NoSuchMailbox, Text: "Nobody here has this address"}
	}
	return nil
}

func (r *room) Deliver(_ context.Context, e *mail.Envelope, body *draft.Draft) error {
	text, err := io.ReadAll(body.Reader())
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.envelopes, r.bodies = append(r.envelopes, *e), append(r.bodies, string(text))
	return nil
}

type noAuth struct{}

func (noAuth) Mechanisms(bool) []string           { return nil }
func (noAuth) External(*tls.ConnectionState) bool { return false }
func (noAuth) Start(string, netip.Addr, *tls.ConnectionState) (auth.Exchange, error) {
	return nil, mail.ErrDenied
}

// ownServer serves a session of our own server.
func ownServer(t testing.TB, r smtpd.Mailroom, limit int64) func(net.Conn) {
	t.Helper()
	fs, err := durable.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	spool, err := draft.NewSpool(fs, "spool", nil)
	if err != nil {
		t.Fatal(err)
	}
	config, _ := mailtest.TLS(t)
	s := smtpd.New(smtpd.Options{
		Hostname: func() string { return "mx.peer.test" }, Mailroom: r, Auth: noAuth{}, TLS: config, Draft: spool.New, MaxSize: limit,
		Trusted: func(netip.Addr) bool { return true }, Log: slog.New(slog.DiscardHandler),
	})
	l := &connListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l, smtpd.Mode{}) }()
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, reception.ErrClosed) {
			t.Errorf("Serve: %v", err)
		}
		if s.Panics() != 0 {
			t.Error("a session of the server panicked")
		}
	})
	return l.serve
}

// connListener gives the connections of a world to a server's Serve.
type connListener struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

// kept is a connection that tells when its server has closed it.
type kept struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

func (k *kept) Close() error {
	k.once.Do(func() { close(k.closed) })
	return k.Conn.Close()
}

func (l *connListener) serve(c net.Conn) {
	k := &kept{Conn: c, closed: make(chan struct{})}
	select {
	case l.conns <- k:
		<-k.closed
	case <-l.closed:
	}
}

func (l *connListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *connListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *connListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 25} }

// TestOwnServer sends to our own server what is hard to send.
func TestOwnServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := &room{}
		w.hosts["192.0.2.1:25"] = ownServer(t, r, 4<<20)
		c := w.client(t)
		for name, text := range map[string]string{
			"dots":   "Subject: x\r\n\r\n.\r\n..\r\n.\r\nend\r\n",
			"8bit":   "Subject: x\r\n\r\nM\u00fcller \xff\r\n",
			"large":  "Subject: x\r\n\r\n" + strings.Repeat(strings.Repeat("y", 70)+"\r\n", 3<<20/72),
			"no end": "Subject: x\r\n\r\nlast",
			"empty":  "Subject: x\r\n\r\n",
		} {
			before := len(r.bodies)
			got := c.Send(t.Context(), job("peer.test", text, "one", "nobody", "two"))
			if got, want := fates(got), "relayed 250 2.0.0, failed 550 5.1.1, relayed 250 2.0.0"; got != want {
				t.Errorf("%s: got %s, want %s", name, got, want)
				continue
			}
			if !strings.HasPrefix(got[0].TLS, "TLS 1.3 ") {
				t.Errorf("%s: TLS is %q", name, got[0].TLS)
			}
			if len(r.bodies) != before+1 || strings.TrimSuffix(r.bodies[before], "\r\n") != strings.TrimSuffix(text, "\r\n") {
				t.Errorf("%s: the server has not what was sent", name)
			}
		}
		j := job("peer.test", "Subject: \u00fc\r\n\r\nx\r\n", "j\u00fcrgen")
		j.UTF8, j.Wishes = true, mail.Wishes{Return: mail.ReturnHeaders, EnvelopeID: "id+1"}
		j.To[0].Notify, j.To[0].Original = mail.NotifySuccess|mail.NotifyFailure, "utf-8;j\u00fcrgen@b.test"
		got := c.Send(t.Context(), j)
		if fates(got) != "relayed 250 2.0.0" || !r.envelopes[len(r.envelopes)-1].UTF8 {
			t.Errorf("SMTPUTF8: got %s %q", fates(got), got[0].Reply.Text)
		}
		if got := c.Send(t.Context(), job("peer.test", strings.Repeat("x\r\n", 2<<20), "one")); fates(got) != "failed 0 5.3.4" {
			t.Errorf("too large: got %s", fates(got))
		}
	})
}

// witness is go-smtp's server, which writes down what it is told.
type witness struct {
	mu   sync.Mutex
	told []string
}

func (w *witness) NewSession(*smtp.Conn) (smtp.Session, error) { return w, nil }
func (w *witness) Reset()                                      {}
func (w *witness) Logout() error                               { return nil }
func (w *witness) AuthMechanisms() []string                    { return []string{sasl.Plain} }

func (w *witness) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "box" || password != "secret" {
			return errors.New("no")
		}
		return nil
	}), nil
}

func (w *witness) add(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, fmt.Sprintf(format, args...))
}

func (w *witness) Mail(from string, o *smtp.MailOptions) error {
	w.add("MAIL %s body=%s size=%d utf8=%t ret=%s id=%s", from, o.Body, o.Size, o.UTF8, o.Return, o.EnvelopeID)
	return nil
}

func (w *witness) Rcpt(to string, o *smtp.RcptOptions) error {
	w.add("RCPT %s notify=%v original=%s", to, o.Notify, o.OriginalRecipient)
	return nil
}

func (w *witness) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	w.add("DATA %s", text)
	return err
}

// TestWitness has another implementation say what our commands mean.
func TestWitness(t *testing.T) {
	t.Parallel()
	config, trusted := mailtest.TLS(t)
	backend := &witness{}
	s := smtp.NewServer(backend)
	s.EnableDSN, s.EnableSMTPUTF8, s.TLSConfig, s.Domain = true, true, config, "smart.test"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-served })

	w := newWorld(t)
	route := Route{Host: mailtest.Hostname, User: "box", Password: "secret"}
	w.Add(t, "example.test", "mail A 192.0.2.1")
	c := w.client(t, func(o *Options) {
		o.Route = func(mail.Hop) Route { return route }
		o.Roots = trusted.RootCAs
		o.Dial = func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
		}
	})
	j := job("peer.test", testMessage, "one")
	j.Wishes = mail.Wishes{Return: mail.ReturnFull, EnvelopeID: "a=b c"}
	j.To[0].Notify, j.To[0].Original = mail.NotifyDelay|mail.NotifySuccess, "rfc822;o+n=e@b.test"
	got := c.Send(t.Context(), j)
	if got := got[0]; got.Fate != mail.FateRelayed || !got.Reports || !strings.HasSuffix(got.TLS, "certificate verified") {
		t.Fatalf("got %+v", got)
	}
	want := []string{
		fmt.Sprintf("MAIL a@example.test body= size=%d utf8=false ret=FULL id=a=b c", len(testMessage)),
		"RCPT one@peer.test notify=[SUCCESS DELAY] original=o+n=e@b.test",
		"DATA " + testMessage,
	}
	if !reflect.DeepEqual(backend.told, want) {
		t.Errorf("the server was told\n%q\nwant\n%q", backend.told, want)
	}
	c.Close()

	c = w.client(t, func(o *Options) {
		*o = c.options
		route.Password = "wrong"
	})
	if got := c.Send(t.Context(), j); fates(got) != "deferred 454 4.7.8" && fates(got) != "deferred 535 4.7.8" {
		t.Errorf("wrong password: got %s %q", fates(got), got[0].Reply.Text)
	}
}

// BenchmarkSend is messages over one connection in memory to a server that throws
// them away.
func BenchmarkSend(b *testing.B) {
	for _, ehlo := range [][]string{{"PIPELINING"}, everything()} {
		b.Run(ehlo[len(ehlo)-1], func(b *testing.B) {
			w := newWorld(b)
			w.hosts["192.0.2.1:25"] = (&server{ehlo: ehlo, discard: true}).serve
			c := w.client(b)
			text := "Subject: x\r\n\r\n" + strings.Repeat(strings.Repeat("y", 70)+"\r\n", 5000/72)
			j := job("peer.test", text, "one")
			b.SetBytes(int64(len(text)))
			began := time.Now()
			for b.Loop() {
				if got := c.Send(b.Context(), j); got[0].Fate != mail.FateRelayed {
					b.Fatalf("%+v", got)
				}
			}
			b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "msg/s")
		})
	}
}
