package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// Rules say how the mail of a domain mailbox is sorted.
type Rules struct {
	// Fields are the names of the fields in which the provider notes for whom a
	// message came, in the order in which they are believed; "Received" stands for
	// the "for" of that field. nil: see UsualFields.
	Fields []string
	// ToCc has To and Cc looked at where none of the fields says anything. Whoever
	// gets mail by a list or as a hidden copy does not stand there, and who does may
	// get it twice.
	ToCc bool
}

// UsualFields are those that providers write, the surest first.
func UsualFields() []string {
	return []string{"X-Original-To", "Delivered-To", "Envelope-To", "X-Envelope-To", "Received"}
}

const (
	// maxHeader is how much of a header is looked at: what the provider notes stands
	// at its top.
	maxHeader = 256 << 10
	// maxRecipients is for how many one message may be: each account once.
	maxRecipients = 300
)

// header is what of a message's header collecting asks about.
type header struct {
	from       mail.Address        // Return-Path
	recipients map[string][]string // by field, lower case, as they stand there
	ours       bool                // it has been here, see loopField
}

// loopField is the field that says that a message was collected from a source. One
// that comes from there with it again has gone in a circle.
const loopField = "Sanduk-Collected"

// readHeader reads the top of a message.
func readHeader(r io.Reader, key SourceKey, fields []string) header {
	h := header{recipients: map[string][]string{}}
	mark := fmt.Sprintf("%x", key[:])
	last, from := "", false
	for f, err := range message.Fields(r, maxHeader) {
		if err != nil {
			break // what was read counts
		}
		name := strings.ToLower(f.Name)
		switch {
		case name == "return-path" && !from:
			from = true
			h.from, _ = mail.ParseAddress(strings.Trim(f.Value(), "<> \t")) // <> is the null path
		case name == strings.ToLower(loopField) && f.Value() == mark:
			h.ours = true
		}
		// Only the topmost run of a field counts: what stands further down came
		// from elsewhere, where anybody may have written it. Received fields come in
		// one run as a rule, of which the first with a "for" counts.
		known := h.recipients[name] != nil
		if wants(fields, f.Name) && (!known || last == name && name != "received") {
			h.recipients[name] = append(h.recipients[name], fieldAddresses(name, f.Value())...)
		}
		last = name
	}
	return h
}

func wants(fields []string, name string) bool {
	for _, f := range fields {
		if strings.EqualFold(f, name) {
			return true
		}
	}
	return false
}

// fieldAddresses gives the words of a field that may be addresses.
func fieldAddresses(name, value string) []string {
	if name == "received" {
		if to := receivedFor(value); to != "" {
			return []string{to}
		}
		return nil
	}
	if len(value) > maxRecipients*mail.MaxDomain {
		return nil
	}
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ';' || r == '<' || r == '>' || r == ' ' || r == '\t' })
}

// receivedFor gives what a Received field (RFC 5321 §4.4) says behind "for"; "" when
// it says nothing. Comments and what stands behind the date's ";" are passed over.
func receivedFor(value string) string {
	depth, isNext := 0, false
	for i := 0; i < len(value); {
		switch c := value[i]; {
		case c == '\\' && depth > 0:
			i += 2
		case c == '(':
			depth++
			i++
		case c == ')':
			depth = max(0, depth-1)
			i++
		case depth > 0 || c == ' ' || c == '\t' || c == '\r' || c == '\n':
			i++
		case c == ';':
			return ""
		default:
			word := value[i:]
			word = word[:wordEnd(word)]
			i += len(word)
			if isNext {
				return strings.TrimSuffix(strings.TrimPrefix(word, "<"), ">")
			}
			isNext = strings.EqualFold(word, "for")
		}
	}
	return ""
}

// wordEnd is where the word at the beginning of s ends: a quoted string may have
// anything in it.
func wordEnd(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '(' || c == ';'):
			return i
		}
	}
	return len(s)
}

// Directory knows who has which address.
type Directory interface {
	// Resolve finds the account that gets mail for an address; the error is
	// mail.ErrNoSuchAddress or mail.ErrNotOurDomain where nobody does.
	Resolve(ctx context.Context, to mail.Address) (mail.AccountID, error)
}

// recipient is where a copy of a message goes.
type recipient struct {
	account mail.AccountID
	address mail.Address
}

// recipients decides where a message of a source goes. unsorted says that it goes
// to whoever looks after what can't be sorted.
func (c *Collector) recipients(ctx context.Context, s *Source, h *header, digest *message.Digest) (to []recipient, unsorted bool, err error) {
	if s.IntoDomain == "" {
		if h.ours {
			return c.keeper(ctx, domain.Name(s.IntoAddress.Domain))
		}
		account, err := c.o.Directory.Resolve(ctx, s.IntoAddress)
		if isNobody(err) {
			return nil, false, errNobody
		}
		return []recipient{{account, s.IntoAddress}}, false, err
	}
	if h.ours {
		return c.keeper(ctx, s.IntoDomain)
	}
	for _, name := range s.Rules.fields() {
		to, err := c.resolve(ctx, s, h.recipients[strings.ToLower(name)])
		if err != nil || len(to) > 0 {
			return to, false, err
		}
	}
	if s.Rules.ToCc {
		to, err := c.resolve(ctx, s, toCc(digest))
		if err != nil || len(to) > 0 {
			return to, false, err
		}
	}
	return c.keeper(ctx, s.IntoDomain)
}

func (r Rules) fields() []string {
	if r.Fields == nil {
		return UsualFields()
	}
	return r.Fields
}

func toCc(d *message.Digest) (list []string) {
	for _, all := range [][]message.EnvelopeAddress{d.Envelope.To, d.Envelope.Cc} {
		for _, a := range all {
			if a.Host != "" && len(list) < maxRecipients {
				list = append(list, mail.Address{Local: a.Mailbox, Domain: a.Host}.String())
			}
		}
	}
	return list
}

// resolve finds the accounts of those addresses that are of the source's domain.
// One that nobody has is passed over: another field may know better.
func (c *Collector) resolve(ctx context.Context, s *Source, words []string) ([]recipient, error) {
	var to []recipient
	seen := map[mail.AccountID]bool{}
	for _, word := range words {
		address, err := mail.ParseAddress(word)
		if err != nil {
			continue
		}
		if name, err := domain.Canonical(address.Domain); err != nil || name != s.IntoDomain {
			continue
		}
		account, err := c.o.Directory.Resolve(ctx, address)
		switch {
		case isNobody(err):
			continue
		case err != nil:
			return nil, err
		}
		if !seen[account] && len(to) < maxRecipients {
			seen[account] = true
			to = append(to, recipient{account, address})
		}
	}
	return to, nil
}

func isNobody(err error) bool {
	return errors.Is(err, mail.ErrNoSuchAddress) || errors.Is(err, mail.ErrNotOurDomain)
}

// keeper is who gets what can't be sorted: the postmaster, whom every domain has.
func (c *Collector) keeper(ctx context.Context, name domain.Name) ([]recipient, bool, error) {
	address := mail.Address{Local: "postmaster", Domain: string(name)}
	account, err := c.o.Directory.Resolve(ctx, address)
	return []recipient{{account, address}}, true, err
}
