package operator

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// roleWords is what stands beside somebody in a list.
func roleWords(a mail.Account) string {
	switch a.Role {
	case mail.RoleOwner:
		return "owner"
	case mail.RoleAdmin:
		return "administrator"
	case mail.RoleDomainAdmin:
		return "administrator of " + strings.Join(a.Domains, ", ")
	case mail.RoleHelpDesk:
		return "help desk"
	}
	return ""
}

func roleOf(admin bool) mail.AccountRole {
	if admin {
		return mail.RoleAdmin
	}
	return mail.RoleUser
}

// userRole is boxctl user role ADDRESS ROLE [--domains NAME,NAME].
func userRole(ctx context.Context, t *task) error {
	address, err := t.address()
	if err != nil {
		return err
	}
	role := mail.AccountRole(strings.ReplaceAll(t.args[1], "-", "_"))
	if role == "none" {
		role = mail.RoleUser
	}
	if !role.Known() {
		return fmt.Errorf("%w: a role is owner, admin, domain, help-desk, or none", errUsage)
	}
	var domains []string
	if t.flags.domains != "" {
		domains = strings.Split(t.flags.domains, ",")
	}
	return t.at(ctx, func(p place) error {
		if err := p.setRole(ctx, address, role, domains); err != nil {
			return err
		}
		words := roleWords(mail.Account{Role: role, Domains: domains})
		if words == "" {
			words = "an ordinary user"
		}
		fmt.Fprintf(t.Out, "%s is %s\n", address, words)
		return nil
	})
}

func (b *box) setRole(ctx context.Context, address mail.Address, role mail.AccountRole, domains []string) error {
	return b.do(ctx, http.MethodPut, "/api/accounts/"+url.PathEscape(address.String())+"/role", map[string]any{"role": role, "domains": append([]string{}, domains...)}, nil)
}

func (d *data) setRole(ctx context.Context, address mail.Address, role mail.AccountRole, domains []string) error {
	account, err := d.find(ctx, address)
	if err != nil {
		return err
	}
	return d.directory.SetRole(ctx, account.ID, role, domains)
}
