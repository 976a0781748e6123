package syslog

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// Transport is how messages travel.
type Transport string

// The transports.
const (
	UDP Transport = "udp"
	TCP Transport = "tcp"
	TLS Transport = "tls"
)

// Target is a collector.
type Target struct {
	Transport Transport `json:"transport"`
	Host      string    `json:"host"`         // a name or an address
	Port      uint16    `json:"port"`         // 0: 514, or 6514 with TLS
	CA        string    `json:"ca,omitempty"` // PEM: whose certificates are believed instead of the system's
}

// The errors of Check, in words for people.
var (
	ErrTransport = errors.New("a collector is reached by udp, tcp or tls")
	ErrHost      = errors.New("a collector is a host name or an address")
	ErrCA        = errors.New("there is no certificate in this text; it begins with -----BEGIN CERTIFICATE-----")
)

// maxCA bounds a Target's certificates in bytes: some dozens.
const maxCA = 64 << 10

// Check says what is wrong with a Target.
func (t *Target) Check() error {
	switch t.Transport {
	case UDP, TCP, TLS:
	default:
		return ErrTransport
	}
	if t.Host == "" || len(t.Host) > 253 || strings.ContainsFunc(t.Host, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' || r == '@' }) {
		return ErrHost
	}
	if t.CA != "" && (len(t.CA) > maxCA || !x509.NewCertPool().AppendCertsFromPEM([]byte(t.CA))) {
		return ErrCA
	}
	return nil
}

// Address is host and port.
func (t *Target) Address() string {
	port := t.Port
	if port == 0 {
		port = 514 // RFC 5426 §3.3
		if t.Transport == TLS {
			port = 6514 // RFC 5425 §4.1
		}
	}
	return net.JoinHostPort(strings.Trim(t.Host, "[]"), strconv.Itoa(int(port)))
}

// Times of the wire.
const (
	dialTime  = 20 * time.Second
	writeTime = 20 * time.Second
)

// connect reaches the collector.
func (t *Target) connect(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	if t.Transport != TLS {
		return new(net.Dialer).DialContext(ctx, string(t.Transport), t.Address())
	}
	config := &tls.Config{ServerName: strings.Trim(t.Host, "[]"), MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(t.CA)) {
			return nil, ErrCA
		}
	}
	return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", t.Address())
}

// send writes messages, framed as the transport has it.
func (t *Target) send(conn net.Conn, messages [][]byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	if t.Transport == UDP {
		for _, m := range messages {
			if _, err := conn.Write(m); err != nil {
				return err
			}
		}
		return nil
	}
	var b []byte
	for _, m := range messages {
		b = fmt.Appendf(b, "%d ", len(m)) // RFC 5425 §4.3, RFC 6587 §3.4.1
		b = append(b, m...)
	}
	_, err := conn.Write(b)
	return err
}
