package web

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// sizeBook is the least that the API can be tried on.
type sizeBook struct {
	set  []mail.SizeBound
	hide bool
}

func (b *sizeBook) SizeBounds() []mail.SizeBound { return b.set }
func (b *sizeBook) SetSizeBound(_ context.Context, s mail.SizeBound) error {
	if s.Who == "nobody@example.test" {
		return mail.ErrNoAccount
	}
	b.set = append(b.set, s)
	return nil
}
func (b *sizeBook) HidesClients() bool { return b.hide }
func (b *sizeBook) SetHideClients(_ context.Context, hide bool) error {
	b.hide = hide
	return nil
}

// TestSizes: sizes and traces are shown as they were set; for administrators.
func TestSizes(t *testing.T) {
	t.Parallel()
	b := setUpBox(t, func(o *Options) { o.Sizes = &sizeBook{} })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	for _, r := range [][2]string{{"GET", "/api/sizes"}, {"PUT", "/api/sizes"}, {"GET", "/api/received"}, {"PUT", "/api/received"}} {
		b.want(b.do(r[0], r[1], "{}"), http.StatusUnauthorized, "")
		b.want(b.do(r[0], r[1], "{}", alice...), http.StatusForbidden, "")
	}
	b.want(b.do("PUT", "/api/sizes", `{"who":"example.test","bytes":1048576}`, admin...), http.StatusNoContent, "")
	b.want(b.do("PUT", "/api/sizes", `{"who":"nobody@example.test","bytes":1048576}`, admin...), http.StatusNotFound, "address")
	b.want(b.do("PUT", "/api/received", `{"hide_clients":true}`, admin...), http.StatusNoContent, "")
	for path, want := range map[string]string{"/api/sizes": `{"most":157286400,"sizes":[{"who":"example.test","bytes":1048576}]}`, "/api/received": `{"hide_clients":true}`} {
		if got := strings.TrimSpace(b.do("GET", path, "", admin...).Body.String()); !sameJSON(got, want) {
			t.Errorf("GET %s = %s; want %s", path, got, want)
		}
	}
}
