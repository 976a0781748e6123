package collect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// refusedError is what a provider answered instead of doing what it was asked.
type refusedError struct {
	command string
	text    string // its words, cleaned
	auth    bool   // it does not take user and password
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("%s: the provider said %q", e.command, e.text)
}

// errProtocol says that the other side does not speak the protocol.
var errProtocol = errors.New("the provider's server says what no mail server says")

// errNoTLS says that the other side offers no TLS.
var errNoTLS = errors.New("the provider's server offers no TLS on this port")

// errNoUIDL says that messages can't be told apart.
var errNoUIDL = errors.New("the provider's POP3 has no UIDL, without which nobody can tell which messages were collected")

// errListing says that there are too many messages.
var errListing = errors.New("the provider's mailbox has more messages than can be collected")

// errNobody says that the mail is for nobody here.
var errNobody = errors.New("nobody here has the address that the mail is for")

// isAuth reports whether trying again with the same password is of no use.
func isAuth(err error) bool {
	e, ok := errors.AsType[*refusedError](err)
	return ok && e.auth
}

// words puts an error into words for the administrator, with what to do next.
func words(s *Source, err error) string {
	refused, isRefused := errors.AsType[*refusedError](err)
	var certificate *tls.CertificateVerificationError
	var dns *net.DNSError
	switch {
	case isAuth(err):
		return fmt.Sprintf("%s does not take the user name or password (it says: %s). Enter the right ones: until then it is asked seldom, so that it does not lock the account", s.Host, refused.text)
	case isRefused:
		return fmt.Sprintf("%s refuses: %s", s.Host, refused.text)
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return fmt.Sprintf("%s shows a certificate that nobody this box trusts has signed, so the password was not sent. Ask the provider for the server's right name; one that makes its own certificates can't be used", s.Host)
	case errors.As(err, &certificate), errors.As(err, new(x509.HostnameError)):
		return fmt.Sprintf("%s shows a certificate that is not good for this name, so the password was not sent. Check the server's name with the provider", s.Host)
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Sprintf("There is no server named %s. Check the name with the provider", s.Host)
	case errors.Is(err, errNoTLS):
		return fmt.Sprintf("%s offers no TLS on port %d, so the password was not sent. Ask the provider for the right port", s.Host, s.Port)
	case errors.Is(err, errNoUIDL):
		return fmt.Sprintf("%s can't tell by POP3 which messages are new. Use IMAP for this mailbox", s.Host)
	case errors.Is(err, errListing):
		return fmt.Sprintf("The mailbox at %s has more than a million messages. Delete old ones there", s.Host)
	case errors.Is(err, errNobody):
		return fmt.Sprintf("Nobody here has the address %s. The mail stays at the provider until somebody has it", s.into())
	case len(mail.OverQuota(err)) > 0:
		return "The mailbox here is full. The mail stays at the provider until there is room"
	case errors.Is(err, mail.ErrNoSpace):
		return "The box's disk is full. The mail stays at the provider until there is room"
	case errors.Is(err, errProtocol):
		return fmt.Sprintf("What answers at %s port %d is not a mail server of this kind. Check server, port and protocol", s.Host, s.Port)
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return fmt.Sprintf("%s does not answer. It is tried again by itself", s.Host)
	}
	return fmt.Sprintf("The connection to %s failed (%s). It is tried again by itself", s.Host, mail.InWords(err))
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// clean makes a provider's words fit to be shown: one line, printable, short.
func clean(s string) string {
	const most = 200
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r <= 0x9f || r == '\uFFFD' {
			return ' '
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	for i := range s {
		if i > most {
			return s[:i] + "…"
		}
	}
	return s
}
