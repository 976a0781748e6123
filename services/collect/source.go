package collect

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/setup"
)

// Source is one mailbox at a provider. Its password is in clear: don't log it.
type Source struct {
	Protocol setup.Protocol
	Host     string // a name or an IP address
	Port     uint16
	TLS      setup.TLSMode
	User     string
	Password string
	Every    time.Duration
	// Leave is how long a message stays at the provider after it was collected.
	// Zero: it is deleted there as soon as it is durable here; below zero: never.
	Leave time.Duration
	// Exactly one of the two says where the mail goes.
	IntoAddress mail.Address
	IntoDomain  domain.Name
	Rules       Rules // of a domain mailbox
	// Believe is the name by which the provider signs what it found out about its
	// mail (the first word of its Authentication-Results); "": nothing is believed.
	Believe string
}

// UsualLeave is how long collected mail stays at the provider where nobody has said
// otherwise: a second copy of the newest mail for the day on which the box's disk
// dies, and little of the space that a provider gives.
const UsualLeave = 7 * 24 * time.Hour

// SourceOf is a source as it was set up.
func SourceOf(c setup.Collection) Source {
	return Source{
		Protocol: c.Protocol, Host: c.Host, Port: c.Port, TLS: c.TLS, User: c.User, Password: c.Password,
		Every: c.Every, Leave: UsualLeave, IntoAddress: c.IntoAddress, IntoDomain: c.IntoDomain,
	}
}

// SourceKey names a source for good: whoever has the same mailbox at the same
// provider is the same source, wherever the mail goes and by whatever port.
type SourceKey [16]byte

// Key is the source's key.
func (s *Source) Key() SourceKey {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s", s.Protocol, s.Host, s.User))
	return SourceKey(sum[:16])
}

// into is where the mail goes, for people.
func (s *Source) into() string {
	if s.IntoDomain != "" {
		return string(s.IntoDomain)
	}
	return s.IntoAddress.String()
}

// name is the source for the log.
func (s *Source) name() string { return s.User + " at " + s.Host }
