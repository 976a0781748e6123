package operator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/mail"
)

func (t *task) address() (mail.Address, error) {
	a, err := mail.ParseAddress(t.args[0])
	if err != nil {
		return a, fmt.Errorf("%w: %q is not a mail address", errUsage, t.args[0])
	}
	return a, nil
}

// at opens the place for work and closes it.
func (t *task) at(ctx context.Context, work func(place) error) error {
	p, err := t.place(ctx)
	if err != nil {
		return err
	}
	return errors.Join(work(p), p.close())
}

func userList(ctx context.Context, t *task) error {
	return t.at(ctx, func(p place) error {
		people, err := p.people(ctx)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(t.Out, 0, 0, 2, ' ', 0)
		for _, a := range people {
			role := roleWords(a)
			if a.Disabled {
				role = strings.TrimSpace(role + " disabled")
			}
			fmt.Fprintf(table, "%s\t%s\t%s\n", a.Address, a.Name, role)
		}
		return table.Flush()
	})
}

func userAdd(ctx context.Context, t *task) error {
	address, err := t.address()
	if err != nil {
		return err
	}
	return t.at(ctx, func(p place) error {
		password, err := t.newPassword(ctx, address)
		if err != nil {
			return err
		}
		if err := p.add(ctx, mail.Account{Address: address, Name: t.flags.name, Role: roleOf(t.flags.admin)}, password); err != nil {
			return err
		}
		fmt.Fprintf(t.Out, "%s has been added\n", address)
		if list, err := p.removed(ctx); err == nil { // else it is added all the same
			for _, r := range list {
				if r.Address.Canonical() == address.Canonical() {
					fmt.Fprintf(t.Out, "→ Somebody with this address was removed on %s. This is a new, empty mailbox; until %s the old mail can be had too:\n"+
						"  boxctl undo account %s --address ANOTHER-ADDRESS\n", r.At.Local().Format("2006-01-02"), r.Until.Local().Format("2006-01-02"), address)
				}
			}
		}
		return nil
	})
}

func userPasswd(ctx context.Context, t *task) error {
	address, err := t.address()
	if err != nil {
		return err
	}
	return t.at(ctx, func(p place) error {
		password, err := t.newPassword(ctx, address)
		if err != nil {
			return err
		}
		if err := p.setPassword(ctx, address, password); err != nil {
			return err
		}
		fmt.Fprintf(t.Out, "%s has a new password\n", address)
		return nil
	})
}

func userRemove(ctx context.Context, t *task) error {
	address, err := t.address()
	if err != nil {
		return err
	}
	return t.at(ctx, func(p place) error {
		if err := p.remove(ctx, address); err != nil {
			return err
		}
		until := ""
		if list, err := p.removed(ctx); err == nil { // else it is removed all the same
			for _, r := range list {
				if r.Address.Canonical() == address.Canonical() {
					until = " until " + r.Until.Local().Format(stamp)
				}
			}
		}
		fmt.Fprintf(t.Out, "%s has been removed; the mail stays recoverable%s: boxctl undo account %s\n", address, until, address)
		return nil
	})
}

// newPassword asks for a password and refuses a weak one before anything is sent.
func (t *task) newPassword(ctx context.Context, address mail.Address) (string, error) {
	password, err := t.askPassword(ctx, "New password for "+address.String(), true)
	if err != nil {
		return "", err
	}
	return password, auth.CheckPassword(address, password)
}

// userDisable lets nobody log in to an account, or lets them in again.
func userDisable(disabled bool) func(context.Context, *task) error {
	return func(ctx context.Context, t *task) error {
		address, err := t.address()
		if err != nil {
			return err
		}
		return t.at(ctx, func(p place) error {
			if err := p.disable(ctx, address, disabled); err != nil {
				return err
			}
			if disabled {
				t.say("nobody can log in as %s any more; mail goes on to arrive", address)
			} else {
				t.say("%s can log in again", address)
			}
			return nil
		})
	}
}

// userLink makes a link to a new password.
func userLink(ctx context.Context, t *task) error {
	address, err := t.address()
	if err != nil {
		return err
	}
	return t.onBox(func(b *box) error {
		var made struct {
			Path  string `json:"path"`
			Hours int    `json:"hours"`
		}
		if err := b.do(ctx, http.MethodPost, "/api/accounts/"+url.PathEscape(address.String())+"/password-link", nil, &made); err != nil {
			return err
		}
		_, err := fmt.Fprintln(t.Out, strings.TrimSuffix(t.flags.box, "/")+made.Path)
		return err
	})
}
