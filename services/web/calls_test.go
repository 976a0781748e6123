package web

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/web/claim"
)

// obliging takes what the queue of other tests refuses.
type obliging struct{ line }

func (obliging) Release(context.Context, mail.ID) error { return nil }
func (obliging) Retry(context.Context, mail.ID) error   { return nil }

type judge struct{}

func (judge) Verdicts(context.Context, mail.AccountID, mail.MailboxID, mail.UID) ([]mail.Verdict, bool, error) {
	return []mail.Verdict{{Method: "spf", Result: "pass", Reason: "The server may send for this domain"}}, true, nil
}

type screen struct{ code *claim.Code }

func (s screen) Code() *claim.Code                        { return s.code }
func (screen) Used(context.Context, mail.Account, string) {}

// TestThroughTheTable makes the calls that other tests make of their handlers alone.
func TestThroughTheTable(t *testing.T) {
	t.Parallel()
	book, sources, shown := &addressBook{}, &fakeSources{}, screen{}
	keys := &keyBook{keys: map[mail.AccountID][]mail.Passkey{}}
	b := setUpBox(t, func(o *Options) {
		shown.code = claim.New(o.Clock)
		o.Addresses, o.Collector, o.Sources, o.Mover, o.Queue, o.Verdicts, o.WayBack, o.Passkeys = book, &fakeCollector{}, sources, &fakeMover{}, &obliging{}, judge{}, shown, keys
		keys.at = o.Accounts
	})
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	do := func(call, body string, status int, field string, more ...string) map[string]any {
		t.Helper()
		method, path, _ := strings.Cut(call, " ")
		return b.want(b.do(method, path, body, append(more, admin...)...), status, field)
	}
	alias := mail.Listing{Address: mail.Address{Local: "info", Domain: "example.test"}, Kind: mail.ListingAlias}
	book.listings = []mail.Listing{alias}
	do("DELETE /api/aliases/info@example.test", "", 204, "")
	alias.Kind = mail.ListingGroup
	book.listings = []mail.Listing{alias}
	do("DELETE /api/aliases/info@example.test", "", 404, "address")
	do("DELETE /api/groups/info@example.test", "", 204, "")
	do("DELETE /api/domains/b.test", "", 204, "")

	id := mail.NewID(*b.clock).String()
	do("POST /api/queue/"+id+"/release", "{}", 204, "")
	do("POST /api/queue/"+id+"/retry", "{}", 204, "")
	if got := do("GET /api/accounts/alice@example.test/verdicts/m1/7", "", 200, ""); got["judged"] != true {
		t.Errorf("verdicts: %v", got)
	}

	do("GET /api/moves", "", 200, "")
	do("POST /api/accounts/alice@example.test/move", `{"host":"imap.provider.test","user":"alice","password":"secret"}`, 202, "")
	do("DELETE /api/accounts/alice@example.test/move", "", 204, "")

	const source = `"protocol":"imap","host":"imap.provider.test","user":"me","into":"alice@office.test"`
	do("POST /api/collect/sources", "{"+source+`,"password":"secret"}`, 201, "")
	at := keyOf(sources.list[0]).String()
	do("PUT /api/collect/sources/"+at, "{"+source+`,"paused":true}`, 200, "")
	do("POST /api/collect/try", "{"+source+`,"password":"secret"}`, 200, "")
	do("GET /api/collect", "", 200, "")
	do("POST /api/collect", `{"user":"me"}`, 202, "")
	do("DELETE /api/collect/sources/"+at, "", 204, "")

	if err := keys.AddPasskey(t.Context(), 1, mail.Passkey{ID: []byte("key"), Name: "phone"}); err != nil {
		t.Fatal(err)
	}
	do("DELETE /api/me/passkeys/a2V5", "", 204, "")

	if err := keys.AddPasskey(t.Context(), 1, mail.Passkey{ID: []byte("another"), Name: "stolen"}); err != nil {
		t.Fatal(err)
	}
	do("POST /api/tokens", `{"name":"script"}`, 201, "")
	body, err := json.Marshal(map[string]string{"address": "admin@example.test", "password": "another long one"})
	if err != nil {
		t.Fatal(err)
	}
	b.want(b.do("POST", "/api/password-reset", string(body), "Authorization", "Claim "+shown.code.String()), http.StatusNoContent, "")
	// Whoever was in with something else is out.
	left, err := keys.Passkeys(1)
	if tokens, _ := b.office.Tokens(t.Context(), 1); err != nil || len(left) != 0 || len(tokens) != 0 {
		t.Errorf("after a password by the box's screen: %d passkeys, %d tokens, %v", len(left), len(tokens), err)
	}
}
