package operator

import (
	"context"
	"net/http"
	"net/url"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// officeDomain is a domain with its catch-all by address.
type officeDomain struct {
	mail.Domain
	CatchAll mail.Address
}

func (d *data) listings(ctx context.Context, groups bool) ([]mail.Listing, error) {
	all, err := d.directory.Listings(ctx)
	var list []mail.Listing
	for _, l := range all {
		if (l.Kind == mail.ListingGroup) == groups {
			list = append(list, l)
		}
	}
	return list, err
}

func (d *data) setListing(ctx context.Context, l mail.Listing) error {
	_, err := d.directory.SetListing(ctx, l)
	return err
}

func (d *data) removeListing(ctx context.Context, address mail.Address, group bool) error {
	all, err := d.listings(ctx, !group)
	if err != nil {
		return err
	}
	for _, l := range all {
		if l.Address.Canonical() == address.Canonical() {
			return mail.ErrNoSuchAddress // it is the other kind
		}
	}
	return d.directory.RemoveListing(ctx, address)
}

func (d *data) domains(ctx context.Context) ([]officeDomain, error) {
	all, err := d.directory.Domains(ctx)
	list := make([]officeDomain, len(all))
	for i, known := range all {
		list[i].Domain = known
		if a, err := d.directory.Account(ctx, known.CatchAll); known.CatchAll != 0 && err == nil { // else it was removed
			list[i].CatchAll = a.Address
		}
	}
	return list, err
}

func (d *data) setDomain(ctx context.Context, settings officeDomain) error {
	settings.Domain.CatchAll = 0
	if !settings.CatchAll.IsZero() {
		account, err := d.find(ctx, settings.CatchAll)
		if err != nil {
			return err
		}
		settings.Domain.CatchAll = account.ID
	}
	return d.directory.SetDomain(ctx, settings.Domain)
}

func (d *data) removeDomain(ctx context.Context, name string) error {
	return d.directory.RemoveDomain(ctx, name)
}

func (d *data) rules(ctx context.Context, address mail.Address, change rulesChange) (mail.Rules, error) {
	account, err := d.find(ctx, address)
	if err != nil {
		return mail.Rules{}, err
	}
	if change != (rulesChange{}) {
		if err := d.directory.ChangeRules(ctx, account.ID, change.apply); err != nil {
			return mail.Rules{}, err
		}
	}
	return d.directory.Rules(ctx, account.ID)
}

// listingJSON is an address as the API shows it.
type listingJSON struct {
	Address string   `json:"address,omitempty"`
	Kind    string   `json:"kind"`
	Name    string   `json:"name"`
	Members []string `json:"members"`
	Who     string   `json:"who,omitempty"`
	Named   []string `json:"named,omitempty"`
}

func texts(list []mail.Member) []string {
	words := make([]string, len(list))
	for i, m := range list {
		words[i] = m.Address.String()
	}
	return words
}

// parsed reads addresses that the box shows; what is none is left as it is.
func parsed(list []string) []mail.Member {
	members := make([]mail.Member, len(list))
	for i, text := range list {
		if a, err := mail.ParseAddress(text); err == nil {
			members[i].Address = a
		} else {
			members[i].Address.Local = text
		}
	}
	return members
}

func listingsPath(groups bool) string {
	if groups {
		return "/api/groups"
	}
	return "/api/aliases"
}

func (b *box) listings(ctx context.Context, groups bool) ([]mail.Listing, error) {
	var answer struct {
		Aliases []listingJSON `json:"aliases"`
		Groups  []listingJSON `json:"groups"`
	}
	if err := b.do(ctx, http.MethodGet, listingsPath(groups), nil, &answer); err != nil {
		return nil, err
	}
	var list []mail.Listing
	for _, l := range append(answer.Aliases, answer.Groups...) {
		who, err := readWho(l.Who)
		if err != nil {
			return nil, err
		}
		kind := map[string]mail.ListingKind{"alias": mail.ListingAlias, "shared": mail.ListingShared, "group": mail.ListingGroup}[l.Kind]
		list = append(list, mail.Listing{Address: parsed([]string{l.Address})[0].Address, Kind: kind, Name: l.Name, Members: parsed(l.Members), Who: who, Named: parsed(l.Named)})
	}
	return list, nil
}

func (b *box) setListing(ctx context.Context, l mail.Listing) error {
	in := listingJSON{Kind: "alias", Name: l.Name, Members: texts(l.Members)}
	switch l.Kind {
	case mail.ListingShared:
		in.Kind = "shared"
	case mail.ListingGroup:
		in.Kind, in.Who, in.Named = "group", whoWord(l.Who), texts(l.Named)
	}
	return b.do(ctx, http.MethodPut, listingsPath(l.Kind == mail.ListingGroup)+"/"+url.PathEscape(l.Address.String()), in, nil)
}

func (b *box) removeListing(ctx context.Context, address mail.Address, group bool) error {
	return b.do(ctx, http.MethodDelete, listingsPath(group)+"/"+url.PathEscape(address.String()), nil, nil)
}

type copyJSON struct {
	To  string `json:"to"`
	In  bool   `json:"in"`
	Out bool   `json:"out"`
}

type domainJSON struct {
	Name     string     `json:"name,omitempty"`
	Main     bool       `json:"main,omitempty"`
	AliasOf  string     `json:"alias_of,omitempty"`
	CatchAll string     `json:"catch_all,omitempty"`
	Copies   []copyJSON `json:"copies,omitempty"`
}

func (b *box) domains(ctx context.Context) ([]officeDomain, error) {
	var answer struct {
		Domains []domainJSON `json:"domains"`
	}
	if err := b.do(ctx, http.MethodGet, "/api/domains", nil, &answer); err != nil {
		return nil, err
	}
	list := make([]officeDomain, len(answer.Domains))
	for i, d := range answer.Domains {
		list[i].Domain = mail.Domain{Name: d.Name, Main: d.Main, AliasOf: d.AliasOf}
		if d.CatchAll != "" {
			list[i].CatchAll = parsed([]string{d.CatchAll})[0].Address
		}
		for _, c := range d.Copies {
			list[i].Copies = append(list[i].Copies, mail.Copy{To: parsed([]string{c.To})[0], In: c.In, Out: c.Out})
		}
	}
	return list, nil
}

func (b *box) setDomain(ctx context.Context, d officeDomain) error {
	in := domainJSON{AliasOf: d.AliasOf, CatchAll: d.CatchAll.String()}
	for _, c := range d.Copies {
		in.Copies = append(in.Copies, copyJSON{c.To.Address.String(), c.In, c.Out})
	}
	return b.do(ctx, http.MethodPut, "/api/domains/"+url.PathEscape(d.Name), in, nil)
}

func (b *box) removeDomain(ctx context.Context, name string) error {
	return b.do(ctx, http.MethodDelete, "/api/domains/"+url.PathEscape(name), nil, nil)
}

func (b *box) rules(ctx context.Context, address mail.Address, change rulesChange) (mail.Rules, error) {
	in := map[string]any{}
	if change.forward != nil {
		in["forward"] = texts(*change.forward)
	}
	if change.sendAs != nil {
		in["send_as"] = texts(*change.sendAs)
	}
	if change.keep != nil {
		in["keep"] = *change.keep
	}
	if change.localOnly != nil {
		in["local_only"] = *change.localOnly
	}
	var out struct {
		Forward   []string `json:"forward"`
		Keep      bool     `json:"keep"`
		LocalOnly bool     `json:"local_only"`
		SendAs    []string `json:"send_as"`
	}
	method, body := http.MethodGet, any(nil)
	if len(in) > 0 {
		method, body = http.MethodPatch, in
	}
	err := b.do(ctx, method, "/api/accounts/"+url.PathEscape(address.String())+"/rules", body, &out)
	return mail.Rules{Forward: parsed(out.Forward), Keep: out.Keep, LocalOnly: out.LocalOnly, SendAs: parsed(out.SendAs)}, err
}
