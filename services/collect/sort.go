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
	// Keeper gets what can't be sorted; zero: the domain's postmaster.
	Keeper mail.Address
}

// UsualFields are those that providers write, the surest first.
func UsualFields() []string {
	return []string{"X-Original-To", "Delivered-To", "Envelope-To", "X-Envelope-To", "Received"}
}

const (
	// maxHeader is how much of a header is looked at: what the provider notes stands
	// at its top.
	maxHeader = 256 << 10
	// maxRecipients is for how many one message may be: each address once.
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

// Directory knows which addresses the office has.
type Directory interface {
	// Knows returns nil for an address that mail can be for, of a person, a group or
	// whatever else; mail.ErrNoSuchAddress or mail.ErrNotOurDomain for others.
	Knows(ctx context.Context, to mail.Address) error
}

// recipients decides for which addresses a message of a source is; none means that
// it can't be sorted.
func (c *Collector) recipients(ctx context.Context, s *Source, h *header, digest *message.Digest) ([]mail.Address, error) {
	if s.IntoDomain == "" {
		if err := c.o.Directory.Knows(ctx, s.IntoAddress); isNobody(err) {
			return nil, errNobody
		} else if err != nil {
			return nil, err
		}
		return []mail.Address{s.IntoAddress}, nil
	}
	for _, name := range s.Rules.fields() {
		to, err := c.resolve(ctx, s, h.recipients[strings.ToLower(name)])
		if err != nil || len(to) > 0 {
			return to, err
		}
	}
	if s.Rules.ToCc {
		return c.resolve(ctx, s, toCc(digest))
	}
	return nil, nil
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

// resolve finds those addresses that are of the source's domain and known here. One
// that nobody has is passed over: another field may know better.
func (c *Collector) resolve(ctx context.Context, s *Source, words []string) ([]mail.Address, error) {
	var to []mail.Address
	seen := map[mail.CanonicalAddress]bool{}
	for _, word := range words {
		address, err := mail.ParseAddress(word)
		if err != nil {
			continue
		}
		if name, err := domain.Canonical(address.Domain); err != nil || name != s.IntoDomain {
			continue
		}
		err = c.o.Directory.Knows(ctx, address)
		switch {
		case isNobody(err):
			continue
		case err != nil:
			return nil, err
		}
		if !seen[address.Canonical()] && len(to) < maxRecipients {
			seen[address.Canonical()] = true
			to = append(to, address)
		}
	}
	return to, nil
}

func isNobody(err error) bool {
	return errors.Is(err, mail.ErrNoSuchAddress) || errors.Is(err, mail.ErrNotOurDomain)
}

// keeper is who gets what can't be sorted: whom the rules name, as long as somebody
// has that address, else the postmaster, whom every domain has.
func (c *Collector) keeper(ctx context.Context, s *Source) mail.Address {
	if a := s.Rules.Keeper; !a.IsZero() && c.o.Directory.Knows(ctx, a) == nil {
		return a
	}
	name := string(s.IntoDomain)
	if name == "" {
		name = s.IntoAddress.Domain
	}
	return mail.Address{Local: "postmaster", Domain: name}
}
