package collect

import (
	"crypto/sha256"
	"encoding/hex"
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
	Rules       Rules    // of a domain mailbox
	Folders     []string // by IMAP, besides INBOX
	Paused      bool     // nothing is collected for now
	// Believe is the name by which the provider signs what it found out about its
	// mail (the first word of its Authentication-Results); "": nothing is believed.
	Believe string
}

// SourceOf is a source as it was set up.
func SourceOf(c setup.Collection) Source {
	return Source{
		Protocol: c.Protocol, Host: c.Host, Port: c.Port, TLS: c.TLS, User: c.User, Password: c.Password,
		Every: c.Every, Leave: c.Leave, IntoAddress: c.IntoAddress, IntoDomain: c.IntoDomain, Folders: c.Folders,
		Rules: Rules{Fields: c.Fields, ToCc: c.ToCc, Keeper: c.Keeper}, Believe: c.Believe, Paused: c.Paused,
	}
}

// SourceKey names a source for good: whoever has the same mailbox at the same
// provider is the same source, wherever the mail goes and by whatever port.
type SourceKey [16]byte

// String is the key in hexadecimal.
func (k SourceKey) String() string { return hex.EncodeToString(k[:]) }

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
