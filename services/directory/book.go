package directory

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// compile works out once, at a change, what readers ask for with every recipient.
func (v *view) compile() {
	v.certificates, v.apop = v.owners(), v.hasAPOP()
	v.book = make(map[mail.Address]*mail.Listing, len(v.listings))
	for a, r := range v.listings {
		if e := v.listing(r, false); len(e.Members) > 0 || e.Kind == mail.ListingGroup {
			v.book[a] = e
		}
	}
	v.standing = make(map[mail.AccountID]*mail.Rules, len(v.rules))
	for id, r := range v.rules {
		if a, err := v.live(id); err == nil {
			v.standing[id] = &mail.Rules{
				Address: a.address(), Forward: v.members(r.Forward, false), Keep: r.Keep, LocalOnly: r.LocalOnly,
				SendAs: v.members(r.SendAs, false), Copies: v.copyRules(r.Copies),
			}
		}
	}
	v.contentRules = make(map[domain.Name][]mail.ContentRule, len(v.content))
	for name, r := range v.content {
		v.contentRules[name] = r.shown()
	}
	v.copies = make(map[domain.Name][]mail.Copy, len(v.domains))
	for name, r := range v.domains {
		if len(r.Copies) > 0 {
			v.copies[name] = v.copyRules(r.Copies)
		}
	}
}

// members gives a list as others see it; removed accounts only with all.
func (s *state) members(list []memberRecord, all bool) []mail.Member {
	var shown []mail.Member
	for _, m := range list {
		if m.Account == 0 {
			shown = append(shown, mail.Member{Address: m.address()})
		} else if a := s.accounts[m.Account]; a != nil && (all || a.Removed.IsZero()) {
			shown = append(shown, mail.Member{Account: m.Account, Address: a.address()})
		}
	}
	return shown
}

func (s *state) copyRules(list []copyRecord) []mail.Copy {
	var shown []mail.Copy
	for _, c := range list {
		if to := s.members([]memberRecord{c.To}, false); to != nil {
			shown = append(shown, mail.Copy{To: to[0], In: c.In, Out: c.Out})
		}
	}
	return shown
}

func (s *state) listing(r *listingRecord, all bool) *mail.Listing {
	e := &mail.Listing{Address: r.address(), Name: r.Name, Members: s.members(r.Members, all), Named: s.members(r.Named, all), Created: r.Created}
	switch r.Kind {
	case recordAlias:
		e.Kind = mail.ListingAlias
	case recordShared:
		e.Kind = mail.ListingShared
	case recordGroup:
		e.Kind = mail.ListingGroup
	}
	switch r.Who {
	case "office":
		e.Who = mail.WhoOffice
	case "members":
		e.Who = mail.WhoMembers
	case "named":
		e.Who = mail.WhoNamed
	}
	return e
}

// Listings lists the addresses that are no account's own, by address, with removed
// accounts among their members: they may come back.
func (d *Directory) Listings(context.Context) ([]mail.Listing, error) {
	v := d.current.Load()
	list := make([]mail.Listing, 0, len(v.listings))
	for _, r := range v.listings {
		list = append(list, *v.listing(r, true))
	}
	slices.SortFunc(list, func(a, b mail.Listing) int { return compareAddresses(a.Address, b.Address) })
	return list, nil
}

func compareAddresses(a, b mail.Address) int {
	return cmp.Or(strings.Compare(a.Domain, b.Domain), strings.Compare(a.Local, b.Local))
}

// Rules are what applies to an account's mail; it waits for nothing. The lists are
// shared: don't change them. Error: mail.ErrNoAccount.
func (d *Directory) Rules(_ context.Context, id mail.AccountID) (mail.Rules, error) {
	v := d.current.Load()
	a, err := v.live(id)
	if err != nil {
		return mail.Rules{}, err
	}
	if r := v.standing[id]; r != nil {
		return *r, nil
	}
	return mail.Rules{Address: a.address()}, nil
}

// Domains lists the office's domains: the main one, the others, then their aliases.
func (d *Directory) Domains(context.Context) ([]mail.Domain, error) {
	v := d.current.Load()
	if v.box == nil {
		return nil, nil
	}
	var list, aliases []mail.Domain
	for i, name := range v.box.Domains {
		shown := mail.Domain{Name: string(name), Main: i == 0, Copies: v.copies[name]}
		if r := v.domains[name]; r != nil {
			shown.CatchAll = r.CatchAll
		}
		list = append(list, shown)
	}
	for name, r := range v.domains {
		if r.AliasOf != "" {
			aliases = append(aliases, mail.Domain{Name: string(name), AliasOf: string(r.AliasOf)})
		}
	}
	slices.SortFunc(aliases, func(a, b mail.Domain) int { return strings.Compare(a.Name, b.Name) })
	return append(list, aliases...), nil
}

// Aliases are the names that are other names of the office's domains, in order.
func (d *Directory) Aliases() []domain.Name {
	var list []domain.Name
	for name, r := range d.current.Load().domains {
		if r.AliasOf != "" {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}
