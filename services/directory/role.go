package directory

import (
	"context"
	"fmt"
	"slices"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// SetRole says what somebody may do beside using their own mailbox; domains are those that a
// domain administrator looks after, and of others none. Durable and visible on return.
// Errors: mail.ErrNoAccount, mail.ErrLastAdmin, mail.ErrNoDomain, *mail.RuleError.
func (d *Directory) SetRole(ctx context.Context, id mail.AccountID, role mail.AccountRole, domains []string) error {
	switch {
	case !role.Known():
		return &mail.RuleError{Field: "role", Text: "There is no such role"}
	case role == mail.RoleDomainAdmin && len(domains) == 0:
		return &mail.RuleError{Field: "domains", Text: "Say of which domains this person looks after the people"}
	case role != mail.RoleDomainAdmin && len(domains) > 0:
		return &mail.RuleError{Field: "domains", Text: "Only a domain administrator has domains"}
	}
	record := roleRecord{ID: id, Role: role}
	for _, text := range domains {
		name, err := domain.Canonical(text)
		if err != nil {
			return err
		}
		record.Domains = append(record.Domains, name)
	}
	slices.Sort(record.Domains)
	record.Domains = slices.Compact(record.Domains)
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	for _, name := range record.Domains {
		if !d.current.Load().owns(name) {
			return fmt.Errorf("directory: %s: %w", name, mail.ErrNoDomain)
		}
	}
	return d.commit(ctx, kindSetRole, record)
}

func (s *state) setRole(r *roleRecord) ([]entry, error) {
	old, err := s.live(r.ID)
	if err != nil {
		return nil, err
	}
	var touched []entry
	// Who was the owner without being called so stays it when somebody else is called so.
	if first := s.accounts[s.owner()]; first != nil && first.Role != mail.RoleOwner && first.ID != r.ID {
		a := *first
		a.Role = mail.RoleOwner
		s.accounts[a.ID] = &a
		touched = append(touched, entry{bucketAccounts, accountKey(a.ID)})
	}
	a := *old
	a.Admin, a.Role, a.Domains = r.Role.Admin(), r.Role, r.Domains
	if r.Role == mail.RoleAdmin {
		a.Role = mail.RoleUser // Admin says it
	}
	s.accounts[r.ID] = &a
	if s.oldestAdmin() == 0 {
		return nil, mail.ErrLastAdmin
	}
	return append(touched, entry{bucketAccounts, accountKey(r.ID)}), nil
}

// owner is an owner with the lowest number who can log in; where there is none, the
// administrator who has been there longest stands in: a box has one always.
func (s *state) owner() mail.AccountID {
	var first mail.AccountID
	for id, a := range s.accounts {
		if a.Role == mail.RoleOwner && a.Removed.IsZero() && !a.Disabled && (first == 0 || id < first) {
			first = id
		}
	}
	if first == 0 {
		return s.oldestAdmin()
	}
	return first
}

// account is an account's record as others see it.
func (s *state) account(r *accountRecord) mail.Account {
	a := mail.Account{ID: r.ID, Address: r.address(), Name: r.Name, Role: r.Role, Disabled: r.Disabled, Quota: mail.Quota(r.Quota), Created: r.Created}
	for _, name := range r.Domains {
		a.Domains = append(a.Domains, string(name))
	}
	switch {
	case !r.Admin || r.Role == mail.RoleOwner:
	case s.first == r.ID:
		a.Role = mail.RoleOwner
	default:
		a.Role = mail.RoleAdmin
	}
	return a
}
