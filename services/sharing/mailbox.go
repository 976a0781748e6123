package sharing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

const sharedEntries = "/shared/" // RFC 5464 §3.1: annotations that everybody sees

// Mailboxes lists the own mailboxes and those of others that may be looked at, by name.
func (a *Account) Mailboxes(ctx context.Context) ([]mail.Mailbox, error) {
	list, err := a.Mail.Mailboxes(ctx)
	received := a.shares.opt.Directory.Received(a.id)
	if err != nil || len(received) == 0 {
		return list, err
	}
	subscribed, err := a.subscribed(ctx)
	if err != nil {
		return nil, err
	}
	own := map[string]bool{}
	for _, m := range list {
		if reserved(m.Name) {
			own[m.Name] = true
		}
	}
	for _, owner := range owners(received) {
		seen, err := a.mailboxesOf(ctx, owner)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil && !errors.Is(err, mail.ErrNoMailbox) && !errors.Is(err, mail.ErrNoAccount) {
			// His own mail must not be out of reach for the trouble that another's is in.
			a.shares.log.Warn("mailboxes of another account are left out", "verb", "share", "owner", owner.String(), "to", a.id.String(), "err", err)
		}
		for _, m := range seen {
			if m.Subscribed = subscribed[m.Name]; !own[m.Name] {
				list = append(list, m)
			}
		}
	}
	slices.SortFunc(list, func(a, b mail.Mailbox) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// mailboxesOf lists those of one owner that may be looked at, as the log-in sees them.
func (a *Account) mailboxesOf(ctx context.Context, owner mail.AccountID) ([]mail.Mailbox, error) {
	prefix, err := a.shares.prefix(ctx, owner)
	if err != nil {
		return nil, err
	}
	account, err := a.shares.open(ctx, owner)
	if err != nil {
		return nil, err
	}
	list, err := account.Mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	var seen []mail.Mailbox
	for _, m := range list {
		// Asked now, for the list was long in coming.
		if rights := a.shares.opt.Directory.Rights(owner, m.ID, a.id); rights.Has(mail.RightLookup) {
			seen = append(seen, shown(m, owner, prefix, rights))
		}
	}
	return seen, nil
}

// shown is a mailbox as somebody sees it who has these rights there.
func shown(m mail.Mailbox, owner mail.AccountID, prefix string, rights mail.Rights) mail.Mailbox {
	m.ID, m.Name, m.Role, m.Subscribed = others(owner, m.ID), prefix+m.Name, mail.RoleNone, false
	if !rights.Has(mail.RightRead) {
		return mail.Mailbox{ID: m.ID, Name: m.Name, Kind: m.Kind, UIDValidity: m.UIDValidity, UIDNext: 1}
	}
	var private []mail.Annotation
	for name := range m.Annotations.All() {
		if !strings.HasPrefix(name, sharedEntries) {
			private = append(private, mail.Annotation{Name: name, Gone: true})
		}
	}
	if len(private) > 0 {
		var err error
		if m.Annotations, err = m.Annotations.With(private...); err != nil {
			m.Annotations = mail.Annotations{} // what only gets less can't be too much
		}
	}
	return m
}

// subscribed are the names on the log-in's own list.
func (a *Account) subscribed(ctx context.Context) (map[string]bool, error) {
	names, err := a.Subscriptions(ctx)
	if err != nil {
		return nil, err
	}
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set, nil
}

// Mailbox finds one by its name: of somebody else one where the log-in has any right.
func (a *Account) Mailbox(ctx context.Context, name string) (mail.Mailbox, error) {
	m, err := a.Mail.Mailbox(ctx, name)
	if !reserved(name) || !errors.Is(err, mail.ErrNoMailbox) {
		return m, err
	}
	owner, own := a.split(ctx, name)
	if owner == 0 {
		return mail.Mailbox{}, mail.ErrNoMailbox
	}
	account, err := a.shares.open(ctx, owner)
	if err != nil {
		return mail.Mailbox{}, err
	}
	if m, err = account.Mailbox(ctx, own); err != nil {
		return mail.Mailbox{}, err
	}
	return a.MailboxByID(ctx, others(owner, m.ID))
}

// MailboxByID finds one by its number: of somebody else one where the log-in has any
// right.
func (a *Account) MailboxByID(ctx context.Context, id mail.MailboxID) (mail.Mailbox, error) {
	if !a.Foreign(id) {
		return a.Mail.MailboxByID(ctx, id)
	}
	p, err := a.at(ctx, id, 0)
	if err != nil {
		return mail.Mailbox{}, err
	}
	m, err := p.MailboxByID(ctx, p.id)
	if err != nil {
		return mail.Mailbox{}, err
	}
	prefix, err := a.shares.prefix(ctx, p.owner)
	if err != nil {
		return mail.Mailbox{}, mail.ErrNoMailbox // removed in this moment
	}
	m = shown(m, p.owner, prefix, p.rights)
	names, err := a.Subscriptions(ctx)
	m.Subscribed = slices.Contains(names, m.Name)
	return m, err
}

// Subscribe puts a name on the log-in's own list or takes it off.
func (a *Account) Subscribe(ctx context.Context, name string, on bool) error {
	if on && reserved(name) {
		m, err := a.Mailbox(ctx, name)
		if err == nil && a.Foreign(m.ID) {
			_, err = a.at(ctx, m.ID, mail.RightLookup)
		}
		if err != nil {
			return err
		}
	}
	return a.Mail.Subscribe(ctx, name, on)
}

// Annotate changes what is written on a mailbox. Of another's only what is written for
// everybody can be changed.
func (a *Account) Annotate(ctx context.Context, id mail.MailboxID, changes []mail.Annotation) error {
	if !a.Foreign(id) {
		return a.Mail.Annotate(ctx, id, changes)
	}
	p, err := a.at(ctx, id, mail.RightRead|mail.RightWrite) // RFC 5464 §3.3 leaves which to the server
	if err != nil {
		return err
	}
	for _, c := range changes {
		if !strings.HasPrefix(c.Name, sharedEntries) {
			return fmt.Errorf("private annotation of mailbox %s: %w", id, mail.ErrNoRight)
		}
	}
	return p.Annotate(ctx, p.id, changes)
}

// DeleteMailbox removes one; its owner can put it back.
func (a *Account) DeleteMailbox(ctx context.Context, id mail.MailboxID) error {
	if !a.Foreign(id) {
		return a.Mail.DeleteMailbox(ctx, id)
	}
	p, err := a.at(ctx, id, mail.RightDeleteMailbox)
	if err != nil {
		return err
	}
	m, err := p.MailboxByID(ctx, p.id)
	if err != nil {
		return err
	}
	if err := p.DeleteMailbox(ctx, p.id); err != nil {
		return err
	}
	a.note(ctx, "mailbox of another deleted", p, "name", m.Name, "messages", m.Total)
	return nil
}
