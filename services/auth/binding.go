package auth

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"

	"github.com/xdg-go/scram"
)

// plusSuffix ends the name of a SCRAM mechanism that binds to the channel.
const plusSuffix = "-PLUS"

// flagOf is how the client's first message of SCRAM says what it thinks of
// channel binding (RFC 5802 §7, gs2-cbind-flag): "n", "y", or "p" with the kind.
func flagOf(message string) (flag, kind string) {
	head, _, _ := strings.Cut(message, ",")
	flag, kind, _ = strings.Cut(head, "=")
	return flag, kind
}

// conversation begins the server's side of SCRAM for a client's first message.
//
// The kind is the client's choice. A server that offers only tls-exporter fails
// those that know only tls-server-end-point, and the other way round; so both
// are made, and only when they are asked for.
func (x *scramExchange) conversation(server *scram.Server, message string) (*scram.ServerConversation, error) {
	flag, kind := flagOf(message)
	switch {
	case x.plus != (flag == "p"):
		// RFC 5802 §6: -PLUS is chosen by who binds, and by nobody else.
		return nil, fmt.Errorf("flag %q: %w", flag, ErrMalformed)
	case x.plus:
		binding, err := x.a.binding(kind, x.state)
		if err != nil {
			return nil, err
		}
		return server.NewConversationWithChannelBindingRequired(binding), nil
	case flag == "y" && x.state != nil && !x.unbound:
		// RFC 5802 §6: the client could bind and has seen no -PLUS, which was
		// offered: somebody between has taken it off the list.
		x.a.log.Warn("log-in refused: the list of mechanisms was changed on the way", "peer", x.peer, "mechanism", x.mechanism)
		return nil, fmt.Errorf("flag y, but %s was offered: %w", plusSuffix, ErrMalformed)
	}
	return server.NewConversation(), nil
}

// binding is what names the TLS connection to both of its ends.
func (a *Authenticator) binding(kind string, state *tls.ConnectionState) (scram.ChannelBinding, error) {
	none := scram.ChannelBinding{}
	switch scram.ChannelBindingType(kind) {
	case scram.ChannelBindingTLSExporter:
		// RFC 9266 §3; with TLS 1.2 only where the extended master secret was
		// agreed on (§4.2), which crypto/tls sees to.
		binding, err := scram.NewTLSExporterBinding(state)
		if err != nil {
			return none, fmt.Errorf("bind to %s: %w: %w", kind, ErrMalformed, err)
		}
		return binding, nil
	case scram.ChannelBindingTLSServerEndpoint:
		// RFC 5929 §4. A ConnectionState of the server's side does not hold its
		// own certificate, so the box is asked for the one it shows.
		if a.certificate == nil {
			break
		}
		leaf, err := x509.ParseCertificate(a.certificate(state.ServerName))
		if err != nil {
			return none, fmt.Errorf("bind to the certificate: %w", err)
		}
		binding, err := scram.NewTLSServerEndpointBinding(&tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}})
		if err != nil {
			return none, fmt.Errorf("bind to the certificate: %w: %w", ErrMalformed, err)
		}
		return binding, nil
	}
	return none, fmt.Errorf("bind to %.30q: %w", kind, ErrMalformed)
}
