package office

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/content"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
	"github.com/sanduk-mail/sanduk/services/store"
	"github.com/sanduk-mail/sanduk/services/web"
)

// rulebook is the domains' rules on contents, for the pages.
type rulebook struct{ o *Office }

// Content is a domain's rules. mail.ErrNoDomain if it is not the office's.
func (r rulebook) Content(ctx context.Context, name string) ([]mail.ContentRule, error) {
	domains, err := r.o.directory.Domains(ctx)
	if err != nil {
		return nil, err
	}
	canonical, err := domain.Canonical(name)
	for _, d := range domains {
		if err == nil && d.Name == string(canonical) {
			return r.o.directory.Content(name), nil
		}
	}
	return nil, fmt.Errorf("domain %q: %w", name, mail.ErrNoDomain)
}

// SetContent makes these a domain's rules.
func (r rulebook) SetContent(ctx context.Context, name string, rules []mail.ContentRule) error {
	return r.o.directory.SetContent(ctx, name, rules)
}

// Try looks what rules would have found in the mail of a domain's people since a time.
// What was sent is looked at as going out and inside, what came as coming in; junk,
// drafts and what was thrown away are left out. A message in two folders counts twice.
func (r rulebook) Try(ctx context.Context, name string, rules []mail.ContentRule, since time.Time, tell func(web.Trial) error) error {
	set, err := content.Compile(rules)
	if err != nil {
		return err
	}
	canonical, err := domain.Canonical(name)
	if err != nil {
		return fmt.Errorf("domain %q: %w", name, mail.ErrNoDomain)
	}
	people, err := r.o.directory.Accounts(ctx)
	if err != nil {
		return err
	}
	for _, p := range people {
		if p.Address.Domain != string(canonical) {
			continue
		}
		t := trial{set: set, since: since, of: p.Address, tell: tell}
		if t.account, err = r.o.store.Account(ctx, p.ID); err != nil {
			return err
		}
		if err := t.mailboxes(ctx); err != nil {
			return err
		}
	}
	return nil
}

// trial is a look at one person's mail.
type trial struct {
	set     *content.Set
	since   time.Time
	account *store.Account
	of      mail.Address
	tell    func(web.Trial) error
}

func (t *trial) mailboxes(ctx context.Context) error {
	mailboxes, err := t.account.Mailboxes(ctx)
	if err != nil {
		return err
	}
	for _, m := range mailboxes {
		way := content.In
		switch m.Role {
		case mail.RoleSent:
			way = content.Out | content.Internal
		case mail.RoleDrafts, mail.RoleJunk, mail.RoleTrash:
			continue
		}
		if t.set.Empty(way) {
			continue
		}
		for row, err := range t.account.Rows(ctx, m.ID, mail.SetOfRanges(mail.Range[mail.UID]{First: 1, Last: 1<<32 - 1})) {
			if errors.Is(err, mail.ErrNoMailbox) {
				break // deleted meanwhile
			}
			if err != nil {
				return err
			}
			if row.Internal.Before(t.since) {
				continue
			}
			if err := t.message(ctx, m, row, way); err != nil {
				return err
			}
		}
	}
	return nil
}

// message looks at one. What has gone meanwhile, or is damaged, is passed over.
func (t *trial) message(ctx context.Context, m mail.Mailbox, row mail.Row, way content.Way) error {
	stored, err := t.account.Open(ctx, m.ID, row.UID)
	if err != nil {
		return t.pass(ctx, err)
	}
	defer func() { _ = stored.Close() }() // only read from
	d, err := stored.Digest()
	if err != nil {
		return t.pass(ctx, err)
	}
	f, err := t.set.Look(ctx, way, d, stored)
	if err != nil {
		return t.pass(ctx, err)
	}
	found := web.Trial{Partial: f.Partial != ""}
	if len(f.Matches) > 0 || f.Blind != "" {
		found.Of, found.Folder, found.At = t.of, m.Name, row.Internal
		found.Subject, found.From = cut(d.Subject(), 200), cut(message.AddressText(d.Envelope.From), 200)
	}
	for _, match := range f.Matches {
		found.Found = append(found.Found, web.TrialMatch{Rule: match.Rule.Name, Action: string(match.Rule.Action), Count: match.Count, Sample: match.Sample})
	}
	if f.Blind != "" && !slices.ContainsFunc(f.Matches, func(m content.Match) bool { return m.Rule.Name == f.Blind }) {
		found.Found = append(found.Found, web.TrialMatch{Rule: f.Blind, Action: string(mail.ContentHold), Count: len(f.Unread), Sample: "can't be read: " + shownNames(f.Unread)})
	}
	return t.tell(found)
}

func (t *trial) pass(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return t.tell(web.Trial{Failed: err != nil})
}
