package resolver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// How long and how often is asked.
const (
	// tryTimeout is for one server and one try: a recursive server that has to ask
	// others first needs seconds, and gives up itself after some.
	tryTimeout = 5 * time.Second
	// rounds is how often each server is asked: a lost packet costs one.
	rounds = 2
	// udpSize is the largest answer taken over UDP: what no network breaks into
	// fragments, which could be forged one by one.
	udpSize = 1232
)

// Exchange sends one query to one server and gives its answer. The deadline is
// the context's.
type Exchange func(ctx context.Context, server netip.AddrPort, tcp bool, query *dns.Msg) (*dns.Msg, error)

// network is the Exchange over sockets: each query has one of its own, so its
// port is as hard to guess as its ID.
func network(ctx context.Context, server netip.AddrPort, tcp bool, query *dns.Msg) (*dns.Msg, error) {
	client := dns.Client{Net: "udp", Timeout: tryTimeout, UDPSize: udpSize}
	if tcp {
		client.Net = "tcp"
	}
	answer, _, err := client.ExchangeContext(ctx, query, server.String())
	return answer, err
}

// ask sends one question until a server gives a usable answer: NOERROR or
// NXDOMAIN, to this very question. The error is ErrServer or the context's.
func (r *shared) ask(ctx context.Context, name string, kind uint16, signed bool) (*dns.Msg, error) {
	servers, err := r.servers()
	if err != nil {
		return nil, err
	}
	var last error
	for range rounds {
		for _, server := range servers {
			answer, err := r.askServer(ctx, server, name, kind, signed)
			if err == nil {
				return answer, nil
			}
			if ctx.Err() != nil {
				return nil, fmt.Errorf("%w: %w", ErrServer, &unanswered{ctx.Err()})
			}
			last = fmt.Errorf("%s: %w", server, err)
		}
	}
	return nil, fmt.Errorf("%w: %w", ErrServer, last)
}

var (
	errMismatch  = errors.New("the answer is to another question")
	errTruncated = errors.New("the answer does not fit")
	errNoEDNS    = errors.New("the server does not know EDNS")
)

// askServer asks over UDP, and over TCP what can't be had so.
func (r *shared) askServer(ctx context.Context, server netip.AddrPort, name string, kind uint16, signed bool) (*dns.Msg, error) {
	query := newQuery(name, kind, signed)
	answer, err := r.try(ctx, server, false, query)
	if errors.Is(err, errNoEDNS) {
		query.Extra = nil // RFC 6891 §7; there are no signatures then, and what needs them is not believed
		answer, err = r.try(ctx, server, false, query)
	}
	if errors.Is(err, errTruncated) || errors.Is(err, errMismatch) {
		query.Question[0].Name = name
		answer, err = r.try(ctx, server, true, query)
	}
	return answer, err
}

func (r *shared) try(ctx context.Context, server netip.AddrPort, tcp bool, query *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	answer, err := r.exchange(ctx, server, tcp, query)
	switch {
	case err != nil:
		return nil, &unanswered{err}
	case answer.Id != query.Id || !answer.Response || len(answer.Question) != 1 || answer.Question[0] != query.Question[0]:
		return nil, errMismatch
	case answer.Truncated && !tcp:
		return nil, errTruncated
	case answer.Truncated:
		return nil, errors.New("the answer is too large")
	case answer.Rcode == dns.RcodeFormatError && query.IsEdns0() != nil:
		return nil, errNoEDNS
	case answer.Rcode != dns.RcodeSuccess && answer.Rcode != dns.RcodeNameError:
		return nil, fmt.Errorf("the server says %s", dns.RcodeToString[answer.Rcode])
	}
	return answer, nil
}

func newQuery(name string, kind uint16, signed bool) *dns.Msg {
	query := new(dns.Msg)
	query.SetQuestion(mixCase(name), kind)
	query.SetEdns0(udpSize, signed)
	// What is validated here is to be had as it is, also if the server thinks it
	// bogus (RFC 4035 §4.9.2).
	query.CheckingDisabled = signed
	return query
}

// mixCase gives each letter a random case, which an answer must repeat: some
// bits more that a forger has to guess (draft-vixie-dnsext-dns0x20).
func mixCase(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' && rand.Uint32()&1 == 0 {
			return r - 'a' + 'A'
		}
		return r
	}, name)
}
