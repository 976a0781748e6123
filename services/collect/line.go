package collect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"

	"github.com/sanduk-mail/sanduk/services/setup"
)

// Line is a connection to an IMAP server at a provider, logged in. It ends when
// nothing moves for two minutes, and when the server sends more than it may.
type Line struct {
	Client *imapclient.Client
	conn   *wire
}

// OpenLine connects to the server of a source and logs in. Errors are for Explain.
// news is called, from another goroutine, when the server says by itself that a
// folder has changed; dial nil is the network, roots nil the system's list. The
// caller closes the line.
func OpenLine(ctx context.Context, s *Source, dial Dial, roots *x509.CertPool, news func()) (*Line, error) {
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	conn, err := connect(ctx, s, dial, roots)
	if err != nil {
		return nil, err
	}
	conn.allow(allowance)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	options := &imapclient.Options{
		TLSConfig: tlsConfig(roots, s.Host),
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{Mailbox: func(data *imapclient.UnilateralDataMailbox) {
			if data.NumMessages != nil && news != nil {
				news()
			}
		}},
	}
	l := &Line{conn: conn}
	if s.TLS == setup.TLSStartTLS {
		if l.Client, err = imapclient.NewStartTLS(conn, options); err != nil {
			_ = conn.Close()
			if isTLS(err) || ctx.Err() != nil {
				return nil, fmt.Errorf("TLS: %w", err)
			}
			return nil, fmt.Errorf("%w (%w)", errNoTLS, err)
		}
	} else {
		l.Client = imapclient.New(conn, options)
	}
	if err := l.login(s.User, s.Password); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func isTLS(err error) bool {
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	return certificate || isTimeout(err)
}

// login goes by AUTHENTICATE PLAIN where it is offered, which takes any password.
func (l *Line) login(user, password string) error {
	if err := l.Client.WaitGreeting(); err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	var err error
	if caps := l.Client.Caps(); caps.Has(imap.AuthCap(sasl.Plain)) {
		err = l.Client.Authenticate(sasl.NewPlainClient("", user, password))
	} else {
		err = l.Client.Login(user, password).Wait()
	}
	return refusalOf("log in", err)
}

// Allow says how many bytes the server may send from now on, beside a megabyte for
// words and flags.
func (l *Line) Allow(bytes int64) { l.conn.allow(allowance + bytes) }

// Close ends the line, whatever goes on over it.
func (l *Line) Close() {
	_ = l.Client.Close() // what was asked for is done, or is asked for again
	_ = l.conn.Close()
}

// Refused makes an error of a command one for Explain; nil of nil.
func Refused(command string, err error) error { return refusalOf(command, err) }

// Explain puts an error of a line into words for the administrator, with what to
// do next.
func Explain(s *Source, err error) string { return words(s, err) }

// refusal tells what a server refused from what went wrong.
func refusal(command string, err error) error {
	e, ok := errors.AsType[*imap.Error](err)
	if !ok {
		return fmt.Errorf("%s: %w", command, err)
	}
	code := e.Code
	temporary := code == imap.ResponseCodeUnavailable || code == imap.ResponseCodeInUse || code == imap.ResponseCodeLimit || code == imap.ResponseCodeServerBug
	return &refusedError{command: command, text: clean(e.Text), auth: command == "log in" && !temporary && e.Type == imap.StatusResponseTypeNo}
}

func refusalOf(command string, err error) error {
	if err == nil {
		return nil
	}
	return refusal(command, err)
}
