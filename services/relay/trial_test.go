package relay

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestTry says what is wrong with a route, and sends nothing.
func TestTry(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t), newAuthority(t)
	good, bad := ca.server(later(), "smart.peer.test"), other.server(later(), "smart.peer.test")
	auth := []string{"AUTH PLAIN"}
	login := Route{Host: "smart.peer.test", User: "u", Password: "p"}
	smart := Route{Host: "smart.peer.test"}
	for name, test := range map[string]struct {
		route  Route
		server *server // at 587; nil: down
		hop    string
		fault  Fault
		words  string
	}{
		"well":       {smart, &server{tls: good}, "far.test", FaultNone, "smart.peer.test (192.0.2.5:587) answers, encrypted (TLS"},
		"logged in":  {login, &server{tls: good, ehlo: auth, on: map[string]string{"AUTH": "235 2.7.0 welcome"}}, "far.test", FaultNone, "and takes the user name and the password"},
		"refused":    {login, &server{tls: good, ehlo: auth, on: map[string]string{"AUTH": "535 5.7.8 who are you?"}}, "far.test", FaultLogin, "who are you?"},
		"no AUTH":    {login, &server{tls: good}, "far.test", FaultLogin, "offers no log-in"},
		"untrusted":  {smart, &server{tls: bad}, "far.test", FaultTLS, "no encryption that can be relied on"},
		"pinned":     {Route{Host: "smart.peer.test", Pin: PinOf(bad.Certificates[0].Leaf)}, &server{tls: bad}, "far.test", FaultNone, "key pinned"},
		"other pin":  {Route{Host: "smart.peer.test", Pin: Pin{1}}, &server{tls: good}, "far.test", FaultTLS, "not the one that was pinned"},
		"stripped":   {smart, &server{}, "far.test", FaultTLS, "STARTTLS"},
		"down":       {smart, nil, "far.test", FaultConnection, "does not answer"},
		"silent":     {smart, &server{on: map[string]string{"greeting": "SILENT"}}, "far.test", FaultConnection, "can't be used"},
		"misspelled": {Route{Host: "smrt.peer.test"}, nil, "far.test", FaultName, "can't be found"},
		"direct":     {Route{}, nil, "peer.test", FaultNone, "mx.peer.test (192.0.2.1:25) answers, without encryption"},
		"no domain":  {Route{}, nil, "none.invalid", FaultName, "can't be found"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.Add(t, "peer.test", "smart A 192.0.2.5")
			direct := &server{}
			w.hosts["192.0.2.1:25"] = direct.serve
			if test.server != nil {
				w.hosts["192.0.2.5:587"] = test.server.serve
			}
			c := w.client(t, func(o *Options) { o.Roots = ca.pool() })
			began := time.Now()
			trial := c.Try(context.Background(), "", test.route)
			if test.route.Host == "" {
				trial = c.Try(context.Background(), fold(job(test.hop, "").Hop), test.route)
			}
			text, advice := trial.Words(test.route)
			if trial.Fault != test.fault || !strings.Contains(text, test.words) || (advice == "") != (test.fault == FaultNone) {
				t.Errorf("%s: %d, %q, %q; want %d and %q", name, trial.Fault, text, advice, test.fault, test.words)
			}
			if test.server != nil && test.server.tls != nil && trial.Pin != PinOf(test.server.tls.Certificates[0].Leaf) {
				t.Errorf("%s: the key shown has pin %x", name, trial.Pin)
			}
			for _, s := range []*server{test.server, direct} {
				if s != nil && strings.Contains(strings.Join(s.said(), "\n"), "MAIL") {
					t.Errorf("%s: it was told %q", name, s.said())
				}
			}
			if took := time.Since(began); took > trialBudget {
				t.Errorf("%s: it took %s", name, took)
			}
			if got := w.results(); got != nil {
				t.Errorf("%s: evidence %q of a trial", name, got)
			}
		})
	}
}

// TestPassedOver: where mail can go direct, a smart host that is down is called by one
// message in some minutes, and has its mail again when it is back.
func TestPassedOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Add(t, "peer.test", "smart A 192.0.2.5")
		w.hosts["192.0.2.1:25"] = (&server{}).serve
		c := w.client(t, func(o *Options) {
			o.Route = func(mail.Hop) Route { return Route{Host: "smart.peer.test", Transport: TransportClear, Direct: true} }
		})
		calls := func() (n int) {
			for _, addr := range w.called() {
				if addr == "192.0.2.5:25" {
					n++
				}
			}
			return n
		}
		send := func(what, server string, want int) {
			t.Helper()
			got := c.Send(t.Context(), job("peer.test", testMessage, "one"))
			if fates(got) != "relayed 250 2.0.0" || got[0].Server != server || calls() != want {
				t.Errorf("%s: %s by %s, %d calls of the smart host; want it by %s, %d", what, fates(got), got[0].Server, calls(), server, want)
			}
		}
		send("down", "mx.peer.test", 1)
		send("soon after", "mx.peer.test", 1)
		time.Sleep(passOver)
		send("later", "mx.peer.test", 2)
		w.mu.Lock()
		w.hosts["192.0.2.5:25"] = (&server{}).serve
		w.mu.Unlock()
		time.Sleep(passOver)
		send("back", "smart.peer.test", 3)
	})
}
