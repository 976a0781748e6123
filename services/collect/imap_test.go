package collect

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"github.com/sanduk-mail/sanduk/services/mailtest"
	"github.com/sanduk-mail/sanduk/services/setup"
)

// imapProvider is go-imap's server in memory.
type imapProvider struct {
	listener *mailtest.Listener
	server   *imapserver.Server
	user     *imapmemserver.User
	sessions atomic.Int32
	cut      atomic.Int64 // bytes from the server after which a connection goes; 0: never
}

func newIMAPProvider(t testing.TB, config *tls.Config) *imapProvider {
	p := &imapProvider{listener: mailtest.Listen(143), user: imapmemserver.NewUser("office", "secret")}
	if err := p.user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	memory := imapmemserver.New()
	memory.AddUser(p.user)
	p.server = imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			p.sessions.Add(1)
			return memory.NewSession(), nil, nil
		},
		Caps: imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapUIDPlus: {}}, InsecureAuth: true, TLSConfig: config,
	})
	go func() { _ = p.server.Serve(p.listener) }()
	t.Cleanup(func() { _ = p.server.Close() })
	return p
}

func (p *imapProvider) dial(context.Context, string, string) (net.Conn, error) {
	conn, err := p.listener.Dial()
	if most := p.cut.Load(); err == nil && most > 0 {
		return &cutConn{conn, most}, nil
	}
	return conn, err
}

// cutConn goes after some bytes.
type cutConn struct {
	net.Conn
	left int64
}

