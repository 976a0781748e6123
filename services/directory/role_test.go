package directory

import (
	"errors"
	"slices"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

func roleIf(admin bool) mail.AccountRole {
	if admin {
		return mail.RoleAdmin
	}
	return mail.RoleUser
}

// TestRoles: a box always has an owner, and who stood in for one stays it when another is
// named; a role is there after a restart, and in the index.
func TestRoles(t *testing.T) {
	b := newOffice(t)
	ctx := t.Context()
	role := func(id mail.AccountID) mail.AccountRole {
		t.Helper()
		a, err := b.Account(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		return a.Role
	}
	want := func(id mail.AccountID, r mail.AccountRole) {
		t.Helper()
		if got := role(id); got != r {
			t.Errorf("account %d is %q; want %q", id, got, r)
		}
	}
	set := func(id mail.AccountID, r mail.AccountRole, fails error, domains ...string) {
		t.Helper()
		if err := b.SetRole(ctx, id, r, domains); !errors.Is(err, fails) {
			t.Errorf("SetRole(%d, %q, %v) = %v; want %v", id, r, domains, err, fails)
		}
	}
	want(1, mail.RoleOwner)
	want(2, mail.RoleUser)
	set(2, mail.RoleAdmin, nil)
	want(2, mail.RoleAdmin)
	set(2, mail.RoleOwner, nil)
	want(1, mail.RoleOwner) // who stood in for one stays it
	want(2, mail.RoleOwner)
	set(1, mail.RoleHelpDesk, nil)
	want(1, mail.RoleHelpDesk)
	set(2, mail.RoleUser, mail.ErrLastAdmin)
	if err := b.SetDisabled(ctx, 2, true); !errors.Is(err, mail.ErrLastAdmin) {
		t.Errorf("SetDisabled of the last = %v", err)
	}
	set(1, mail.RoleDomainAdmin, nil, "EXAMPLE.test")
	if a, err := b.Account(ctx, 1); err != nil || !slices.Equal(a.Domains, []string{"example.test"}) || a.Role.Admin() {
		t.Errorf("domain administrator: %+v, %v", a, err)
	}
	set(1, mail.RoleDomainAdmin, mail.ErrNoDomain, "elsewhere.test")
	for _, bad := range []struct {
		role    mail.AccountRole
		domains []string
	}{{"king", nil}, {mail.RoleDomainAdmin, nil}, {mail.RoleAdmin, []string{"example.test"}}} {
		if rule := (*mail.RuleError)(nil); !errors.As(b.SetRole(ctx, 1, bad.role, bad.domains), &rule) {
			t.Errorf("SetRole(%q, %v) was not refused in words", bad.role, bad.domains)
		}
	}
	set(1, mail.RoleAdmin, nil)
	if a, err := b.Account(ctx, 1); err != nil || len(a.Domains) > 0 {
		t.Errorf("an administrator has domains: %+v, %v", a, err)
	}
	// The only owner goes by another way: the administrator stands in.
	if err := b.SetDisabled(ctx, 2, true); err != nil {
		t.Fatal(err)
	}
	want(1, mail.RoleOwner)
}
