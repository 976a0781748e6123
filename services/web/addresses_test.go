package web

import (
	"context"
	"net/http"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// addressBook is the least that the API can be tried on; the directory's own tests
// are about what is refused.
type addressBook struct {
	listings []mail.Listing
	domains  []mail.Domain
	rules    mail.Rules
	err      error // of the next change
}

func (b *addressBook) Listings(context.Context) ([]mail.Listing, error) { return b.listings, nil }
func (b *addressBook) SetListing(_ context.Context, l mail.Listing) (mail.Listing, error) {
	if b.err == nil {
		b.listings = append(b.listings, l)
	}
	return l, b.err
}

func (b *addressBook) RemoveListing(context.Context, mail.Address) error {
	b.listings = nil
	return b.err
}
func (b *addressBook) Domains(context.Context) ([]mail.Domain, error) { return b.domains, nil }
func (b *addressBook) SetDomain(_ context.Context, d mail.Domain) error {
	b.domains = append(b.domains, d)
	return b.err
}
func (b *addressBook) RemoveDomain(context.Context, string) error { return b.err }
func (b *addressBook) Rules(context.Context, mail.AccountID) (mail.Rules, error) {
	return b.rules, nil
}

func (b *addressBook) ChangeRules(_ context.Context, _ mail.AccountID, change func(*mail.Rules)) error {
	change(&b.rules)
	return b.err
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	book := &addressBook{}
	b := setUpBox(t, func(o *Options) { o.Addresses = book })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	for _, r := range [][2]string{
		{"GET", "/api/aliases"}, {"PUT", "/api/aliases/x@example.test"}, {"DELETE", "/api/aliases/x@example.test"},
		{"GET", "/api/groups"}, {"PUT", "/api/groups/x@example.test"}, {"DELETE", "/api/groups/x@example.test"},
		{"GET", "/api/domains"}, {"PUT", "/api/domains/b.test"}, {"DELETE", "/api/domains/b.test"},
		{"GET", "/api/accounts/alice@example.test/rules"}, {"PATCH", "/api/accounts/alice@example.test/rules"},
	} {
		b.want(b.do(r[0], r[1], "{}"), http.StatusUnauthorized, "")
		b.want(b.do(r[0], r[1], "{}", alice...), http.StatusForbidden, "")
	}
	if len(book.listings)+len(book.domains) > 0 {
		t.Fatalf("somebody who is no administrator has made %v, %v", book.listings, book.domains)
	}
	for _, r := range []struct {
		method, path, body string
		status             int
		field              string
	}{
		{"PUT", "/api/aliases/Info@example.test", `{"name":"Desk","members":["alice@example.test"]}`, 200, ""},
		{"PUT", "/api/aliases/desk@example.test", `{"kind":"shared","members":["alice@example.test"]}`, 200, ""},
		{"PUT", "/api/aliases/desk@example.test", `{"kind":"group","members":["alice@example.test"]}`, 400, "kind"},
		{"PUT", "/api/aliases/desk@example.test", `{"members":["alice"]}`, 400, "members"},
		{"PUT", "/api/aliases/desk", `{"members":["alice@example.test"]}`, 400, "address"},
		{"PUT", "/api/groups/team@example.test", `{"members":["alice@example.test"],"who":"named","named":["x@out.test"]}`, 200, ""},
		{"PUT", "/api/groups/team@example.test", `{"members":["alice@example.test"],"who":"friends"}`, 400, "who"},
		{"DELETE", "/api/groups/info@example.test", "", 404, "address"},
		{"PUT", "/api/domains/b.test", `{"alias_of":"example.test"}`, 204, ""},
		{"PUT", "/api/domains/example.test", `{"catch_all":"nobody@example.test"}`, 400, "catch_all"},
		{"PUT", "/api/domains/example.test", `{"catch_all":"alice@example.test","copies":[{"to":"x@out.test","in":true}]}`, 204, ""},
		{"PATCH", "/api/accounts/alice@example.test/rules", `{"forward":["x@out.test"],"keep":true,"copies":[{"to":"y@out.test","out":true}]}`, 200, ""},
		{"PATCH", "/api/accounts/alice@example.test/rules", `{"send_as":["team@example.test"],"local_only":true}`, 200, ""},
		{"PATCH", "/api/accounts/alice@example.test/rules", `{"forward":["x"]}`, 400, "forward"},
		{"PATCH", "/api/accounts/nobody@example.test/rules", `{}`, 404, "address"},
	} {
		b.want(b.do(r.method, r.path, r.body, admin...), r.status, r.field)
	}
	if got := b.want(b.do("GET", "/api/aliases", "", admin...), 200, "")["aliases"].([]any); len(got) != 2 {
		t.Errorf("aliases %v; want two", got)
	}
	group := b.want(b.do("GET", "/api/groups", "", admin...), 200, "")["groups"].([]any)[0].(map[string]any)
	if group["address"] != "team@example.test" || group["who"] != "named" || group["named"].([]any)[0] != "x@out.test" {
		t.Errorf("group %v", group)
	}
	if d := b.want(b.do("GET", "/api/domains", "", admin...), 200, "")["domains"].([]any); len(d) != 2 || d[1].(map[string]any)["catch_all"] != "alice@example.test" {
		t.Errorf("domains %v", d)
	}
	rules := b.want(b.do("GET", "/api/accounts/alice@example.test/rules", "", admin...), 200, "")
	if rules["keep"] != true || rules["local_only"] != true || rules["forward"].([]any)[0] != "x@out.test" || len(rules["copies"].([]any)) != 1 {
		t.Errorf("rules %v", rules)
	}
	for err, status := range map[error]int{
		&mail.RuleError{Field: "members", Text: "Round and round", Err: mail.ErrCircle}: 409,
		&mail.RuleError{Field: "members", Text: "Nobody"}:                               400,
		mail.ErrNotOurDomain: 400, mail.ErrAddressTaken: 409, mail.ErrTooMany: 409,
	} {
		book.err = err
		if got := b.do("PUT", "/api/groups/x@example.test", `{"members":["alice@example.test"]}`, admin...); got.Code != status {
			t.Errorf("with %v: status %d; want %d", err, got.Code, status)
		}
	}
}
