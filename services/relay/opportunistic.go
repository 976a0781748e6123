package relay

import "github.com/sanduk-mail/sanduk/services/mail"

// opportunistic is TLS for servers that promise nothing (RFC 7435): any certificate
// will do, and without TLS mail goes in the clear, as against somebody who only
// listens even a self-signed one helps, and against somebody who meddles nothing
// short of a policy does. The certificate is looked at all the same: for the words
// in the trace, and for REQUIRETLS where DNSSEC has proven the name (RFC 8689
// §4.2.1).
func (c *Client) opportunistic(hop mail.Hop, t *target) *security {
	return &security{
		name: t.name, check: c.webPKI(c.options.Roots, t.name), words: "certificate verified", binding: t.provenName,
		tell: c.witness(hop, PolicyNone, nil, nil),
	}
}
