package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// listBook is the least that the API can be tried on.
type listBook struct {
	set     mail.BlockLists
	reports []mail.Reporting
}

func (b *listBook) BlockLists() mail.BlockLists { return b.set }
func (b *listBook) SetBlockLists(_ context.Context, set mail.BlockLists) error {
	b.set = set
	return nil
}
func (b *listBook) Troubles() []mail.ListTrouble {
	return []mail.ListTrouble{{Zone: "b.test", Reason: "It is silent"}}
}
func (b *listBook) CheckList(_ context.Context, zone string) string {
	if zone == "a.test" {
		return ""
	}
	return "It has ended"
}
func (b *listBook) Reporting() []mail.Reporting { return b.reports }
func (b *listBook) SetReporting(_ context.Context, r mail.Reporting) error {
	b.reports = append(b.reports, r)
	return nil
}

// TestBlockLists: lists and reports are shown as they were set; for administrators.
func TestBlockLists(t *testing.T) {
	t.Parallel()
	book := &listBook{}
	b := setUpBox(t, func(o *Options) { o.BlockLists = book })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	for _, r := range [][2]string{{"GET", "/api/blocklists"}, {"PUT", "/api/blocklists"}, {"POST", "/api/blocklists/test"}, {"GET", "/api/reports"}, {"PUT", "/api/reports"}} {
		b.want(b.do(r[0], r[1], "{}"), http.StatusUnauthorized, "")
		b.want(b.do(r[0], r[1], "{}", alice...), http.StatusForbidden, "")
	}
	b.want(b.do("PUT", "/api/blocklists", `{"lists":[{"zone":"a.test","action":"refuse"},{"zone":"b.test","action":"junk"}],"allow":["192.0.2.7","2001:db8::/64"]}`, admin...), http.StatusNoContent, "")
	b.want(b.do("PUT", "/api/blocklists", `{"lists":[{"zone":"a.test","action":"drop"}]}`, admin...), http.StatusBadRequest, "action")
	b.want(b.do("PUT", "/api/blocklists", `{"allow":["mx.test"]}`, admin...), http.StatusBadRequest, "allow")
	if got, want := fmt.Sprint(book.set), "{[{a.test true} {b.test false}] [192.0.2.7/32 2001:db8::/64]}"; got != want {
		t.Errorf("set %s; want %s", got, want)
	}
	b.want(b.do("PUT", "/api/reports", `{"domain":"far.test","dmarc":false,"tls":true}`, admin...), http.StatusNoContent, "")
	for path, want := range map[string]string{
		"/api/blocklists": `{"allow":["192.0.2.7","2001:db8::/64"],"lists":[{"zone":"a.test","action":"refuse"},{"zone":"b.test","action":"junk","trouble":"It is silent"}]}`,
		"/api/reports":    `{"reports":[{"domain":"far.test","dmarc":false,"tls":true}]}`,
	} {
		if got := strings.TrimSpace(b.do("GET", path, "", admin...).Body.String()); !sameJSON(got, want) {
			t.Errorf("GET %s = %s; want %s", path, got, want)
		}
	}
	for zone, want := range map[string]string{"a.test": `{"trouble":"","works":true}`, "c.test": `{"trouble":"It has ended","works":false}`} {
		if got := strings.TrimSpace(b.do("POST", "/api/blocklists/test", `{"zone":"`+zone+`"}`, admin...).Body.String()); !sameJSON(got, want) {
			t.Errorf("%s: %s; want %s", zone, got, want)
		}
	}
}
