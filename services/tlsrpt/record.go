package tlsrpt

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
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

// Recipients are the mail addresses to which a domain wants its reports; none if it
// wants none, or none by mail. The error is temporary.
func Recipients(ctx context.Context, dns DNS, domain string) ([]string, error) {
	answer, err := dns.TXT(ctx, "_smtp._tls."+domain)
	if errors.Is(err, resolver.ErrNone) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("who wants TLS reports of %s: %w", domain, err)
	}
	var list []string
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

// ParseRecord reads the mail addresses of a record (RFC 8460 §3); ok is false for a
// text that is none.
func ParseRecord(text string) (recipients []string, ok bool) {
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
			u, err := url.Parse(strings.TrimSpace(uri))
			if err != nil || !strings.EqualFold(u.Scheme, "mailto") || len(recipients) >= maxRecipients {
				continue
			}
			address, err := url.PathUnescape(u.Opaque)
			if err != nil {
				continue
			}
			if a, err := mail.ParseAddress(address); err == nil && a.Name == "" && a.Address == address {
				recipients = append(recipients, address)
			}
		}
	}
	return recipients, ok
}
