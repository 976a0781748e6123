package tlsrpt

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"strings"

	"github.com/sanduk-mail/sanduk/services/resolver"
)

// maxRecipients of one domain's reports: one and a spare.
const maxRecipients = 2

// DNS is asked who wants reports. *resolver.Client is one.
type DNS interface {
	TXT(ctx context.Context, name string) (resolver.Answer[string], error)
}

// Recipient is to whom a domain wants its reports sent: one of both.
type Recipient struct {
	Mail string // an address
	Post string // an https URL
}

// String is the one that it is.
func (r Recipient) String() string { return r.Mail + r.Post }

// Recipients are those of a domain's reports; none if it wants none. The error is
// temporary.
func Recipients(ctx context.Context, dns DNS, domain string) ([]Recipient, error) {
	answer, err := dns.TXT(ctx, "_smtp._tls."+domain)
	if errors.Is(err, resolver.ErrNone) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("who wants TLS reports of %s: %w", domain, err)
	}
	var list []Recipient
	records := 0
	for _, text := range answer.Records {
		if to, ok := ParseRecord(text); ok {
			list = to
			records++
		}
	}
	if records != 1 { // RFC 8460 §3: of several none counts
		return nil, nil
	}
	return list, nil
}

// ParseRecord reads the recipients of a record (RFC 8460 §3); ok is false for a text
// that is none.
func ParseRecord(text string) (recipients []Recipient, ok bool) {
	fields := strings.Split(text, ";")
	if strings.TrimSpace(fields[0]) != "v=TLSRPTv1" {
		return nil, false
	}
	for _, f := range fields[1:] {
		name, value, _ := strings.Cut(f, "=")
		if strings.TrimSpace(name) != "rua" {
			continue
		}
		ok = true
		for uri := range strings.SplitSeq(value, ",") {
			if r, ok := parseRecipient(strings.TrimSpace(uri)); ok && len(recipients) < maxRecipients {
				recipients = append(recipients, r)
			}
		}
	}
	return recipients, ok
}

// maxURL is longer than any that is in use, and short enough for logs.
const maxURL = 500

func parseRecipient(uri string) (Recipient, bool) {
	u, err := url.Parse(uri)
	if err != nil || len(uri) > maxURL {
		return Recipient{}, false
	}
	switch strings.ToLower(u.Scheme) {
	case "mailto":
		address, err := url.PathUnescape(u.Opaque)
		if err != nil {
			return Recipient{}, false
		}
		a, err := mail.ParseAddress(address)
		return Recipient{Mail: address}, err == nil && a.Name == "" && a.Address == address
	case "https":
		// Another port is a service of another kind, which a stranger's record is not to
		// have the box talk to; nor is a password a record's to give.
		_, literal := netip.ParseAddr(strings.Trim(u.Hostname(), "[]"))
		well := u.Hostname() != "" && literal != nil && (u.Port() == "" || u.Port() == "443") && u.User == nil
		return Recipient{Post: u.String()}, well
	}
	return Recipient{}, false
}
