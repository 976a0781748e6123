package mail

import "net/netip"

// Admission is whom the box lets in beside its office's own networks. The zero value:
// nobody, but for mail from other servers on port 25, which anybody may bring.
type Admission struct {
	Office []netip.Prefix // networks elsewhere that are the office's too, for everything
	Doors  []Door         // each service once
	// Paths opens those single paths of the web server to the world that are made for it:
	// proofs for certificates (RFC 8555 §8.3) and MTA-STS policies (RFC 8461 §3.3). Its
	// pages are never opened.
	Paths bool
}

// Door lets networks, which can be the whole world, use one service with both of its ports.
type Door struct {
	Service  Service
	Networks []netip.Prefix
}

// Service is what mail programs use.
type Service string

// The services that can have a Door.
const (
	ServiceIMAP       Service = "imap"
	ServicePOP3       Service = "pop3"
	ServiceSubmission Service = "submission"
)

// Services are all of them.
func Services() []Service { return []Service{ServiceIMAP, ServicePOP3, ServiceSubmission} }
