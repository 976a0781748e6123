package aggregate

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/resolver"
	"github.com/sanduk-mail/sanduk/services/tlsrpt"
)

// Bounds of handing a report in by https.
const (
	postTime       = 30 * time.Second // for all of one
	postHeaders    = 32 << 10         // bytes of an answer that are read
	postAddresses  = 4                // that are called
	maxPostedSpare = 10_000           // of reports that were handed in, see posted; far above what one night has
)

// errUnwanted says that a report will not be taken, however often it is offered.
var errUnwanted = errors.New("the report is not wanted")

// HostDNS gives the addresses of hosts that take reports. *resolver.Client is one.
type HostDNS interface {
	Addresses(ctx context.Context, name string) (resolver.Answer[netip.Addr], error)
}

// HTTPS hands TLS reports in where domains want them by https (RFC 8460 §5.4). Which
// host that is stands in a stranger's DNS: so it is called at its public addresses only,
// at port 443, with a certificate that holds, and no redirect is followed. Its methods
// may be called from any goroutine.
type HTTPS struct {
	DNS   HostDNS
	Roots *x509.CertPool // nil: the system's
	// Inside says that an address is the office's: nobody outside has the box talk to
	// that. nil: none is.
	Inside func(netip.Addr) bool
	// Dial is nil for the network's.
	Dial func(ctx context.Context, addr netip.AddrPort) (net.Conn, error)
}

// Post hands a packed report in. It is durable where it went when the error is nil.
// The error is errUnwanted, or temporary.
func (h *HTTPS) Post(ctx context.Context, url string, packed []byte) error {
	ctx, cancel := context.WithTimeout(ctx, postTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(packed))
	if err != nil {
		return fmt.Errorf("%w: %w", errUnwanted, err)
	}
	request.Header.Set("Content-Type", tlsrpt.MediaType)
	request.Header.Set("User-Agent", "sanduk") // without a version: it would tell strangers what to try
	transport := &http.Transport{
		DialContext:            h.dial,
		TLSClientConfig:        &tls.Config{RootCAs: h.Roots, MinVersion: tls.VersionTLS12},
		DisableKeepAlives:      true, // one a day
		MaxResponseHeaderBytes: postHeaders,
	}
	// RoundTrip follows no redirects. Nobody needs what else the server says.
	response, err := transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("hand a report in at %s: %s: %w", request.URL.Host, mail.InWords(err), err)
	}
	_ = response.Body.Close()
	switch code := response.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code >= 500, code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code == http.StatusTooEarly:
		return fmt.Errorf("hand a report in at %s: the server answers %s", request.URL.Host, response.Status)
	}
	return fmt.Errorf("hand a report in at %s: the server answers %s: %w", request.URL.Host, response.Status, errUnwanted)
}

// dial connects by our own DNS.
func (h *HTTPS) dial(ctx context.Context, _, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	answer, err := h.DNS.Addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	dial := h.Dial
	if dial == nil {
		dial = func(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr.String())
		}
	}
	err = fmt.Errorf("%s has no public address", host)
	called := 0
	for _, addr := range answer.Records {
		if !public(addr) || h.Inside != nil && h.Inside(addr) || called == postAddresses {
			continue
		}
		called++
		calling, cancel := context.WithTimeout(ctx, postTime/(2*postAddresses))
		var conn net.Conn
		conn, err = dial(calling, netip.AddrPortFrom(addr, 443))
		cancel()
		if err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// public says that an address is the world's: not of an office's network, a provider's
// (RFC 6598) or this machine.
func public(addr netip.Addr) bool {
	addr = addr.Unmap()
	shared := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10)
	return addr.IsGlobalUnicast() && !addr.IsPrivate() && !shared.Contains(addr)
}

// posted names a report that one recipient has.
type posted struct{ id, to string }

// tlsReport sends one TLS report to all who want it. While one of them can't be reached
// the report stays, and the others don't get it again. The error is temporary.
func (a *Aggregate) tlsReport(ctx context.Context, r *tlsrpt.Report, by tlsrpt.Reporter) (sent int, err error) {
	ctx, cancel := context.WithTimeout(ctx, reportTime)
	defer cancel()
	list, err := tlsrpt.Recipients(ctx, a.o.DNS, r.Domain)
	if err != nil {
		return 0, err
	}
	var failed error
	for _, to := range list {
		mark := posted{r.ID(by), to.String()}
		if a.posted[mark] {
			continue
		}
		if to.Mail != "" {
			text, err := r.Message(by, to.Mail, a.o.Now())
			if err != nil {
				return sent, err
			}
			n, err := a.mail(ctx, to.Mail, text)
			sent, failed = sent+n, errors.Join(failed, err)
			if err != nil {
				continue
			}
		} else if a.o.HTTPS != nil {
			packed, err := r.Packed(by)
			if err == nil {
				err = a.o.HTTPS.Post(ctx, to.Post, packed)
			}
			if err != nil && !errors.Is(err, errUnwanted) {
				failed = errors.Join(failed, err)
				continue
			}
			if err != nil {
				a.o.Log.Info("TLS report is not taken", "domain", r.Domain, "err", err)
			} else {
				sent++
			}
		}
		if len(a.posted) < maxPostedSpare {
			a.posted[mark] = true
		}
	}
	if failed != nil {
		return sent, failed
	}
	for _, to := range list {
		delete(a.posted, posted{r.ID(by), to.String()})
	}
	return sent, nil
}
