package reception

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
)

// echoSession says "hello", and then "bye" when it is interrupted.
type echoSession struct {
	net.Conn
	stubborn  bool
	interrupt chan struct{}
	once      sync.Once
}

func (s *echoSession) Serve() {
	defer s.Close()
	_, _ = io.WriteString(s, "hello\n")
	if s.stubborn {
		_, _ = s.Read(make([]byte, 1)) // until it is cut
		return
	}
	<-s.interrupt
	_, _ = io.WriteString(s, "bye\n")
}

func (s *echoSession) TurnAway(why string) {
	_, _ = io.WriteString(s, why+"\n")
	s.Close()
}

func (s *echoSession) Interrupt() { s.once.Do(func() { close(s.interrupt) }) }
func (s *echoSession) Cut()       { s.Close() }

func startDesk(t *testing.T, limits Limits, stubborn bool) (*Desk, func() string, chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := New(limits, slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() {
		served <- d.Serve(l, func(c net.Conn) Session {
			return &echoSession{Conn: c, stubborn: stubborn, interrupt: make(chan struct{})}
		})
	}()
	dial := func() string {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		buffer := make([]byte, 200)
		n, err := c.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		return string(buffer[:n])
	}
	return d, dial, served
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		limits Limits
		want   string // of the third connection
	}{
		"total":       {Limits{Total: 2, PerAddress: 9}, "Too many connections, try"},
		"per address": {Limits{Total: 9, PerAddress: 2}, "Too many connections from your address"},
		"exempt":      {Limits{Total: 9, PerAddress: 2, Exempt: netip.Addr.IsLoopback}, "hello"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, dial, served := startDesk(t, test.limits, false)
			for range 2 {
				if got := dial(); got != "hello\n" {
					t.Errorf("got %q; want hello", got)
				}
			}
			if got := dial(); !strings.HasPrefix(got, test.want) {
				t.Errorf("the third connection got %q; want %q", got, test.want)
			}
			if err := d.Shutdown(t.Context()); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
			if err := <-served; !errors.Is(err, ErrClosed) {
				t.Errorf("Serve: %v; want ErrClosed", err)
			}
			if len(d.addresses) != 0 || len(d.sessions) != 0 {
				t.Errorf("still counted: %v, %d sessions", d.addresses, len(d.sessions))
			}
		})
	}
}

func TestShutdownCuts(t *testing.T) {
	t.Parallel()
	d, dial, _ := startDesk(t, Limits{Total: 2, PerAddress: 2}, true)
	dial()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v; want the context's error after cutting", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := d.Serve(l, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Serve after Shutdown: %v; want ErrClosed", err)
	}
}

// failingListener gives its errors one after the other, and then none more.
type failingListener struct {
	net.Listener
	errs []error
}

func (l *failingListener) Accept() (net.Conn, error) {
	err := l.errs[0]
	l.errs = l.errs[1:]
	return nil, err
}

// TestAcceptErrors: what passes is waited for, what doesn't ends Serve.
func TestAcceptErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := New(Limits{Total: 1, PerAddress: 1}, slog.New(slog.DiscardHandler))
		refused := func(errno syscall.Errno) error {
			return &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", errno)}
		}
		l := &failingListener{errs: []error{refused(syscall.EMFILE), refused(syscall.EPROTO), refused(syscall.ENETDOWN), refused(syscall.EBADF)}}
		if err := d.Serve(l, nil); !errors.Is(err, syscall.EBADF) || len(l.errs) != 0 {
			t.Errorf("Serve: %v with %d errors to come; want the one that doesn't pass, the last", err, len(l.errs))
		}
		if len(d.listeners) != 0 {
			t.Error("the broken listener is still known")
		}
	})
}

// TestDrop cuts an account's sessions, and nobody else's.
func TestDrop(t *testing.T) {
	t.Parallel()
	d, dial, _ := startDesk(t, Limits{Total: 3, PerAddress: 3}, true)
	dial()
	dial()
	d.mu.Lock()
	var sessions []Session
	for s := range d.sessions {
		sessions = append(sessions, s)
	}
	d.mu.Unlock()
	d.Own(sessions[0], 7)
	d.Own(sessions[1], 8)
	d.Own(&echoSession{}, 7) // has ended already
	d.Drop(7)
	if _, err := sessions[0].(*echoSession).Write([]byte("x")); err == nil {
		t.Error("the account's session can still be written to")
	}
	if _, err := sessions[1].(*echoSession).Write([]byte("x")); err != nil {
		t.Errorf("somebody else's session was cut: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = d.Shutdown(ctx) // cuts the other one
}
