package imapd

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/memstore"
)

const (
	aliceAddress = "alice@example.test"
	bobAddress   = "bob@example.test"
)

// lent is alice's account as a Sharer that asks nobody: whatever she makes below Other
// Users counts as bob's, and she may do everything there until SETACL takes it from her.
// What a store refuses for want of a right, services/sharing refuses and tests.
type lent struct {
	*memstore.Account
	acl *acl
}

// acl are the rights in all mailboxes, beside their owners'.
type acl struct {
	mu   sync.Mutex
	list map[mail.MailboxID][]mail.Grant
}

// open is the account as sessions see it.
func (a *acl) open(account *memstore.Account) lent { return lent{account, a} }

// seen is a mailbox as alice sees it, if she does.
func (l lent) seen(ctx context.Context, m mail.Mailbox, needed mail.Rights) (mail.Mailbox, bool) {
	if m.Name+"/" == OthersPrefix || strings.HasPrefix(m.Name, OthersPrefix) && strings.Count(m.Name, "/") < 2 {
		return m, false // no mailbox, but the memory of one needs parents
	}
	rights, err := l.Rights(ctx, m.ID)
	return m, err == nil && rights != 0 && rights.Has(needed)
}

// Mailboxes are those that she may know of.
func (l lent) Mailboxes(ctx context.Context) ([]mail.Mailbox, error) {
	all, err := l.Account.Mailboxes(ctx)
	return slices.DeleteFunc(all, func(m mail.Mailbox) bool {
		_, ok := l.seen(ctx, m, mail.RightLookup)
		return !ok
	}), err
}

// Mailbox finds one in which she has any right.
func (l lent) Mailbox(ctx context.Context, name string) (mail.Mailbox, error) {
	m, err := l.Account.Mailbox(ctx, name)
	if err != nil {
		return m, err
	}
	if _, ok := l.seen(ctx, m, 0); !ok {
		return mail.Mailbox{}, mail.ErrNoMailbox
	}
	return m, nil
}

// Changes ends where the right to read does.
func (l lent) Changes(ctx context.Context, id mail.MailboxID, since mail.ModSeq) (mail.Changes, error) {
	if rights, err := l.Rights(ctx, id); err == nil && !rights.Has(mail.RightRead) {
		return mail.Changes{}, mail.ErrNoRight
	}
	return l.Account.Changes(ctx, id, since)
}

func (l lent) Foreign(id mail.MailboxID) bool {
	m, err := l.MailboxByID(context.Background(), id)
	return err == nil && strings.HasPrefix(m.Name, OthersPrefix)
}

func (l lent) Rights(_ context.Context, id mail.MailboxID) (mail.Rights, error) {
	if !l.Foreign(id) {
		return mail.AllRights, nil
	}
	l.acl.mu.Lock()
	defer l.acl.mu.Unlock()
	for _, g := range l.acl.list[id] {
		if g.ID == aliceAddress {
			return g.Rights, nil
		}
	}
	return mail.AllRights, nil
}

func (l lent) Grants(_ context.Context, id mail.MailboxID) ([]mail.Grant, error) {
	owner := mail.Grant{ID: aliceAddress, Rights: mail.AllRights}
	if l.Foreign(id) {
		owner.ID = bobAddress
	}
	l.acl.mu.Lock()
	defer l.acl.mu.Unlock()
	return slices.DeleteFunc(append([]mail.Grant{owner}, l.acl.list[id]...), func(g mail.Grant) bool { return g.Rights == 0 }), nil
}

func (l lent) Grant(_ context.Context, id mail.MailboxID, g mail.Grant) error {
	l.acl.mu.Lock()
	defer l.acl.mu.Unlock()
	list := l.acl.list[id]
	if i := slices.IndexFunc(list, func(h mail.Grant) bool { return h.ID == g.ID }); i >= 0 {
		list[i] = g
		return nil
	}
	if len(list) == 3 {
		return mail.ErrTooMany
	}
	if l.acl.list == nil {
		l.acl.list = make(map[mail.MailboxID][]mail.Grant)
	}
	l.acl.list[id] = append(list, g)
	return nil
}

func (l lent) Adjust(ctx context.Context, id mail.MailboxID, identifier string, more, fewer mail.Rights) error {
	l.acl.mu.Lock()
	had := mail.Rights(0)
	for _, g := range l.acl.list[id] {
		if g.ID == identifier {
			had = g.Rights
		}
	}
	l.acl.mu.Unlock()
	return l.Grant(ctx, id, mail.Grant{ID: identifier, Rights: (had | more) &^ fewer})
}

func (l lent) Known(_ context.Context, identifier string) (string, error) {
	local, _, _ := strings.Cut(strings.ToLower(identifier), "@")
	switch local {
	case mail.Anyone:
		return local, nil
	case "alice", "bob", "carol", "dave", "erin":
		return local + "@example.test", nil
	}
	return "", mail.ErrNoSuchAddress
}

func (l lent) QuotaOf(context.Context, mail.MailboxID) (string, mail.Usage, mail.Quota, error) {
	return bobAddress, mail.Usage{Messages: 3, Bytes: 5000}, mail.Quota{Bytes: 1 << 20}, nil
}
