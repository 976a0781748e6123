package signer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/dkim"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// maxSigners bounds the domains that sign one message: From holds twenty addresses at
// most, and people have one or two domains.
const maxSigners = 4

// Sign makes the DKIM-Signature fields of a message of the office's own, whose body is
// finished. There are none where no domain of the office is in From, or where signing
// for it is left to its provider. The error leaves the message as good as it was,
// unsigned.
func (s *Signer) Sign(ctx context.Context, envelope *mail.Envelope, body *draft.Draft) (fields []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, MaxTime)
	defer cancel()
	defer func() { s.note(err) }()
	var keys []dkim.Key
	for _, name := range s.authors(body.Digest().Envelope.From) {
		k, err := s.Keys(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("sign %s: %w", envelope.ID, err)
		}
		keys = append(keys, k.Signing()...)
	}
	if len(keys) == 0 {
		return nil, nil
	}
	m, err := dkim.Open(body.Reader(), body.Size())
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", envelope.ID, err)
	}
	if fields, err = dkim.Sign(ctx, m, keys, s.o.Now()); err != nil {
		return nil, fmt.Errorf("sign %s: %w", envelope.ID, err)
	}
	return fields, nil
}

// authors are the domains that answer for what these write.
func (s *Signer) authors(list []message.EnvelopeAddress) []domain.Name {
	var names []domain.Name
	for _, a := range list {
		if a.Kind != message.Mailbox {
			continue
		}
		host, err := domain.Canonical(a.Host)
		if err != nil {
			continue
		}
		if name, ok := s.signs(host); ok && !slices.Contains(names, name) && len(names) < maxSigners {
			names = append(names, name)
		}
	}
	return names
}

// Seal makes the ARC set with which a message of others is passed on: what the judge
// found when it came, and that it is as it came. There is none where one can't be
// made: the chain before is broken, or full (RFC 8617 §5.1), or no domain of the office
// has keys in DNS. The error leaves the message as good as it was, unsealed.
func (s *Signer) Seal(ctx context.Context, envelope *mail.Envelope, body *draft.Draft) (fields []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, MaxTime)
	defer cancel()
	defer func() { s.note(err) }()
	domains := slices.DeleteFunc(slices.Clone(s.o.Domains()), s.o.Left)
	if len(domains) == 0 {
		return nil, nil // a seal that nobody can check fails, which is worse than none
	}
	k, err := s.Keys(ctx, domains[0])
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", envelope.ID, err)
	}
	m, err := dkim.Open(body.Reader(), body.Size())
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", envelope.ID, err)
	}
	chain, err := dkim.VerifyChain(ctx, s.o.DNS, m)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", envelope.ID, err)
	}
	if len(m.Values("From")) == 0 { // nothing that a signature could be about
		return nil, nil
	}
	fields, err = dkim.SealMessage(ctx, m, chain, k.Signing()[0], s.results(envelope), s.o.Now())
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", envelope.ID, err)
	}
	return fields, nil
}

// results is what was found when the message came, as Authentication-Results says it;
// "none" where nobody judged it (RFC 8601 §2.2, no-result).
func (s *Signer) results(envelope *mail.Envelope) string {
	for field, err := range message.Fields(strings.NewReader(envelope.Judgement.Fields), int64(len(envelope.Judgement.Fields)+1)) {
		if err != nil {
			break
		}
		if strings.EqualFold(field.Name, "Authentication-Results") {
			_, value, _ := strings.Cut(string(field.Raw), ":")
			return strings.TrimSpace(value)
		}
	}
	return s.o.Hostname() + "; none"
}
