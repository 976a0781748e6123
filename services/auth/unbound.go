package auth

import (
	"crypto/tls"
	"net/netip"
	"slices"
	"strings"
)

// Unbound is an Authenticator whose -PLUS mechanisms are left out, for mail
// submission: mutt 2.2 as Debian builds it takes the best name from the list of
// EHLO, finds that it can't bind to TLS 1.3, and gives up where over IMAP it
// goes on to the next. A clerk who can't send is worse than a log-in that is
// protected by the certificate alone. Safe for concurrent use.
type Unbound struct{ *Authenticator }

// Mechanisms is Authenticator's without -PLUS.
func (u Unbound) Mechanisms(tls bool) []string {
	return slices.DeleteFunc(u.Authenticator.Mechanisms(tls), func(name string) bool { return strings.HasSuffix(name, plusSuffix) })
}

// Start is Authenticator's without -PLUS; flag y of a client that could bind is
// right then (RFC 5802 §6).
func (u Unbound) Start(mechanism string, peer netip.Addr, state *tls.ConnectionState) (Exchange, error) {
	if strings.HasSuffix(mechanism, plusSuffix) {
		return nil, ErrMechanism
	}
	exchange, err := u.Authenticator.Start(mechanism, peer, state)
	if x, ok := exchange.(*scramExchange); ok {
		x.unbound = true
	}
	return exchange, err
}
