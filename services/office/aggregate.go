package office

import (
	"context"

	"github.com/sanduk-mail/sanduk/services/aggregate"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/relay"
	"github.com/sanduk-mail/sanduk/services/tlsrpt"
)

// openAggregate opens what is gathered for other domains' reports.
func (o *Office) openAggregate(dns aggregate.DNS) {
	o.aggregate = aggregate.Open(aggregate.Options{
		HTTPS: &aggregate.HTTPS{DNS: dns, Roots: o.options.Outgoing.Roots, Inside: o.lan.Local},
		Files: o.keeping(o.files), Post: reports{o}, DNS: dns, Sender: o.reporter, Wanted: o.reported, Log: o.log.With("protocol", "reports"),
	})
}

// reporter is by whose name reports are sent.
func (o *Office) reporter() (domain string, leaves bool) {
	box, ok := o.directory.Box()
	if !ok || len(box.Domains) == 0 {
		return "", false
	}
	return string(box.Domains[0]), o.leaves() && o.sure() // which day is over is a matter of the date
}

// reported says which daily reports a domain gets.
func (o *Office) reported(domain string) (dmarc, tls bool) {
	r := o.directory.Reports(domain)
	return r.DMARC, r.TLS
}

// reports are posted as all mail of the box is.
type reports struct{ o *Office }

// Post delivers a message of the box's own.
func (r reports) Post(ctx context.Context, envelope *mail.Envelope, text []byte) error {
	return posting{o: r.o}.Post(ctx, envelope, text, nil)
}

// tlsEvidence hands on how sessions with other servers went. A provider's server is
// nobody's to be told of.
type tlsEvidence struct{ o *Office }

// Note counts a session.
func (t tlsEvidence) Note(e relay.Evidence) {
	if t.o.aggregate == nil {
		return // the office is just being opened
	}
	t.o.aggregate.Sent(tlsrpt.Session{
		At: e.At, Domain: string(e.Domain), Kind: string(e.Kind), Policy: e.Policy, MX: e.MX,
		Result: string(e.Result), Server: e.Server, Addr: e.Addr, Reason: e.Reason,
	})
}
