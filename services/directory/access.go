package directory

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// maxNetworks of one account are more than an office has branches; each is looked at
// when somebody logs in.
const maxNetworks = 64

// SetAccess says from where an account's password is taken. Durable and visible on
// return; who is logged in stays. Errors: ErrNotSetUp, mail.ErrNoAccount,
// *mail.RuleError.
func (d *Directory) SetAccess(ctx context.Context, id mail.AccountID, a mail.Access) error {
	if len(a.Networks) > maxNetworks {
		return &mail.RuleError{Field: "networks", Text: fmt.Sprintf("There can be %d networks at most", maxNetworks)}
	}
	record := accessRecord{ID: id, Office: a.Office}
	for _, p := range a.Networks {
		if !p.IsValid() || p.Addr().Is4In6() {
			return &mail.RuleError{Field: "networks", Text: "A network is written like 192.0.2.0/24 or 2001:db8::/64"}
		}
		record.Networks = append(record.Networks, p.Masked())
	}
	slices.SortFunc(record.Networks, netip.Prefix.Compare)
	record.Networks = slices.Compact(record.Networks)
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	return d.commit(ctx, kindSetAccess, record)
}

// Accesses lists who can't log in from everywhere, by address.
func (d *Directory) Accesses() []mail.PersonAccess {
	v := d.current.Load()
	var list []mail.PersonAccess
	for _, id := range v.addresses {
		if a := v.accounts[id]; !a.access().Anywhere() {
			list = append(list, mail.PersonAccess{Who: a.address(), Access: a.access()})
		}
	}
	slices.SortFunc(list, func(a, b mail.PersonAccess) int { return strings.Compare(a.Who.String(), b.Who.String()) })
	return list
}

func (r *accountRecord) access() mail.Access {
	if r.Access == nil {
		return mail.Access{}
	}
	return mail.Access{Office: r.Access.Office, Networks: r.Access.Networks}
}

func (s *state) setAccess(r *accessRecord) ([]entry, error) {
	old, err := s.live(r.ID)
	if err != nil {
		return nil, err
	}
	a := *old
	a.Access = r
	if !r.Office && len(r.Networks) == 0 {
		a.Access = nil
	}
	s.accounts[r.ID] = &a
	return []entry{{bucketAccounts, accountKey(r.ID)}}, nil
}
