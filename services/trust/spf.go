package trust

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"blitiri.com.ar/go/spf"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/resolver"
)

// spfTime is for one evaluation: RFC 7208 §4.6.4 asks for 20 seconds at least.
const spfTime = 20 * time.Second

// spfOutcome is SPF's word on the envelope's sender.
type spfOutcome struct {
	verdict Verdict
	domain  string // that it is about
	scope   string // "mfrom", or "helo" for the null sender
}

// helo judges the name that the peer gave itself, if it is a domain at all. For
// the null sender mailFrom does.
func (j *Judge) helo(ctx context.Context, envelope *mail.Envelope) []Verdict {
	if envelope.From.IsZero() {
		return nil
	}
	return j.peerName(ctx, envelope)
}

func (j *Judge) peerName(ctx context.Context, envelope *mail.Envelope) []Verdict {
	name, err := resolver.Canonical(envelope.Peer.Helo)
	if err != nil || !strings.Contains(name, ".") || strings.Contains(name, ":") || strings.HasPrefix(name, "[") {
		return nil // RFC 7208 §2.3: not a name that could be checked
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return nil
	}
	v := j.checkSPF(ctx, envelope, name, "postmaster@"+name)
	v.Properties = []Property{{"smtp", "helo", name}}
	return []Verdict{v}
}

// mailFrom judges the envelope's sender; the null sender is judged as postmaster
// of the peer's name (RFC 7208 §2.4).
func (j *Judge) mailFrom(ctx context.Context, envelope *mail.Envelope) spfOutcome {
	if envelope.From.IsZero() {
		list := j.peerName(ctx, envelope)
		if len(list) == 0 {
			return spfOutcome{verdict: Verdict{Method: SPF, Result: None, Reason: "There is no sender whose server could be checked"}, scope: "helo"}
		}
		return spfOutcome{list[0], list[0].Properties[0].Value, "helo"}
	}
	name, err := resolver.Canonical(envelope.From.Domain)
	if err != nil || strings.HasPrefix(name, "[") {
		v := Verdict{Method: SPF, Result: None, Reason: "The sender's address has no domain that could be checked"}
		v.Properties = []Property{{"smtp", "mailfrom", envelope.From.String()}}
		return spfOutcome{verdict: v, scope: "mfrom"}
	}
	v := j.checkSPF(ctx, envelope, name, envelope.From.Local+"@"+name)
	v.Properties = []Property{{"smtp", "mailfrom", envelope.From.String()}}
	return spfOutcome{v, name, "mfrom"}
}

// CheckSPF says whether a domain lets a server send for it. It asks as if a message
// of the domain's postmaster came from there.
func CheckSPF(ctx context.Context, dns DNS, peer netip.Addr, domain string) Verdict {
	j := Judge{dns: dns}
	return j.checkSPF(ctx, &mail.Envelope{Peer: mail.Peer{Addr: peer, Helo: domain}}, domain, "postmaster@"+domain)
}

// checkSPF asks the library, which counts look-ups (RFC 7208 §4.6.4).
func (j *Judge) checkSPF(ctx context.Context, envelope *mail.Envelope, domain, sender string) (v Verdict) {
	began := time.Now()
	v = Verdict{Method: SPF}
	defer func() { v.Took = time.Since(began) }()
	defer guard(&v)
	peer := envelope.Peer.Addr.Unmap()
	if !peer.IsValid() {
		v.Result, v.Reason = None, "It did not come over the network"
		return v
	}
	ctx, cancel := context.WithTimeout(ctx, spfTime)
	defer cancel()
	result, err := spf.CheckHostWithSender(net.IP(peer.AsSlice()), envelope.Peer.Helo, sender, spf.WithContext(ctx), spf.WithResolver(spfDNS{j.dns}))
	v.Result, v.Reason = Result(result), spfReason(result, domain, peer)
	if v.Result == TempError {
		v.Cause = err
	}
	return v
}

// spfReason says it for people.
func spfReason(result spf.Result, domain string, peer netip.Addr) string {
	from := " (" + peer.String() + ")"
	switch result {
	case spf.Pass:
		return "The server it came from" + from + " may send for " + domain
	case spf.Fail:
		return "The server it came from" + from + " may not send for " + domain
	case spf.SoftFail:
		return "The server it came from" + from + " probably may not send for " + domain
	case spf.Neutral:
		return domain + " does not say whether the server it came from" + from + " may send for it"
	case spf.None:
		return domain + " does not say which servers may send for it"
	case spf.TempError:
		return "Which servers may send for " + domain + " could not be looked up just now"
	}
	return "What " + domain + " says about its servers is written wrongly"
}

// spfDNS gives the library our resolver, whose errors it knows by net's type.
type spfDNS struct{ dns DNS }

func spfError(name string, err error) error {
	if err == nil {
		return nil
	}
	none := errors.Is(err, resolver.ErrNone)
	return &net.DNSError{Err: err.Error(), Name: name, IsNotFound: none, IsTemporary: !none}
}

func (d spfDNS) LookupTXT(ctx context.Context, name string) ([]string, error) {
	a, err := d.dns.TXT(ctx, name)
	return a.Records, spfError(name, err)
}

func (d spfDNS) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	a, err := d.dns.MX(ctx, name)
	var list []*net.MX
	for _, mx := range a.Records {
		if mx.Host != "" {
			list = append(list, &net.MX{Host: mx.Host, Pref: mx.Preference})
		}
	}
	return list, spfError(name, err)
}

func (d spfDNS) LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error) {
	a, err := d.dns.Addresses(ctx, host)
	var list []net.IPAddr
	for _, addr := range a.Records {
		list = append(list, net.IPAddr{IP: addr.AsSlice()})
	}
	return list, spfError(host, err)
}

func (d spfDNS) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return nil, spfError(addr, resolver.ErrNone)
	}
	a, err := d.dns.PTR(ctx, ip)
	return a.Records, spfError(addr, err)
}
