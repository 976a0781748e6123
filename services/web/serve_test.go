package web

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestServe speaks real HTTP over real sockets, in both modes.
func TestServe(t *testing.T) {
	t.Parallel()
	b := newBox(t, func(o *Options) { o.TLS = o.Box.(*office).tls() })
	listen := func(mode Mode) (string, chan error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- b.Serve(l, mode) }()
		return l.Addr().String(), ended
	}
	secure, secureEnded := listen(Secure)
	plain, plainEnded := listen(Plain)

	ca, err := x509.ParseCertificate(b.office.ca)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}}
	r, err := client.Get("https://" + secure + "/api/status")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if r.StatusCode != http.StatusOK || r.ProtoMajor != 2 || !strings.Contains(string(body), `"set_up":false`) {
		t.Errorf("status over TLS: %s %s %s; want 200 over HTTP/2", r.Proto, r.Status, body)
	}

	for request, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: " + plain + "\r\n\r\n":                                            "200",
		"GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n":                                                "421",
		"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + strings.Repeat("a", 2*maxHeader) + "\r\n\r\n": "431",
		"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n":                                     "400",
	} {
		conn, err := net.Dial("tcp", plain)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		_, _ = io.WriteString(conn, request)
		line, _ := bufio.NewReader(conn).ReadString('\n')
		if !strings.Contains(line, " "+want+" ") {
			t.Errorf("%.40q: %q; want %s", request, line, want)
		}
		_ = conn.Close()
	}

	client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := b.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	for _, ended := range []chan error{secureEnded, plainEnded} {
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v; want nil after Shutdown", err)
		}
	}
}
