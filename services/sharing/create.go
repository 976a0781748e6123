package sharing

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// CreateMailbox makes one, with the parents it lacks. Below a mailbox of somebody else
// that needs the right to, and what is made has the grants of that mailbox: its maker
// could not see it else. Nobody makes anything where he sees nothing, so that is always
// ErrNoRight.
func (a *Account) CreateMailbox(ctx context.Context, name string, role mail.Role) (mail.Mailbox, error) {
	if !reserved(name) {
		return a.Mail.CreateMailbox(ctx, name, role)
	}
	if _, err := mail.MailboxName(name); err != nil {
		return mail.Mailbox{}, err
	}
	owner, own := a.split(ctx, name)
	if owner == 0 || role != mail.RoleNone {
		return mail.Mailbox{}, fmt.Errorf("create mailbox of another: %w", mail.ErrNoRight)
	}
	account, err := a.shares.open(ctx, owner)
	if err != nil {
		return mail.Mailbox{}, err
	}
	above, missing, err := a.parent(ctx, account, owner, own)
	if err != nil {
		return mail.Mailbox{}, err
	}
	if len(missing) == 0 {
		return mail.Mailbox{}, mail.ErrMailboxExists
	}
	var id mail.MailboxID
	for _, level := range missing {
		m, err := account.CreateMailbox(ctx, level, mail.RoleNone)
		if err != nil {
			return mail.Mailbox{}, fmt.Errorf("create mailbox of another: %w", err)
		}
		if err := a.shares.opt.Directory.InheritShares(ctx, a.id, owner, above, m.ID); err != nil {
			// It would stand there for nobody but an owner who knows nothing of it.
			err = errors.Join(err, account.DeleteMailbox(context.WithoutCancel(ctx), m.ID))
			return mail.Mailbox{}, fmt.Errorf("create mailbox of another: %w", err)
		}
		id = m.ID
	}
	return a.MailboxByID(ctx, others(owner, id))
}

// parent finds the mailbox of an owner below which a name would stand, the nearest one
// that there is, and the levels that are missing up to the name; none: the name itself
// is there. It needs the right to make mailboxes below it (RFC 4314 §4).
func (a *Account) parent(ctx context.Context, account Mail, owner mail.AccountID, own string) (above mail.MailboxID, missing []string, err error) {
	for i := strings.LastIndexByte(own, mail.Delimiter); i > 0; i = strings.LastIndexByte(own[:i], mail.Delimiter) {
		m, err := account.Mailbox(ctx, own[:i])
		if errors.Is(err, mail.ErrNoMailbox) {
			continue
		}
		if err != nil {
			return 0, nil, err
		}
		if _, err := a.allowed(owner, m.ID, mail.RightCreate); err != nil {
			break
		}
		missing, err := levels(ctx, account, own, i)
		return m.ID, missing, err
	}
	return 0, nil, fmt.Errorf("make a mailbox there: %w", mail.ErrNoRight)
}

// levels are the names from behind the parent, which ends at i, down to own.
func levels(ctx context.Context, account Mail, own string, i int) ([]string, error) {
	switch _, err := account.Mailbox(ctx, own); {
	case err == nil:
		return nil, nil
	case !errors.Is(err, mail.ErrNoMailbox):
		return nil, err
	}
	var missing []string
	for at, c := range own {
		if at > i && c == mail.Delimiter {
			missing = append(missing, own[:at])
		}
	}
	return append(missing, own), nil
}

// RenameMailbox renames one with its children. One of somebody else stays in his
// account: it needs the right to remove it, and to make mailboxes at the new place.
// Its grants stay what they are. The INBOX of another, which would give all its
// messages away, is only his to rename.
func (a *Account) RenameMailbox(ctx context.Context, id mail.MailboxID, name string) error {
	if !a.Foreign(id) {
		if reserved(name) {
			return fmt.Errorf("rename mailbox %s: %w", id, mail.ErrNoRight)
		}
		return a.Mail.RenameMailbox(ctx, id, name)
	}
	p, err := a.at(ctx, id, mail.RightDeleteMailbox)
	if err != nil {
		return err
	}
	m, err := p.MailboxByID(ctx, p.id)
	if err != nil {
		return err
	}
	if owner, own := a.split(ctx, name); owner == p.owner && m.Role != mail.RoleInbox {
		if strings.HasPrefix(own, m.Name+string(mail.Delimiter)) {
			return mail.ErrMailboxName // into itself
		}
		_, missing, err := a.parent(ctx, p.Mail, owner, own)
		if err != nil {
			return err
		}
		if len(missing) == 0 {
			return mail.ErrMailboxExists
		}
		if len(missing) > 1 {
			// The levels between would be made for nobody but the owner.
			if _, err := a.CreateMailbox(ctx, name[:strings.LastIndexByte(name, mail.Delimiter)], mail.RoleNone); err != nil {
				return err
			}
		}
		if err := p.RenameMailbox(ctx, p.id, own); err != nil {
			return err
		}
		a.note(ctx, "mailbox of another renamed", p, "name", m.Name, "now", own)
		return nil
	}
	return fmt.Errorf("rename mailbox %s: %w", id, mail.ErrNoRight)
}
