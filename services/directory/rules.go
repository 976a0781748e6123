package directory

import (
	"context"
	"fmt"
	"slices"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// SetRules makes these the rules of an account, in place of what held. Durable and
// visible on return. Errors: mail.ErrNoAccount; *mail.RuleError with mail.ErrCircle,
// mail.ErrNoSuchAddress, mail.ErrTooMany or nothing in it.
func (d *Directory) SetRules(ctx context.Context, id mail.AccountID, rules mail.Rules) error {
	return d.ChangeRules(ctx, id, func(r *mail.Rules) { *r = rules })
}

// ChangeRules changes what change changes of an account's rules; nobody else
// changes them meanwhile. Errors as SetRules.
func (d *Directory) ChangeRules(ctx context.Context, id mail.AccountID, change func(*mail.Rules)) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	s := d.current.Load().state
	if _, err := s.live(id); err != nil {
		return err
	}
	var rules mail.Rules
	if old := s.rules[id]; old != nil { // with removed people, who may come back
		rules = mail.Rules{
			Forward: s.members(old.Forward, true), Keep: old.Keep, LocalOnly: old.LocalOnly,
			SendAs: s.members(old.SendAs, true), Copies: s.allCopies(old.Copies),
		}
	}
	change(&rules)
	record := rulesRecord{ID: id, Keep: rules.Keep, LocalOnly: rules.LocalOnly}
	var err error
	if record.Forward, err = s.memberRecords("forward", rules.Forward, maxForward); err != nil {
		return err
	}
	if record.SendAs, err = s.memberRecords("send_as", rules.SendAs, maxSendAs); err != nil {
		return err
	}
	if record.Copies, err = s.copyRecords(rules.Copies); err != nil {
		return err
	}
	outside := func(m memberRecord) bool { return m.Account == 0 && !s.owns(s.home(m.Domain)) }
	if slices.ContainsFunc(record.SendAs, outside) {
		return &mail.RuleError{Field: "send_as", Text: "Leave to send can be given for addresses of the office only"}
	}
	if record.LocalOnly && slices.ContainsFunc(record.Forward, outside) {
		return &mail.RuleError{Field: "forward", Text: "An account for mail inside the office can't forward outside: end the forwarding first"}
	}
	if len(record.Forward) == 0 {
		record.Keep = false // it says nothing then
	}
	return d.commitRules(ctx, kindSetRules, record)
}

// allCopies is copyRules with removed people.
func (s *state) allCopies(list []copyRecord) []mail.Copy {
	var all []mail.Copy
	for _, c := range list {
		if to := s.members([]memberRecord{c.To}, true); to != nil {
			all = append(all, mail.Copy{To: to[0], In: c.In, Out: c.Out})
		}
	}
	return all
}

// SetDomain adds a domain, or makes its settings those given here. A domain that
// has addresses of its own can't become an alias. Durable and visible on return.
//
// Errors: ErrNotSetUp, domain.ErrName, mail.ErrNoDomain (what it is to be an alias
// of), mail.ErrInUse, mail.ErrNoAccount (the catch-all), mail.ErrTooMany, or a
// *mail.RuleError.
func (d *Directory) SetDomain(ctx context.Context, settings mail.Domain) error {
	name, err := domain.Canonical(settings.Name)
	if err != nil {
		return fmt.Errorf("directory: domain %q: %w", settings.Name, err)
	}
	record := domainRecord{Name: name, CatchAll: settings.CatchAll}
	if settings.AliasOf != "" {
		if record.AliasOf, err = domain.Canonical(settings.AliasOf); err != nil {
			return fmt.Errorf("directory: domain %q: %w", settings.AliasOf, mail.ErrNoDomain)
		}
		if settings.CatchAll != 0 || len(settings.Copies) > 0 {
			return &mail.RuleError{Field: "alias_of", Text: "Another name of a domain has no rules of its own: set them where it leads"}
		}
	}
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	s := d.current.Load().state
	if s.box == nil {
		return ErrNotSetUp
	}
	if settings.CatchAll != 0 {
		if _, err := s.live(settings.CatchAll); err != nil {
			return err
		}
	}
	if record.Copies, err = s.copyRecords(settings.Copies); err != nil {
		return err
	}
	if len(s.domains)+len(s.box.Domains) >= maxDomains && s.domains[name] == nil && !s.owns(name) {
		return fmt.Errorf("directory: %d domains: %w", maxDomains, mail.ErrTooMany)
	}
	return d.commitRules(ctx, kindSetDomain, record)
}

// RemoveDomain ends a domain or an alias of one. Errors: mail.ErrNoDomain, or a
// *mail.RuleError with mail.ErrInUse that says what has to go first.
func (d *Directory) RemoveDomain(ctx context.Context, name string) error {
	canonical, err := domain.Canonical(name)
	if err != nil {
		return fmt.Errorf("directory: domain %q: %w", name, mail.ErrNoDomain)
	}
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	return d.commit(ctx, kindRemoveDomain, removeDomainRecord{Name: canonical})
}
