package web

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// routeBook is the least that the API can be tried on.
type routeBook struct {
	routes []mail.Route
	window mail.Window
	tried  mail.Route
}

func (b *routeBook) Usual() mail.Route                            { return mail.Route{Way: mail.WayDirect} }
func (b *routeBook) Routes(context.Context) ([]mail.Route, error) { return b.routes, nil }
func (b *routeBook) SetRoute(_ context.Context, r mail.Route) error {
	b.routes = append(b.routes, r)
	return nil
}

func (b *routeBook) RemoveRoute(_ context.Context, name string) error {
	if len(b.routes) == 0 || b.routes[0].Domain != name {
		return mail.ErrNoRoute
	}
	b.routes = b.routes[1:]
	return nil
}

func (b *routeBook) TryRoute(_ context.Context, r mail.Route) (mail.RouteTrial, error) {
	b.tried = r
	return mail.RouteTrial{Server: "p.test", Pin: mail.KeyPin{0xab}, Text: "p.test does not answer", Advice: "Check it."}, nil
}
func (b *routeBook) Window() mail.Window { return b.window }
func (b *routeBook) SetWindow(_ context.Context, w mail.Window) error {
	b.window = w
	return nil
}

// TestRoutes: routes are shown as they were set, but for their passwords; for
// administrators.
func TestRoutes(t *testing.T) {
	t.Parallel()
	book := &routeBook{}
	b := setUpBox(t, func(o *Options) { o.Routes = book })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	for _, r := range [][2]string{{"GET", "/api/routes"}, {"PUT", "/api/routes/*"}, {"DELETE", "/api/routes/b.test"}, {"POST", "/api/routes/test"}, {"PUT", "/api/send-window"}} {
		b.want(b.do(r[0], r[1], "{}"), http.StatusUnauthorized, "")
		b.want(b.do(r[0], r[1], "{}", alice...), http.StatusForbidden, "")
	}
	pin := strings.Repeat("ab", 32)
	b.want(b.do("PUT", "/api/routes/*", `{"way":"smarthost","host":"p.test","port":465,"tls":"implicit","user":"u","password":"geheim","pin":"`+pin+`","fall_back":true}`, admin...), http.StatusNoContent, "")
	b.want(b.do("PUT", "/api/routes/b.test", `{"below":true,"pauses":["1m","1h"],"give_up":"240h"}`, admin...), http.StatusNoContent, "")
	b.want(b.do("PUT", "/api/routes/b.test", `{"then":"often"}`, admin...), http.StatusBadRequest, "then")
	b.want(b.do("PUT", "/api/routes/b.test", `{"pin":"abc"}`, admin...), http.StatusBadRequest, "pin")
	b.want(b.do("PUT", "/api/send-window", `{"window":["Mon-Fri 08:00-18:00"]}`, admin...), http.StatusNoContent, "")
	b.want(b.do("PUT", "/api/send-window", `{"window":["always"]}`, admin...), http.StatusBadRequest, "window")
	if r := book.routes[0]; r.Domain != "" || r.Password != "geheim" || r.Pin[31] != 0xab || !r.FallBack {
		t.Errorf("set is %+v", r)
	}
	if r := book.routes[1]; r.Domain != "b.test" || !r.Below || len(r.Retries.Pauses) != 2 || r.Retries.GiveUp != 240*time.Hour {
		t.Errorf("set is %+v", r)
	}
	want := `{"routes":[{"domain":"*","way":"smarthost","host":"p.test","port":465,"tls":"implicit","pin":"` + pin + `","user":"u","fall_back":true},` +
		`{"domain":"b.test","below":true,"pauses":["1m0s","1h0m0s"],"give_up":"240h0m0s"}],"usual":{"domain":"*","way":"direct"},"window":["mon-fri 08:00-18:00"]}`
	if got := strings.TrimSpace(b.do("GET", "/api/routes", "", admin...).Body.String()); !sameJSON(got, want) {
		t.Errorf("GET = %s; want %s", got, want)
	}
	want = `{"well":false,"server":"p.test","pin":"ab` + strings.Repeat("0", 62) + `","text":"p.test does not answer.","advice":"Check it."}`
	if got := strings.TrimSpace(b.do("POST", "/api/routes/test", `{"domain":"x.test"}`, admin...).Body.String()); got != want || book.tried.Domain != "x.test" {
		t.Errorf("test of %+v = %s; want %s", book.tried, got, want)
	}
	b.want(b.do("DELETE", "/api/routes/c.test", "", admin...), http.StatusNotFound, "domain")
	b.want(b.do("DELETE", "/api/routes/*", "", admin...), http.StatusNoContent, "")
}
