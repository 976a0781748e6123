package sharing

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/imapd"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/mailtest"
	"github.com/sanduk-mail/sanduk/services/store/memstore"
)

var (
	_ imapd.Account = (*Account)(nil)
	_ imapd.Ranker  = (*Account)(nil)
	_ imapd.Sharer  = (*Account)(nil)
)

// book is the least that a directory can be: people 1 to 9 are a@, b@ and so on.
type book struct {
	mu    sync.Mutex
	gone  map[mail.AccountID]bool
	given map[mail.Share]bool
	watch map[chan struct{}]bool
	most  int // grants
}

func (b *book) Rights(owner mail.AccountID, mailbox mail.MailboxID, who mail.AccountID) mail.Rights {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rights(owner, mailbox, who)
}

func (b *book) rights(owner mail.AccountID, mailbox mail.MailboxID, who mail.AccountID) mail.Rights {
	if b.gone[owner] || b.gone[who] {
		return 0
	}
	if owner == who {
		return mail.AllRights
	}
	var r mail.Rights
	for s := range b.given {
		if s.Owner == owner && s.Mailbox == mailbox && (s.To == who || s.To == 0) {
			r |= s.Rights
		}
	}
	return r
}

func (b *book) sorted(keep func(mail.Share) bool) []mail.Share {
	var list []mail.Share
	for s := range b.given {
		if keep(s) {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(x, y mail.Share) int {
		return cmp.Or(cmp.Compare(x.Owner, y.Owner), cmp.Compare(x.Mailbox, y.Mailbox), cmp.Compare(x.To, y.To))
	})
	return list
}

func (b *book) Received(who mail.AccountID) []mail.Share {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []mail.Share
	for _, s := range b.sorted(func(s mail.Share) bool { return (s.To == who || s.To == 0) && s.Owner != who && !b.gone[s.Owner] }) {
		s.To, s.Rights = who, b.rights(s.Owner, s.Mailbox, who)
		list = append(list, s)
	}
	return slices.Compact(list)
}

func (b *book) Shares(owner mail.AccountID) []mail.Share {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sorted(func(s mail.Share) bool { return s.Owner == owner && !b.gone[owner] && !b.gone[s.To] })
}

func (b *book) Sharers() []mail.AccountID {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := map[mail.AccountID]bool{}
	for s := range b.given {
		all[s.Owner] = true
	}
	return slices.Sorted(maps.Keys(all))
}

func (b *book) SetShares(_ context.Context, by mail.AccountID, shares []mail.Share) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range shares {
		if by != 0 && !b.rights(s.Owner, s.Mailbox, by).Has(mail.RightAdminister) {
			return mail.ErrNoRight
		}
		if b.most > 0 && len(b.given) >= b.most {
			return mail.ErrTooMany
		}
		maps.DeleteFunc(b.given, func(o mail.Share, _ bool) bool { return o.Owner == s.Owner && o.Mailbox == s.Mailbox && o.To == s.To })
		if s.Rights != 0 {
			b.given[s] = true
		}
	}
	b.announce()
	return nil
}

func (b *book) announce() {
	for c := range b.watch {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (b *book) InheritShares(ctx context.Context, by, owner mail.AccountID, from, to mail.MailboxID) error {
	if !b.Rights(owner, from, by).Has(mail.RightCreate) {
		return mail.ErrNoRight
	}
	var list []mail.Share
	for _, s := range b.Shares(owner) {
		if s.Mailbox == from {
			s.Mailbox = to
			list = append(list, s)
		}
	}
	return b.SetShares(ctx, 0, list)
}

func (b *book) ForgetMailbox(_ context.Context, owner mail.AccountID, mailbox mail.MailboxID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(b.given, func(s mail.Share, _ bool) bool { return s.Owner == owner && s.Mailbox == mailbox })
	b.announce()
	return nil
}

func (b *book) WatchShares() *mail.Watch {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := make(chan struct{}, 1)
	b.watch[c] = true
	return mail.NewWatch(c, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.watch, c)
	})
}

func (b *book) remove(id mail.AccountID, gone bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone[id] = gone
	b.announce()
}

func (b *book) Account(_ context.Context, id mail.AccountID) (mail.Account, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if id == 0 || id > 9 || b.gone[id] {
		return mail.Account{}, mail.ErrNoAccount
	}
	return mail.Account{ID: id, Address: mail.Address{Local: string(rune('a' + id - 1)), Domain: "x.test"}}, nil
}

