package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// shareBook is the least that the API can be tried on.
type shareBook struct {
	people []mail.Account
	list   []mail.SharedMailbox
}

func (b *shareBook) address(id mail.AccountID) mail.Address {
	i := slices.IndexFunc(b.people, func(a mail.Account) bool { return a.ID == id })
	return b.people[i].Address
}

func (b *shareBook) Given(_ context.Context, owner mail.AccountID) (list []mail.SharedMailbox, err error) {
	for _, s := range b.list {
		if s.Owner == b.address(owner) {
			list = append(list, s)
		}
	}
	return list, nil
}

func (b *shareBook) Received(_ context.Context, id mail.AccountID) (list []mail.SharedMailbox, err error) {
	for _, s := range b.list {
		if s.ID == b.address(id).String() {
			list = append(list, s)
		}
	}
	return list, nil
}

func (b *shareBook) Set(_ context.Context, owner mail.AccountID, mailbox string, g mail.Grant) error {
	switch {
	case mailbox != "Plans":
		return mail.ErrNoMailbox
	case g.ID == b.address(owner).String():
		return mail.ErrNoRight
	case !slices.ContainsFunc(b.people, func(a mail.Account) bool { return a.Address.String() == g.ID }):
		return mail.ErrNoSuchAddress
	}
	b.list = slices.DeleteFunc(b.list, func(s mail.SharedMailbox) bool { return s.Owner == b.address(owner) && s.ID == g.ID })
	if g.Rights != 0 {
		b.list = append(b.list, mail.SharedMailbox{Owner: b.address(owner), Mailbox: mailbox, Grant: g})
	}
	return nil
}

// TestShares: everybody sees and changes what is his own, an administrator what is
// anybody's.
func TestShares(t *testing.T) {
	t.Parallel()
	book, noted := &shareBook{}, new(notedChanges)
	b := setUpBox(t, func(o *Options) { o.Shares, o.Audit = book, noted })
	var err error
	if book.people, err = b.opt.Accounts.Accounts(t.Context()); err != nil {
		t.Fatal(err)
	}
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		b.want(b.do(method, "/api/shares", `{"rights":"l"}`), http.StatusUnauthorized, "")
	}
	check := func(who []string, path, want string) {
		t.Helper()
		if got := strings.TrimSpace(b.do("GET", path, "", who...).Body.String()); !sameJSON(got, want) {
			t.Errorf("%s: %s; want %s", path, got, want)
		}
	}
	put := func(who []string, owner, mailbox, to, rights string, status int, field string) {
		t.Helper()
		b.want(b.do("PUT", "/api/shares", `{"owner":"`+owner+`","mailbox":"`+mailbox+`","who":"`+to+`","rights":"`+rights+`"}`, who...), status, field)
	}
	const hers, his = `{"owner":"alice@example.test","mailbox":"Plans","who":"admin@example.test","rights":"lrs"}`, `{"owner":"admin@example.test","mailbox":"Plans","who":"alice@example.test","rights":"lr"}`
	put(alice, "", "Plans", "admin@example.test", "srl", http.StatusNoContent, "")
	check(alice, "/api/shares", `{"received":[],"shares":[`+hers+`]}`)
	put(admin, "Admin@example.test", "Plans", "alice@example.test", "lr", http.StatusNoContent, "")
	check(admin, "/api/shares", `{"received":[`+hers+`],"shares":[`+his+`]}`)
	check(alice, "/api/shares?owner=alice@example.test", `{"received":[`+his+`],"shares":[`+hers+`]}`)
	check(admin, "/api/shares?owner=alice@example.test", `{"received":[`+his+`],"shares":[`+hers+`]}`)
	check(admin, "/api/shares?owner=*", `{"shares":[`+his+`,`+hers+`],"received":[]}`)
	b.want(b.do("GET", "/api/shares?owner=*", "", alice...), http.StatusForbidden, "owner")
	b.want(b.do("GET", "/api/shares?owner=admin@example.test", "", alice...), http.StatusForbidden, "owner")
	b.want(b.do("GET", "/api/shares?owner=nobody@example.test", "", alice...), http.StatusForbidden, "owner")
	b.want(b.do("GET", "/api/shares?owner=nobody@example.test", "", admin...), http.StatusNotFound, "address")
	put(alice, "admin@example.test", "Plans", "alice@example.test", "a", http.StatusForbidden, "owner")
	b.want(b.do("DELETE", "/api/shares?owner=admin@example.test&mailbox=Plans&who=alice@example.test", "", alice...), http.StatusForbidden, "owner")
	put(alice, "", "None", "admin@example.test", "lr", http.StatusNotFound, "mailbox")
	put(alice, "", "Plans", "nobody@example.test", "lr", http.StatusNotFound, "who")
	put(alice, "", "Plans", "alice@example.test", "lr", http.StatusBadRequest, "who")
	put(alice, "", "Plans", "admin@example.test", "lz", http.StatusBadRequest, "rights")
	put(alice, "", "Plans", "admin@example.test", "", http.StatusBadRequest, "rights")
	b.want(b.do("DELETE", "/api/shares?mailbox=Plans&who=admin@example.test", "", alice...), http.StatusNoContent, "")
	b.want(b.do("DELETE", "/api/shares?mailbox=Plans&who=admin@example.test", "", alice...), http.StatusNoContent, "")
	b.want(b.do("DELETE", "/api/shares?owner=admin@example.test&mailbox=Plans&who=alice@example.test", "", admin...), http.StatusNoContent, "")
	check(admin, "/api/shares?owner=*", `{"shares":[],"received":[]}`)
	var changes []string
	for _, e := range noted.list {
		changes = append(changes, e.Who[:1]+" "+e.What)
	}
	if want := []string{"a PUT /api/shares", "a PUT /api/shares", "a DELETE /api/shares", "a DELETE /api/shares", "a DELETE /api/shares"}; !slices.Equal(changes, want) {
		t.Errorf("noted was %q, want %q", changes, want)
	}
	if got, want := noted.list[4].On, "/api/shares?owner=admin@example.test&mailbox=Plans&who=alice@example.test"; got != want {
		t.Errorf("the last was on %s, want %s", got, want)
	}
}
