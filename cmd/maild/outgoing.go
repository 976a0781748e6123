package main

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"os"

	"github.com/sanduk-mail/sanduk/services/office"
	"github.com/sanduk-mail/sanduk/services/resolver"
	"github.com/sanduk-mail/sanduk/services/trust"
)

// outgoingFlags say how other servers are reached.
type outgoingFlags struct {
	dns, anchor, ca string
	port            uint
}

// outgoing reads them. Without --dns all ask the system's servers.
func (f *outgoingFlags) outgoing() (trust.DNS, office.Outgoing, error) {
	var out office.Outgoing
	if f.port > 65535 {
		return nil, out, fmt.Errorf("--mx-port %d: there is no such port", f.port)
	}
	out.Port = uint16(f.port)
	if f.ca != "" {
		text, err := os.ReadFile(f.ca)
		if err != nil {
			return nil, out, err
		}
		out.Roots = x509.NewCertPool()
		if !out.Roots.AppendCertsFromPEM(text) {
			return nil, out, fmt.Errorf("--ca %s: no certificate in it", f.ca)
		}
	}
	if f.dns == "" {
		return nil, out, nil
	}
	server, err := netip.ParseAddrPort(f.dns)
	if err != nil {
		return nil, out, fmt.Errorf("--dns takes an address and a port: %w", err)
	}
	options := resolver.Options{Server: server}
	if f.anchor != "" {
		text, err := os.ReadFile(f.anchor)
		if err != nil {
			return nil, out, err
		}
		if options.Anchors, err = resolver.ParseAnchors(string(text)); err != nil {
			return nil, out, fmt.Errorf("--dns-anchor %s: %w", f.anchor, err)
		}
	}
	client := resolver.New(options)
	out.DNS = client.Validated()
	return client, out, nil
}
