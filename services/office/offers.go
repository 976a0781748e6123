package office

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/smtpd"
)

// offers are the extensions whose promises the queue and the relay keep.
func (o *Office) offers() smtpd.Offers {
	return smtpd.Offers{DSN: true, RequireTLS: true, DeliverBy: true, Priority: true, Future: maxFuture}
}

// maxTurnServers bounds how many servers of a domain are looked up for who asks with
// ETRN.
const maxTurnServers = 8

// turner sends what waits for a domain whose server is there again (RFC 1985).
type turner struct{ o *Office }

// Turn has the mail for a domain sent at once. It goes where it would have gone anyhow;
// but how much waits is nobody else's business, so who asks must be one of the domain's
// servers, or one of the networks that the office trusts.
func (t turner) Turn(ctx context.Context, peer *mail.Peer, domain string, below bool) (int, error) {
	if !t.o.lan.Trusted(peer.Addr) && !t.serves(ctx, peer.Addr, domain) {
		return 0, &mail.Refusal{Status: mail.Status5_7_1NotPermitted, Text: "Only the mail servers of " + domain + " may ask for its mail"}
	}
	waiting := 0
	for hop, n := range t.o.queue.Waiting(func(hop mail.Hop) bool {
		return string(hop) == domain || below && strings.HasSuffix(string(hop), "."+domain)
	}) {
		waiting += n
		t.o.queue.Rush(hop)
	}
	return waiting, nil
}

// serves says whether an address is one of a domain's mail servers.
func (t turner) serves(ctx context.Context, addr netip.Addr, domain string) bool {
	answer, err := t.o.options.Outgoing.DNS.MX(ctx, domain)
	if err != nil {
		return false
	}
	for _, mx := range answer.Records[:min(len(answer.Records), maxTurnServers)] {
		found, err := t.o.options.Outgoing.DNS.Addresses(ctx, mx.Host)
		if err == nil && slices.ContainsFunc(found.Records, func(a netip.Addr) bool { return a.Unmap() == addr.Unmap() }) {
			return true
		}
	}
	return false
}
