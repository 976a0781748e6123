package web

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/device"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// appBook is the least that the API can be tried on: both of app passwords and devices.
type appBook struct {
	list []mail.AppPassword
	last mail.ProgramNumber
	only bool
	saw  []device.Login
}

func (b *appBook) AppPasswords(mail.AccountID) ([]mail.AppPassword, bool, error) {
	return b.list, b.only, nil
}

func (b *appBook) AddAppPassword(_ context.Context, _ mail.AccountID, p mail.AppPassword) (string, error) {
	if p.Name == "" {
		return "", mail.ErrName
	}
	b.last++
	p.Number, p.Added = b.last, time.Unix(0, 0).UTC()
	b.list = append(b.list, p)
	return "abcd efgh", nil
}

func (b *appBook) RemoveAppPassword(_ context.Context, _ mail.AccountID, n mail.ProgramNumber) error {
	b.list = slices.DeleteFunc(slices.Clone(b.list), func(p mail.AppPassword) bool { return p.Number == n })
	return nil
}

func (b *appBook) RemoveAppPasswords(context.Context, mail.AccountID) error {
	b.list, b.only = nil, false
	return nil
}

func (b *appBook) SetOnlyPrograms(_ context.Context, _ mail.AccountID, only bool) error {
	b.only = only
	return nil
}

func (b *appBook) Devices(mail.AccountID) []device.Device {
	at := time.Unix(60, 0).UTC()
	return []device.Device{{Service: "imap", Client: "Mail", Program: 1, Network: netip.MustParsePrefix("10.0.0.0/24"), First: at, Last: at}}
}

func (b *appBook) LastUse(_ mail.AccountID, n mail.ProgramNumber) (device.Use, bool) {
	return device.Use{At: time.Unix(60, 0).UTC(), Service: "imap", Peer: netip.MustParseAddr("10.0.0.7")}, n == 1
}

func (b *appBook) SawToken(mail.AccountID, string, netip.Addr) {}
func (b *appBook) TokenUse(mail.AccountID, string) (device.Use, bool) {
	return device.Use{}, false
}

func (b *appBook) Saw(l device.Login) { b.saw = append(b.saw, l) }

// TestAppPasswords: made with the present password and shown once, ended without it; an
// administrator sees how many there are and ends all, and no more.
func TestAppPasswords(t *testing.T) {
	t.Parallel()
	book := &appBook{}
	b := setUpBox(t, func(o *Options) { o.AppPasswords, o.Devices = book, book })
	mine := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	const own, hers = "/api/me/app-passwords", "/api/accounts/alice@example.test/app-passwords"
	for _, r := range [][2]string{{"GET", own}, {"POST", own}, {"PUT", own}, {"DELETE", own + "/1"}, {"GET", hers}, {"DELETE", hers}, {"GET", "/api/me/devices"}, {"GET", "/api/accounts/alice@example.test/devices"}} {
		b.want(b.do(r[0], r[1], "{}"), http.StatusUnauthorized, "")
		if strings.HasPrefix(r[1], "/api/accounts") {
			b.want(b.do(r[0], r[1], "{}", mine...), http.StatusForbidden, "")
		}
	}
	b.want(b.do("POST", own, `{"name":"phone","current":"wrong"}`, mine...), http.StatusForbidden, "current")
	b.want(b.do("POST", own, `{"name":"","current":"her long password"}`, mine...), http.StatusBadRequest, "name")
	if got := b.want(b.do("POST", own, `{"name":"phone","services":["imap"],"current":"her long password"}`, mine...), http.StatusCreated, ""); got["password"] != "abcd efgh" {
		t.Errorf("made %v", got)
	}
	b.want(b.do("PUT", own, `{"only":true,"current":"wrong"}`, mine...), http.StatusForbidden, "current")
	b.want(b.do("PUT", own, `{"only":true,"current":"her long password"}`, mine...), http.StatusNoContent, "")
	check := func(path, want string, who []string) {
		t.Helper()
		if got := strings.TrimSpace(b.do("GET", path, "", who...).Body.String()); !sameJSON(got, want) {
			t.Errorf("%s: %s; want %s", path, got, want)
		}
	}
	check(own, `{"only":true,"passwords":[{"number":1,"name":"phone","services":["imap"],"added":"1970-01-01T00:00:00Z","used":"1970-01-01T00:01:00Z","used_service":"imap","used_peer":"10.0.0.7"}]}`, mine)
	check(hers, `{"count":1,"only":true}`, admin)
	devices := `{"devices":[{"service":"imap","client":"Mail","program":1,"network":"10.0.0.0/24","first":"1970-01-01T00:01:00Z","last":"1970-01-01T00:01:00Z","app_password":"phone"}]}`
	check("/api/me/devices", devices, mine)
	check("/api/accounts/alice@example.test/devices", devices, admin)
	b.want(b.do("DELETE", own+"/x", "", mine...), http.StatusNotFound, "number")
	b.want(b.do("DELETE", own+"/1", "", mine...), http.StatusNoContent, "")
	check(own, `{"only":true,"passwords":[]}`, mine)
	b.want(b.do("DELETE", hers, "", admin...), http.StatusNoContent, "")
	check(hers, `{"count":0,"only":false}`, admin)
	b.want(b.do("DELETE", "/api/accounts/nobody@example.test/app-passwords", "", admin...), http.StatusNotFound, "address")
	if len(book.saw) != 2 || book.saw[0].Service != device.Pages || !book.saw[0].Peer.IsValid() {
		t.Errorf("log-ins seen: %+v", book.saw)
	}
	if strings.Contains(b.log.String(), "abcd") {
		t.Error("the log has an app password")
	}
}
