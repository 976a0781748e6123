package setup

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

func accountPath(i int) string { return "accounts[" + strconv.Itoa(i) + "]" }

// people reads admin and accounts.
func (o *object) people(domains []domain.Name) (admin Person, accounts []Person) {
	seen := map[mail.Address]bool{}
	person := func(path string, n node) Person {
		p := o.r.person(path, n, domains)
		if seen[p.Address] {
			o.r.fail(join(path, "address"), "%s stands twice: each person needs an address of their own", shown(p.Address.String()))
		}
		seen[p.Address] = true
		return p
	}
	if path, n, found := o.get("admin"); found {
		admin = person(path, n)
	}
	o.list("accounts", maxAccounts, func(path string, n node) {
		accounts = append(accounts, person(path, n))
	})
	return admin, accounts
}

func (r *reader) person(path string, n node, domains []domain.Name) Person {
	o := r.object(path, n)
	o.require("address", "the person's mail address")
	addressPath, text := o.text("address")
	p := Person{Address: r.address(addressPath, text, domains), Name: o.personName("name")}
	p.Password = o.password("password", p.Address)
	o.done()
	return p
}

// address reads one of the office's own addresses, in canonical form.
func (r *reader) address(path, text string, domains []domain.Name) mail.Address {
	if r.err != nil {
		return mail.Address{}
	}
	parsed, err := mail.ParseAddress(text)
	if err != nil {
		r.fail(path, "%s is not a mail address; one looks like alice@%s", shown(text), example(domains))
		return mail.Address{}
	}
	address, err := domain.Address(parsed)
	switch {
	case err != nil:
		r.fail(path, "%s is not a mail address; one looks like alice@%s", shown(text), example(domains))
	case strings.HasPrefix(address.String(), `"`):
		r.fail(path, "%s would have to be written in quotes, which many programs can't: use letters, digits, dots and hyphens", shown(text))
	case !slices.Contains(domains, domain.Name(address.Domain)):
		r.fail(path, "%s is not in one of the office's domains (%s): correct the address, or add the domain to \"domains\"", shown(text), listed(domains))
	}
	return address
}

func example(domains []domain.Name) string {
	if len(domains) == 0 {
		return "example.com"
	}
	return domains[0].Unicode()
}

func listed(domains []domain.Name) string {
	const most = 5
	names := make([]string, 0, most+1)
	for i, d := range domains {
		if i == most {
			names = append(names, "…")
			break
		}
		names = append(names, d.Unicode())
	}
	return strings.Join(names, ", ")
}
