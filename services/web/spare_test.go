package web

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// spareBook is the least that the API can be tried on.
type spareBook struct {
	spares  []mail.Spare
	servers []netip.Prefix
}

func (b *spareBook) Spares(context.Context) ([]mail.Spare, error) { return b.spares, nil }
func (b *spareBook) SetSpare(_ context.Context, s mail.Spare) error {
	b.spares = append(b.spares, s)
	return nil
}

func (b *spareBook) RemoveSpare(_ context.Context, name string) error {
	if len(b.spares) == 0 || b.spares[0].Domain != name {
		return mail.ErrNoDomain
	}
	b.spares = b.spares[1:]
	return nil
}
func (b *spareBook) SpareServers() []netip.Prefix { return b.servers }
func (b *spareBook) SetSpareServers(_ context.Context, servers []netip.Prefix) error {
	b.servers = servers
	return nil
}

// TestSpares: domains and servers are shown as they were set; for administrators.
func TestSpares(t *testing.T) {
	t.Parallel()
	book := &spareBook{}
	b := setUpBox(t, func(o *Options) { o.Spares = book })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	for _, r := range [][2]string{{"GET", "/api/spares"}, {"PUT", "/api/spares/b.test"}, {"DELETE", "/api/spares/b.test"}, {"PUT", "/api/spare-servers"}} {
		b.want(b.do(r[0], r[1], "{}"), http.StatusUnauthorized, "")
		b.want(b.do(r[0], r[1], "{}", alice...), http.StatusForbidden, "")
	}
	b.want(b.do("PUT", "/api/spares/b.test", `{"recipients":["info"]}`, admin...), http.StatusNoContent, "")
	b.want(b.do("PUT", "/api/spare-servers", `{"servers":["192.0.2.7","2001:db8::/64"]}`, admin...), http.StatusNoContent, "")
	b.want(b.do("PUT", "/api/spare-servers", `{"servers":["mx2.example.test"]}`, admin...), http.StatusBadRequest, "servers")
	if got, want := fmt.Sprint(book.servers), "[192.0.2.7/32 2001:db8::/64]"; got != want {
		t.Errorf("servers %s; want %s", got, want)
	}
	const want = `{"servers":["192.0.2.7","2001:db8::/64"],"spares":[{"domain":"b.test","recipients":["info"]}]}`
	if got := strings.TrimSpace(b.do("GET", "/api/spares", "", admin...).Body.String()); !sameJSON(got, want) {
		t.Errorf("GET = %s; want %s", got, want)
	}
	b.want(b.do("DELETE", "/api/spares/c.test", "", admin...), http.StatusNotFound, "domain")
	b.want(b.do("DELETE", "/api/spares/b.test", "", admin...), http.StatusNoContent, "")
}