// Look knows nick@ as another name of the first, and a group.
func (b *book) Look(ctx context.Context, to mail.Address) (mail.Found, error) {
	found := mail.Found{Listing: mail.Listing{Kind: mail.ListingAccount}}
	switch {
	case to.Domain != "x.test":
		return found, mail.ErrNotOurDomain
	case strings.EqualFold(to.Local, "nick"):
		found.Account = 1
		return found, nil
	case to.Local == "group":
		found.Kind = mail.ListingGroup
		return found, nil
	case len(to.Local) != 1:
		return found, mail.ErrNoSuchAddress
	}
	found.Account = mail.AccountID(strings.ToLower(to.Local)[0] - 'a' + 1)
	_, err := b.Account(ctx, found.Account)
	return found, err
}

// ranked is an account of the store in memory that weighs every message the same.
type ranked struct{ *memstore.Account }

func (r ranked) Relevance(ctx context.Context, mailbox mail.MailboxID, query mail.Query) (map[mail.UID]float64, error) {
	set, err := r.Search(ctx, mailbox, query)
	weights := map[mail.UID]float64{}
	for uid := range set.All() {
		weights[uid] = 1
	}
	return weights, err
}

// office is some people with their mail.
type office struct {
	testing.TB
	ctx    context.Context
	store  *mailtest.Store
	book   *book
	shares *Shares
	log    bytes.Buffer
}

func newOffice(t testing.TB, people ...mail.AccountID) *office {
	o := &office{TB: t, ctx: t.Context(), store: mailtest.NewStore(t, people...)}
	o.book = &book{gone: map[mail.AccountID]bool{}, given: map[mail.Share]bool{}, watch: map[chan struct{}]bool{}}
	o.shares = New(Options{
		Directory: o.book,
		Open: func(ctx context.Context, id mail.AccountID) (Mail, error) {
			a, err := o.store.Account(ctx, id)
			return ranked{a}, err
		},
		Deleted: func(ctx context.Context, id mail.AccountID) ([]mail.DeletedMailbox, error) {
			a, err := o.store.Account(ctx, id)
			if err != nil {
				return nil, err
			}
			return a.DeletedMailboxes(ctx)
		},
		Draft: o.store.Spool.New,
		Log:   slog.New(slog.NewTextHandler(&o.log, nil)),
	})
	return o
}

func (o *office) open(id mail.AccountID) *Account {
	o.Helper()
	a, err := o.shares.Open(o.ctx, id)
	o.ok(err)
	return a
}

func (o *office) ok(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

func (o *office) want(what string, err, want error) {
	o.Helper()
	if !errors.Is(err, want) {
		o.Errorf("%s: %v; want %v", what, err, want)
	}
}

// give opens a mailbox of one to another, 0: to anyone; "" takes it back.
func (o *office) give(owner mail.AccountID, name string, to mail.AccountID, letters string) mail.MailboxID {
	o.Helper()
	r, err := mail.ParseRights(letters)
	o.ok(err)
	id := o.mailbox(owner, name)
	o.ok(o.book.SetShares(o.ctx, 0, []mail.Share{{Owner: owner, Mailbox: id, To: to, Rights: r}}))
	return others(owner, id)
}

// mailbox is the number of one's own mailbox.
func (o *office) mailbox(owner mail.AccountID, name string) mail.MailboxID {
	o.Helper()
	a, err := o.store.Account(o.ctx, owner)
	o.ok(err)
	m, err := a.Mailbox(o.ctx, name)
	o.ok(err)
	return m.ID
}

func (o *office) fill(owner mail.AccountID, name string, flags mail.Flags, n int) {
	o.Helper()
	for i := range n {
		o.store.Put(owner, name, flags, fmt.Sprintf("Subject: %s %d\r\nMessage-ID: <%d.%s@x.test>\r\n\r\nOf %d.\r\n", name, i, i, name, owner))
	}
}

// names are the foreign mailboxes that somebody is shown.
func (o *office) names(a *Account) string {
	o.Helper()
	list, err := a.Mailboxes(o.ctx)
	o.ok(err)
	var names []string
	for _, m := range list {
		if a.Foreign(m.ID) {
			names = append(names, m.Name)
		}
	}
	return strings.Join(names, " ")
}

func (o *office) rows(a interface {
	imapd.Account
}, id mail.MailboxID) []mail.Row {
	o.Helper()
	var rows []mail.Row
	for row, err := range a.Rows(o.ctx, id, every()) {
		o.ok(err)
		rows = append(rows, row)
	}
	return rows
}

func (o *office) text(a *Account, id mail.MailboxID, uid mail.UID) string {
	o.Helper()
	m, err := a.Open(o.ctx, id, uid)
	o.ok(err)
	defer m.Close()
	text, err := io.ReadAll(m.Reader())
	o.ok(err)
	return string(text)
}

func (o *office) message(flags mail.Flags, text string) []draft.Append {
	return []draft.Append{{Draft: o.store.Draft(text), Flags: flags}}
}

func every() mail.UIDSet { return mail.UIDSet{{First: 1, Last: 1<<32 - 1}} }