func (c *cutConn) Read(b []byte) (int, error) {
	if c.left <= 0 {
		_ = c.Close()
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Read(b[:min(int64(len(b)), c.left)])
	c.left -= int64(n)
	return n, err
}

// literal is a message to append.
type literal struct{ *strings.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

func (p *imapProvider) put(t testing.TB, text string) {
	t.Helper()
	at := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
	if _, err := p.user.Append("INBOX", literal{strings.NewReader(text)}, &imap.AppendOptions{Time: at}); err != nil {
		t.Fatal(err)
	}
}

func (p *imapProvider) left(t testing.TB) uint32 {
	t.Helper()
	data, err := p.user.Status("INBOX", &imap.StatusOptions{NumMessages: true})
	if err != nil {
		t.Fatal(err)
	}
	return *data.NumMessages
}

func imapSource() Source {
	s := popSource()
	s.Protocol, s.Host, s.Port = setup.ProtocolIMAP, "imap.provider.test", 143
	return s
}

// TestIMAP: the same by IMAP, also over STARTTLS, whose certificate is checked.
func TestIMAP(t *testing.T) {
	t.Parallel()
	p := newIMAPProvider(t, nil)
	for i := range 3 {
		p.put(t, letter("alice@office.test", fmt.Sprintf("text %d.", i)))
	}
	p.put(t, letter("nobody@office.test", "for nobody"))
	b := openBox(t, newDisk(), t.TempDir(), p.dial)
	defer b.close()
	s := imapSource()
	s.Leave = -1
	for _, want := range []count{{collected: 4, unsorted: 1}, {}} {
		if r, err := b.once(s); err != nil || r.count != want {
			t.Errorf("got %+v, %v; want %+v", r.count, err, want)
		}
	}
	if len(b.inbox(1)) != 3 || b.has(1, "text 1.") != 1 || len(b.inbox(3)) != 1 || p.left(t) != 4 {
		t.Errorf("here %d and %d, there %d; want 3, 1, 4", len(b.inbox(1)), len(b.inbox(3)), p.left(t))
	}
	s.Leave = 0
	if r, err := b.once(s); err != nil || r.count.deleted != 4 || p.left(t) != 0 {
		t.Errorf("got %+v, %v, %d left; want all deleted", r.count, err, p.left(t))
	}
	s.Password = "wrong"
	if _, err := b.once(s); !isAuth(err) {
		t.Errorf("a wrong password gives %v", err)
	}
}

// TestIMAPTLS: nobody gets the password who can't show that he is the provider.
func TestIMAPTLS(t *testing.T) {
	t.Parallel()
	server, client := mailtest.TLS(t)
	p := newIMAPProvider(t, server)
	p.put(t, letter("alice@office.test", "over TLS"))
	b := openBox(t, newDisk(), t.TempDir(), p.dial)
	defer b.close()
	s := imapSource()
	s.TLS = setup.TLSStartTLS
	if _, err := b.once(s); err == nil || !strings.Contains(words(&s, err), "certificate that is not good") {
		t.Errorf("a certificate of another name gives %v", err)
	}
	if got := words(&s, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}); !strings.Contains(got, "nobody this box trusts has signed") {
		t.Errorf("a certificate of somebody unknown gives %q", got)
	}
	b.c.o.Roots, s.Host = client.RootCAs, client.ServerName
	if r, err := b.once(s); err != nil || r.count.collected != 1 {
		t.Errorf("with its certificate: %+v, %v; want one message", r.count, err)
	}
	plain := newIMAPProvider(t, nil)
	b.c.o.Dial = plain.dial
	if _, err := b.once(s); err == nil || !strings.Contains(words(&s, err), "offers no TLS") {
		t.Errorf("without STARTTLS: %v", err)
	}
}

// TestIMAPDrop: wherever the connection goes, each message is here once in the end.
func TestIMAPDrop(t *testing.T) {
	t.Parallel()
	for most := int64(40); ; most += 173 {
		p := newIMAPProvider(t, nil)
		for i := range 3 {
			p.put(t, letter("alice@office.test", fmt.Sprintf("text %d.", i)))
		}
		b := openBox(t, newDisk(), t.TempDir(), p.dial)
		p.cut.Store(most)
		_, err := b.once(imapSource())
		p.cut.Store(0)
		if _, again := b.once(imapSource()); again != nil {
			t.Fatal(again)
		}
		for i := range 3 {
			if n := b.has(1, fmt.Sprintf("text %d.", i)); n != 1 {
				t.Errorf("cut after %d bytes: message %d is there %d times; want once", most, i, n)
			}
		}
		if n := p.left(t); n != 0 {
			t.Errorf("cut after %d bytes: %d are left at the provider; want none", most, n)
		}
		b.close()
		if err == nil {
			return
		}
	}
}

// boastful says in every IDLE that there is mail, and has none.
type boastful struct{ sessions atomic.Int32 }

func (p *boastful) dial(context.Context, string, string) (net.Conn, error) {
	client, server := mailtest.Pipe(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 143})
	if p.sessions.Add(1) > 1000 {
		panic("it is asked without end")
	}
	go func() {
		defer server.Close()
		fmt.Fprint(server, "* OK [CAPABILITY IMAP4rev1 IDLE UIDPLUS] ready\r\n")
		for in := bufio.NewScanner(server); in.Scan(); {
			words := strings.Fields(in.Text())
			switch {
			case len(words) < 2: // DONE
			case words[1] == "CAPABILITY":
				fmt.Fprintf(server, "* CAPABILITY IMAP4rev1 IDLE UIDPLUS\r\n%s OK done\r\n", words[0])
			case words[1] == "SELECT":
				fmt.Fprintf(server, "* 1 EXISTS\r\n* OK [UIDVALIDITY 1] valid\r\n%s OK [READ-WRITE] done\r\n", words[0])
			case words[1] == "IDLE":
				fmt.Fprint(server, "+ idling\r\n* 1 EXISTS\r\n")
			default:
				fmt.Fprintf(server, "%s OK done\r\n", words[0])
			}
		}
	}()
	return client, nil
}

// TestNoNews: a server that always says there is news is believed less and less.
func TestNoNews(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &boastful{}
		s := imapSource()
		s.Every = 24 * time.Hour
		b := openBox(t, newDisk(), t.TempDir(), p.dial, s)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); b.c.Run(ctx) }()
		time.Sleep(time.Hour)
		if n := p.sessions.Load(); n < 5 || n > 12 {
			t.Errorf("%d sessions in an hour (%+v); want a handful", n, b.c.List())
		}
		cancel()
		<-done
		b.close()
	})
}

// TestIdle: mail comes when the provider says that there is some, not when it is
// time.
func TestIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newIMAPProvider(t, nil)
		s := imapSource()
		s.Every = 24 * time.Hour
		b := openBox(t, newDisk(), t.TempDir(), p.dial, s)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); b.c.Run(ctx) }()
		time.Sleep(10 * time.Minute)
		if list := b.c.List(); len(list) != 1 || !list[0].Listening || p.sessions.Load() != 1 {
			t.Errorf("status is %+v after %d sessions; want one that listens", list, p.sessions.Load())
		}
		p.put(t, letter("alice@office.test", "news"))
		time.Sleep(time.Minute)
		if n := len(b.inbox(1)); n != 1 {
			t.Errorf("%d messages; want the one that was announced", n)
		}
		cancel()
		<-done
		b.close()
		_ = p.server.Close()
		_ = p.listener.Close()
	})
}

