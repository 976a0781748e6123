package boot

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/platform/supervise"
)

// Probe says what a healthy answer on a socket looks like. It is data from
// outside: this package knows nothing of mail.
type Probe struct {
	Socket string // FileDescriptorName
	TLS    bool   // a handshake comes first; the certificate is not judged
	Send   string // what to say, "" nothing
	Want   string // how the answer begins; "" when the handshake was enough
}

// Times of probing. The services may be busy recovering: what counts is that
// they answer in the end.
const (
	probeTimeout = 5 * time.Second
	probePause   = 20 * time.Millisecond
	probeGiveUp  = 2 * time.Minute
)

// probeAll asks every socket until each has given its answer, and reports.
func (m *Machine) probeAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, probeGiveUp)
	defer cancel()
	errs := make([]error, len(m.cfg.Probes))
	var wg sync.WaitGroup
	for i, p := range m.cfg.Probes {
		port, err := portOf(m.units.Sockets, p.Socket)
		if err != nil {
			errs[i] = err
			continue
		}
		wg.Go(func() {
			defer m.crashed()
			errs[i] = probeUntil(ctx, p, port)
		})
	}
	wg.Wait()
	err := errors.Join(errs...)
	if err != nil {
		m.log.Error("ports do not answer", "err", err)
		m.say("ports do not answer: %v", err)
		m.note("Some mail ports do not answer. A restart (F2) may help.")
	} else {
		m.say("all ports answering after %d ms", m.uptime().Milliseconds())
		m.log.Info("all ports answering", "ms", m.uptime().Milliseconds())
	}
	m.mu.Lock()
	m.answered, m.silent = true, err
	m.mu.Unlock()
	m.show()
}

func portOf(sockets []supervise.Socket, name string) (uint16, error) {
	for _, s := range sockets {
		if s.FDName == name {
			ap, err := netip.ParseAddrPort(s.Address)
			return ap.Port(), err
		}
	}
	return 0, fmt.Errorf("probe: there is no socket %q", name)
}

// probeUntil repeats a probe until it succeeds or ctx ends.
func probeUntil(ctx context.Context, p Probe, port uint16) error {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port)))
	for {
		err := probeOnce(ctx, p, address)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("probe %s: %w", p.Socket, err)
		case <-time.After(probePause):
		}
	}
}

func probeOnce(ctx context.Context, p Probe, address string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	if p.TLS {
		// Not verified: the box speaks to itself over loopback, and asks only
		// whether there is an answer.
		// One quick curve, because both ends are this machine's.
		secure := tls.Client(conn, &tls.Config{
			InsecureSkipVerify: true, ServerName: "localhost", CurvePreferences: []tls.CurveID{tls.X25519},
		})
		if err := secure.HandshakeContext(ctx); err != nil {
			return err
		}
		conn = secure
	}
	if p.Send != "" {
		if _, err := io.WriteString(conn, p.Send); err != nil {
			return err
		}
	}
	if p.Want == "" {
		return nil
	}
	got := make([]byte, len(p.Want))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if !bytes.Equal(got, []byte(p.Want)) {
		return fmt.Errorf("answer begins with %q, not %q", got, p.Want)
	}
	return nil
}
