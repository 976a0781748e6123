package directory

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// The kinds of listingRecord, as they are on disk.
const (
	recordAlias  = "alias"
	recordShared = "shared"
	recordGroup  = "group"
)

func (r *listingRecord) address() mail.Address {
	return mail.Address{Local: r.Local, Domain: string(r.Domain)}
}

func (r memberRecord) address() mail.Address {
	return mail.Address{Local: r.Local, Domain: string(r.Domain)}
}

// taken reports whether an address means somebody already.
func (s *state) taken(a mail.Address) bool { return s.addresses[a] != 0 || s.listings[a] != nil }

// home is the domain that has the addresses of this one: itself, or the one that
// it is an alias of.
func (s *state) home(name domain.Name) domain.Name {
	if d := s.domains[name]; d != nil && d.AliasOf != "" {
		return d.AliasOf
	}
	return name
}

func (s *state) setDomain(r *domainRecord) ([]entry, error) {
	switch {
	case s.box == nil:
		return nil, ErrNotSetUp
	case r.AliasOf != "" && s.owns(r.Name):
		return nil, fmt.Errorf("directory: domain %s has addresses of its own: %w", r.Name, mail.ErrInUse)
	case r.AliasOf != "" && !s.owns(r.AliasOf):
		return nil, fmt.Errorf("directory: domain %s: %w", r.AliasOf, mail.ErrNoDomain)
	}
	s.domains[r.Name] = r
	touched := []entry{{bucketDomains, []byte(r.Name)}}
	if r.AliasOf == "" && !s.owns(r.Name) {
		box := *s.box
		box.Domains = append(slices.Clone(box.Domains), r.Name)
		s.box = &box
		touched = append(touched, entry{bucketBox, boxKey()})
	}
	return touched, nil
}

func (s *state) removeDomain(r *removeDomainRecord) ([]entry, error) {
	known := s.domains[r.Name]
	if s.box == nil || known == nil && !s.owns(r.Name) {
		return nil, fmt.Errorf("directory: domain %s: %w", r.Name, mail.ErrNoDomain)
	}
	touched := []entry{{bucketDomains, []byte(r.Name)}}
	if s.owns(r.Name) {
		if err := s.domainInUse(r.Name); err != nil {
			return nil, err
		}
		box := *s.box
		box.Domains = slices.DeleteFunc(slices.Clone(box.Domains), func(n domain.Name) bool { return n == r.Name })
		s.box = &box
		touched = append(touched, entry{bucketBox, boxKey()})
	}
	delete(s.domains, r.Name)
	if s.signing[r.Name] != nil {
		delete(s.signing, r.Name)
		touched = append(touched, entry{bucketSigning, []byte(r.Name)})
	}
	if s.content[r.Name] != nil {
		delete(s.content, r.Name)
		touched = append(touched, entry{bucketContent, []byte(r.Name)})
	}
	return touched, nil
}

// domainInUse says what keeps a domain from being removed.
func (s *state) domainInUse(name domain.Name) error {
	inUse := func(format string, args ...any) error {
		return &mail.RuleError{Text: fmt.Sprintf(format, args...), Err: mail.ErrInUse}
	}
	if s.box.Domains[0] == name {
		return inUse("%s is the office's main domain, which has to stay", name)
	}
	for a := range s.addresses {
		if domain.Name(a.Domain) == name {
			return inUse("%s has this domain: remove the person, or see to another address, first", a)
		}
	}
	for a := range s.listings {
		if domain.Name(a.Domain) == name {
			return inUse("%s has this domain: remove the address first", a)
		}
	}
	for _, d := range s.domains {
		if d.AliasOf == name {
			return inUse("%s is another name of this domain: remove that first", d.Name)
		}
	}
	for _, c := range s.box.Collect {
		if c.Domain == name {
			return inUse("mail is collected for this domain from %s: end that first", c.Host)
		}
	}
	return nil
}

func (s *state) setListing(r *listingRecord) ([]entry, error) {
	address := r.address()
	switch {
	case s.box == nil:
		return nil, ErrNotSetUp
	case !s.owns(r.Domain):
		return nil, fmt.Errorf("directory: %s: %w", address, mail.ErrNotOurDomain)
	case s.addresses[address] != 0:
		return nil, fmt.Errorf("directory: %s: %w", address, mail.ErrAddressTaken)
	}
	s.listings[address] = r
	return []entry{listingEntry(address)}, nil
}