// TestFolders: other folders are collected too, a message that is moved between them
// once, and deleted where it is.
func TestFolders(t *testing.T) {
	t.Parallel()
	p := newIMAPProvider(t, nil)
	if err := p.user.Create("Work", nil); err != nil {
		t.Fatal(err)
	}
	p.put(t, letter("alice@office.test", "in the inbox"))
	work := func(text string) {
		t.Helper()
		if _, err := p.user.Append("Work", literal{strings.NewReader(letter("alice@office.test", text))}, &imap.AppendOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	work("at work")
	b := openBox(t, newDisk(), t.TempDir(), p.dial)
	defer b.close()
	s := imapSource()
	s.Leave, s.Folders = -1, []string{"Work"}
	for _, want := range []count{{collected: 2}, {}} {
		if r, err := b.once(s); err != nil || r.count != want {
			t.Errorf("got %+v, %v; want %+v", r.count, err, want)
		}
	}
	s.Folders = []string{"Work", "Gone"}
	if _, err := b.once(s); err == nil || !strings.Contains(words(&s, err), "refuses") {
		t.Errorf("a folder that is not there: %v; want that the provider refuses", err)
	}
	s.Folders, s.Leave = []string{"Work"}, 0
	work("more work")
	if r, err := b.once(s); err != nil || r.count.collected != 1 || r.count.deleted != 3 || p.left(t) != 0 {
		t.Errorf("got %+v, %v, %d left; want 1 more and all deleted", r.count, err, p.left(t))
	}
	if n := len(b.inbox(1)); n != 3 {
		t.Errorf("%d messages are here; want 3", n)
	}
}

// TestTry: a trial says what is there or what is wrong, and changes nothing.
func TestTry(t *testing.T) {
	t.Parallel()
	p, pop := newIMAPProvider(t, nil), &popProvider{password: "secret"}
	p.put(t, letter("alice@office.test", "text"))
	pop.put("1", letter("alice@office.test", "text"))
	for _, s := range []Source{imapSource(), popSource()} {
		dial := pop.dial
		if s.Protocol == setup.ProtocolIMAP {
			dial = p.dial
		}
		b := openBox(t, newDisk(), t.TempDir(), dial)
		got := b.c.Try(t.Context(), s)
		if got.Problem != "" || got.Messages != 1 || got.New != 1 || (s.Protocol == setup.ProtocolIMAP) != (len(got.Folders) == 1) {
			t.Errorf("%s: %+v; want one message, new", s.Protocol, got)
		}
		s.Password = "wrong"
		if got := b.c.Try(t.Context(), s); !strings.Contains(got.Problem, "does not take the user name or password") {
			t.Errorf("%s: %+v; want that the password is wrong", s.Protocol, got)
		}
		if len(b.inbox(1)) != 0 || p.left(t) != 1 || len(pop.left()) != 1 {
			t.Errorf("%s: a trial changed something", s.Protocol)
		}
		b.close()
	}
}

// TestPaused: nothing is asked of a provider while its source is paused, and it is
// as soon as that ends.
func TestPaused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &popProvider{password: "secret"}
		s := popSource()
		s.Paused = true
		b := openBox(t, newDisk(), t.TempDir(), p.dial)
		b.c.o.Sources = func() []Source { return []Source{s} }
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); b.c.Run(ctx) }()
		time.Sleep(24 * time.Hour)
		_ = b.c.Now("")
		synctest.Wait()
		if n, _ := p.counted(); n != 0 || !b.c.List()[0].Paused {
			t.Errorf("%d sessions while paused, %+v; want none", n, b.c.List())
		}
		s.Paused = false
		b.c.Changed()
		time.Sleep(2 * lookEvery)
		synctest.Wait()
		if n, _ := p.counted(); n != 1 {
			t.Errorf("%d sessions afterwards; want one", n)
		}
		cancel()
		<-done
		b.close()
	})
}
