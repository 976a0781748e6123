package directory

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestGoldenRoutes: the records of which way mail goes must be read for ever.
func TestGoldenRoutes(t *testing.T) {
	t.Parallel()
	s := replayGolden(t, replayGolden(t, emptyState(), "testdata/records-1.txt"), "testdata/records-5.txt")
	if len(s.routes) != 3 {
		t.Fatalf("routes are %v; want three", s.routes)
	}
	if r := s.routes["."]; r.Host != "smtp.provider.test" || r.Port != 587 || string(r.Password) != "sealed" || r.Pin[31] != 32 || !r.FallBack {
		t.Errorf("all mail goes by %+v", r)
	}
	if r := s.routes[".slow.test"]; !r.Below || r.Way != "" || len(r.Pauses) != 2 || r.Then != time.Hour || r.GiveUp != 240*time.Hour {
		t.Errorf("slow.test has %+v", r)
	}
	if got := mail.Period(s.routes["window"].Periods[0]).String(); got != "mon-fri 08:00-18:00" {
		t.Errorf("mail leaves %s", got)
	}
}

// TestRoutes: what was set holds after every start, for a domain and, where that was
// said, for those below it; passwords are nowhere in clear.
func TestRoutes(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	provider := mail.Route{Way: mail.WaySmartHost, Host: "SMTP.Provider.test", User: "office", Password: "the long secret"}
	week, err := mail.ParsePeriod("mon-fri 08:00-18:00")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []mail.Route{
		provider,
		{Domain: "Friend.test", Way: mail.WayDirect},
		{Domain: "slow.test", Below: true, Retries: mail.Retries{GiveUp: 10 * 24 * time.Hour}},
		{Domain: "inner.test", Way: mail.WaySmartHost, Host: "192.0.2.5", TLS: mail.RouteClear, FallBack: true},
		{Domain: "x.inner.test", Way: mail.WaySmartHost, Host: "p.test", Port: 465},
	} {
		if err := b.SetRoute(ctx, r); err != nil {
			t.Fatalf("SetRoute(%+v): %v", r, err)
		}
	}
	if err := b.SetWindow(ctx, mail.Window{week}); err != nil {
		t.Fatal(err)
	}
	provider.Password = "" // that of before stays
	if err := b.SetRoute(ctx, provider); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for name, want := range map[string]string{
			"other.test":    "smarthost smtp.provider.test:587 starttls office/the long secret 0s",
			"friend.test":   "direct :0  / 0s",
			"a.friend.test": "smarthost smtp.provider.test:587 starttls office/the long secret 0s",
			"a.b.SLOW.test": "smarthost smtp.provider.test:587 starttls office/the long secret 240h0m0s",
			"inner.test":    "smarthost 192.0.2.5:25 none / 0s",
			"x.inner.test":  "smarthost p.test:465 implicit / 0s",
			"[192.0.2.1]":   "smarthost smtp.provider.test:587 starttls office/the long secret 0s",
		} {
			r := b.Route(name)
			if got := fmt.Sprintf("%s %s:%d %s %s/%s %s", r.Way, r.Host, r.Port, r.TLS, r.User, r.Password, r.Retries.GiveUp); got != want {
				t.Errorf("Route(%s) = %q; want %q", name, got, want)
			}
		}
		list, err := b.Routes(ctx)
		if err != nil || len(list) != 5 || strings.Contains(fmt.Sprint(list), "secret") {
			t.Errorf("Routes = %+v, %v", list, err)
		}
		if got := fmt.Sprint(b.Window()); got != "[mon-fri 08:00-18:00]" {
			t.Errorf("Window = %s", got)
		}
		b.check()
		b.stop()
		b.start()
	}
	err = b.journal.Replay(ctx, journal.FamilyDirectory, 1, func(r journal.Record) error {
		d, err := Describe(r)
		if strings.Contains(string(r.Payload), "the long secret") || kind(r.Type) == kindSetRoute && strings.Contains(d.String(), "password") && !strings.Contains(d.String(), secret) {
			t.Errorf("the log has %s, %v", d, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(b.RemoveRoute(ctx, ""), b.RemoveRoute(ctx, "friend.test"), b.SetWindow(ctx, nil)); err != nil {
		t.Fatal(err)
	}
	if err := b.RemoveRoute(ctx, "friend.test"); !errors.Is(err, mail.ErrNoRoute) {
		t.Errorf("RemoveRoute of none = %v; want ErrNoRoute", err)
	}
	if r := b.Route("friend.test"); r.Way != mail.WayUsual || b.Window() != nil {
		t.Errorf("left are %+v and %v", r, b.Window())
	}
	b.check()
}

// TestRouteBounds: what makes no sense is refused, with the field that is wrong.
func TestRouteBounds(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	host := mail.Route{Way: mail.WaySmartHost, Host: "p.test"}
	with := func(change func(*mail.Route)) mail.Route { r := host; change(&r); return r }
	for _, test := range []struct {
		field string
		route mail.Route
	}{
		{"way", mail.Route{}},
		{"way", mail.Route{Way: "pigeon"}},
		{"domain", mail.Route{Domain: "a b", Way: mail.WayDirect}},
		{"host", mail.Route{Way: mail.WayDirect, Host: "p.test"}},
		{"host", with(func(r *mail.Route) { r.Host = "" })},
		{"host", with(func(r *mail.Route) { r.Host = "a host" })},
		{"tls", with(func(r *mail.Route) { r.TLS = "ssl" })},
		{"pin", with(func(r *mail.Route) { r.TLS, r.Pin = mail.RouteClear, mail.KeyPin{1} })},
		{"password", with(func(r *mail.Route) { r.User = "u" })},
		{"user", with(func(r *mail.Route) { r.Password = "p" })},
		{"user", with(func(r *mail.Route) { r.User, r.Password = "u\r\nQUIT", "p" })},
		{"pauses", mail.Route{Retries: mail.Retries{Pauses: []time.Duration{time.Second}}}},
		{"pauses", mail.Route{Retries: mail.Retries{Pauses: make([]time.Duration, maxPauses+1)}}},
		{"then", mail.Route{Retries: mail.Retries{Then: time.Minute}}},
		{"delay", mail.Route{Retries: mail.Retries{Delay: time.Minute}}},
		{"give_up", mail.Route{Retries: mail.Retries{GiveUp: 31 * 24 * time.Hour}}},
	} {
		err := b.SetRoute(t.Context(), test.route)
		if rule, ok := errors.AsType[*mail.RuleError](err); !ok || rule.Field != test.field {
			t.Errorf("SetRoute(%+v) = %v; want %s refused", test.route, err, test.field)
		}
	}
	if err := b.SetWindow(t.Context(), mail.Window{{}}); err == nil {
		t.Error("a window that never opens is taken")
	}
}