// removeListing refuses where others refer to the address. Leave to send as it goes
// with it: whoever has the address next has not given that leave.
func (s *state) removeListing(r *removeListingRecord) ([]entry, error) {
	address := mail.Address{Local: r.Local, Domain: string(r.Domain)}
	if s.listings[address] == nil {
		return nil, fmt.Errorf("directory: %s: %w", address, mail.ErrNoSuchAddress)
	}
	if by, how := s.refers(address); how != "" {
		return nil, &mail.RuleError{Text: fmt.Sprintf("%s %s %s: change that first", by, how, address), Err: mail.ErrInUse}
	}
	delete(s.listings, address)
	touched := []entry{listingEntry(address)}
	for id, rules := range s.rules {
		is := func(m memberRecord) bool { return m.Account == 0 && m.address() == address }
		if slices.ContainsFunc(rules.SendAs, is) {
			changed := *rules
			changed.SendAs = slices.DeleteFunc(slices.Clone(rules.SendAs), is)
			s.rules[id] = &changed
			touched = append(touched, entry{bucketRules, accountKey(id)})
		}
	}
	return touched, nil
}

// refers finds who passes mail on to an address, in words.
func (s *state) refers(address mail.Address) (by, how string) {
	is := func(m memberRecord) bool { return m.Account == 0 && m.address() == address }
	copied := func(c copyRecord) bool { return is(c.To) }
	for a, e := range s.listings {
		if slices.ContainsFunc(e.Members, is) {
			return a.String(), "has the member"
		}
		if slices.ContainsFunc(e.Named, is) {
			return a.String(), "takes mail from"
		}
	}
	for id, r := range s.rules {
		account := s.accounts[id]
		if account == nil {
			continue
		}
		if slices.ContainsFunc(r.Forward, is) {
			return account.address().String(), "forwards to"
		}
		if slices.ContainsFunc(r.Copies, copied) {
			return account.address().String(), "is copied to"
		}
	}
	for name, d := range s.domains {
		if slices.ContainsFunc(d.Copies, copied) {
			return string(name), "is copied to"
		}
	}
	return "", ""
}

func (s *state) setRules(r *rulesRecord) ([]entry, error) {
	if _, err := s.live(r.ID); err != nil {
		return nil, err
	}
	s.rules[r.ID] = r
	return []entry{{bucketRules, accountKey(r.ID)}}, nil
}

// unlink takes accounts that are gone for good out of all that refers to them.
// What leads to nobody else goes too; groups stay, for they have people to think of.
func (s *state) unlink(gone []mail.AccountID) []entry {
	var touched []entry
	is := func(m memberRecord) bool { return m.Account != 0 && slices.Contains(gone, m.Account) }
	members := func(list []memberRecord) []memberRecord {
		return slices.DeleteFunc(slices.Clone(list), is)
	}
	copies := func(list []copyRecord) []copyRecord {
		return slices.DeleteFunc(slices.Clone(list), func(c copyRecord) bool { return is(c.To) })
	}
	for a, e := range maps.Clone(s.listings) {
		changed := *e
		changed.Members, changed.Named = members(e.Members), members(e.Named)
		if len(changed.Members) == len(e.Members) && len(changed.Named) == len(e.Named) {
			continue
		}
		s.listings[a] = &changed
		if len(changed.Members) == 0 && e.Kind != recordGroup {
			if _, how := s.refers(a); how == "" {
				delete(s.listings, a)
			}
		}
		touched = append(touched, listingEntry(a))
	}
	for id, r := range maps.Clone(s.rules) {
		changed := *r
		changed.Forward, changed.SendAs, changed.Copies = members(r.Forward), members(r.SendAs), copies(r.Copies)
		switch {
		case slices.Contains(gone, id):
			delete(s.rules, id)
		case len(changed.Forward) != len(r.Forward) || len(changed.SendAs) != len(r.SendAs) || len(changed.Copies) != len(r.Copies):
			s.rules[id] = &changed
		default:
			continue
		}
		touched = append(touched, entry{bucketRules, accountKey(id)})
	}
	for name, d := range maps.Clone(s.domains) {
		changed := *d
		changed.Copies = copies(d.Copies)
		if slices.Contains(gone, d.CatchAll) {
			changed.CatchAll = 0
		}
		if changed.CatchAll == d.CatchAll && len(changed.Copies) == len(d.Copies) {
			continue
		}
		s.domains[name] = &changed
		touched = append(touched, entry{bucketDomains, []byte(name)})
	}
	slices.SortFunc(touched, func(a, b entry) int { return cmp.Or(cmp.Compare(a.bucket, b.bucket), slices.Compare(a.key, b.key)) })
	return touched
}
