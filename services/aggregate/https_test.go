package aggregate

import (
	"compress/gzip"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
)

// taker is a host that takes reports by https, at reports.web.test.
type taker struct {
	*HTTPS
	server *httptest.Server

	mu     sync.Mutex
	code   int
	got    []string // paths, and the domains that the reports are about
	called []netip.AddrPort
}

func newTaker(t *testing.T, world *resolvertest.Internet) *taker {
	t.Helper()
	k := &taker{code: http.StatusCreated}
	k.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		defer k.mu.Unlock()
		var report struct {
			Policies []struct {
				Policy struct {
					Domain string `json:"policy-domain"`
				} `json:"policy"`
			} `json:"policies"`
		}
		z, err := gzip.NewReader(r.Body)
		if err == nil {
			err = json.NewDecoder(z).Decode(&report)
		}
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/tlsrpt+gzip" || len(report.Policies) != 1 {
			t.Errorf("%s with %v, %v: %+v", r.Method, r.Header, err, report)
			return
		}
		k.got = append(k.got, r.URL.RequestURI()+" "+report.Policies[0].Policy.Domain)
		w.Header().Set("Location", "https://reports.web.test/elsewhere")
		w.WriteHeader(k.code)
		_, _ = io.WriteString(w, strings.Repeat("thanks ", 100_000)) // the client doesn't wait for it
	}))
	k.server.StartTLS()
	t.Cleanup(k.server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(k.server.Certificate())
	k.HTTPS = &HTTPS{DNS: world.Client(), Roots: roots, Dial: func(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
		k.mu.Lock()
		k.called = append(k.called, addr)
		k.mu.Unlock()
		return new(net.Dialer).DialContext(ctx, "tcp", k.server.Listener.Addr().String())
	}}
	return k
}

func (k *taker) answers(code int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.code = code
}

func (k *taker) list() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return strings.Join(k.got, ", ")
}

// TestHTTPS: a TLS report is handed in where the domain wants it, once; what is not
// taken now is offered again, and then nobody else gets it twice.
func TestHTTPS(t *testing.T) {
	t.Parallel()
	const one = "/v1?key=a web.test"
	for name, test := range map[string]struct {
		codes []int // of one night after the other
		want  string
		left  int // reports that are still to be sent
	}{
		"taken":       {[]int{201, 201}, one, 0},
		"taken too":   {[]int{200, 200}, one, 0},
		"not wanted":  {[]int{410, 200}, one, 0},
		"elsewhere":   {[]int{302, 200}, one, 0},
		"later":       {[]int{503, 429, 204, 204}, one + ", " + one + ", " + one, 0},
		"never there": {[]int{500, 502}, one + ", " + one, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			// The certificate of package httptest is for example.com.
			d.world.Add(t, "web.test", `_smtp._tls TXT "v=TLSRPTv1; rua=mailto:tls@web.test,https://example.com/v1?key=a"`)
			d.world.Add(t, "com", "example A 192.0.2.80")
			k := newTaker(t, d.world)
			d.o.HTTPS = k.HTTPS
			d.see("web.test")
			d.now = d.now.Add(24 * time.Hour)
			for _, code := range test.codes {
				k.answers(code)
				d.Send(t.Context())
			}
			if got := k.list(); got != test.want {
				t.Errorf("handed in %q; want %q", got, test.want)
			}
			if got := strings.Join(d.post.sent, ", "); got != "tls to tls@web.test" {
				t.Errorf("sent by mail %q; want it once", got)
			}
			if left := len(d.tls.Due(d.now)); left != test.left || test.left == 0 && len(d.posted) > 0 {
				t.Errorf("%d reports are left, and %d are remembered; want %d", left, len(d.posted), test.left)
			}
		})
	}
}

// TestHTTPSSafe: a stranger's record has the box call no address that is not the world's,
// nor believe a certificate that does not hold, nor wait for ever.
func TestHTTPSSafe(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.world.Add(t, "com", "example A 192.0.2.80")
	d.world.Add(t, "in.test", `@ A 10.1.2.3
@ A 127.0.0.1
@ A 169.254.1.1
@ A 100.64.0.1
@ A 198.51.100.7
@ AAAA fd00::1
@ AAAA fe80::1
@ AAAA ::ffff:192.168.1.1
`)
	k := newTaker(t, d.world)
	k.Inside = func(addr netip.Addr) bool { return addr == netip.MustParseAddr("198.51.100.7") }
	if err := k.Post(t.Context(), "https://in.test/", nil); err == nil || !strings.Contains(err.Error(), "no public address") || len(k.called) > 0 {
		t.Errorf("inside: %v, called %v", err, k.called)
	}
	if err := k.Post(t.Context(), "https://none.test/", nil); err == nil || errors.Is(err, errUnwanted) {
		t.Errorf("a host that is not there: %v; want an error for now", err)
	}
	k.Roots = x509.NewCertPool()
	if err := k.Post(t.Context(), "https://example.com/", nil); err == nil || errors.Is(err, errUnwanted) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("nobody's certificate: %v; want an error for now", err)
	}
	if len(k.called) != 1 || k.called[0] != netip.MustParseAddrPort("192.0.2.80:443") || k.list() != "" {
		t.Errorf("called %v, handed in %q; want one call and nothing", k.called, k.list())
	}
	k.Dial = func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.Post(ctx, "https://example.com/", nil); err == nil {
		t.Error("nobody answers, and it has been handed in")
	}
}
