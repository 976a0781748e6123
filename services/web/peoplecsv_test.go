package web

import (
	"encoding/csv"
	"reflect"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestPeopleCSV: a table has everybody with what belongs to them, and nothing that a
// program would run.
func TestPeopleCSV(t *testing.T) {
	t.Parallel()
	alice := mail.Address{Local: "alice", Domain: "example.test"}
	book := &addressBook{listings: []mail.Listing{
		{Address: mail.Address{Local: "a.kola", Domain: "example.test"}, Kind: mail.ListingAlias, Members: []mail.Member{{Address: alice}}},
		{Address: mail.Address{Local: "team", Domain: "example.test"}, Kind: mail.ListingGroup, Members: []mail.Member{{Address: alice}, {Address: mail.Address{Local: "x", Domain: "far.test"}}}},
	}}
	b := setUpBox(t, func(o *Options) { o.Addresses = book })
	if err := b.office.add(mail.Address{Local: "eve", Domain: "example.test"}, `=HYPERLINK("http://evil.test","Eve")`, "a long one of hers", mail.RoleUser); err != nil {
		t.Fatal(err)
	}
	w := b.do("GET", "/api/people.csv", "", "Cookie", b.signIn("admin@example.test", "a long enough one"))
	text, marked := strings.CutPrefix(w.Body.String(), "\uFEFF")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || !marked || w.Code != 200 {
		t.Fatalf("%d %v, marked %v", w.Code, err, marked)
	}
	want := [][]string{
		{"name", "address", "role", "aliases", "groups", "quota_bytes", "used_bytes", "messages", "disabled", "since"},
		{"", "admin@example.test", "owner", "", "", "0", "4000", "3", "false", "2027-01-15"},
		{"Alice", "alice@example.test", "", "a.kola@example.test", "team@example.test", "0", "4000", "3", "false", "2027-01-15"},
		{`'=HYPERLINK("http://evil.test","Eve")`, "eve@example.test", "", "", "", "0", "4000", "3", "false", "2027-01-15"},
	}
	if !reflect.DeepEqual(rows, want) {
		t.Errorf("got %q; want %q", rows, want)
	}
	alone := b.do("GET", "/api/people.csv", "", "Cookie", b.signIn("eve@example.test", "a long one of hers"))
	b.want(alone, 403, "")
}
