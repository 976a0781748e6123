package web

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// testNetwork is the least that the API can be tried on.
type testNetwork struct {
	Network
	kept int
}

func (n *testNetwork) TryNetwork(_ context.Context, settings json.RawMessage) error {
	if string(settings) == `"bad"` {
		return &mail.RuleError{Text: "That is no network."}
	}
	n.Settings, n.Trial = settings, 90*time.Second
	return nil
}

func (n *testNetwork) KeepNetwork(context.Context) error {
	n.kept++
	n.Trial = 0
	return nil
}

// machineNetwork makes a Networking of it, whose method has the field's name.
type machineNetwork struct{ *testNetwork }

func (n machineNetwork) Network(context.Context) (Network, error) { return n.testNetwork.Network, nil }

// TestNetwork: settings are tried and confirmed, by administrators.
func TestNetwork(t *testing.T) {
	t.Parallel()
	n := &testNetwork{Network: Network{Settings: json.RawMessage(`{"mode":"dhcp"}`), WentBack: true}}
	b := setUpBox(t, func(o *Options) { o.Networking = machineNetwork{n} })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	for _, r := range [][2]string{{"GET", "/api/network"}, {"PUT", "/api/network"}, {"POST", "/api/network/keep"}} {
		b.want(b.do(r[0], r[1], "{}"), http.StatusUnauthorized, "")
		b.want(b.do(r[0], r[1], "{}", alice...), http.StatusForbidden, "")
	}
	body := func(method, path, in string) string {
		return strings.TrimSpace(b.do(method, path, in, admin...).Body.String())
	}
	if got, want := body("GET", "/api/network", ""), `{"network":{"mode":"dhcp"},"trial_seconds":0,"went_back":true}`; got != want {
		t.Errorf("GET = %s; want %s", got, want)
	}
	b.want(b.do("PUT", "/api/network", `{}`, admin...), http.StatusBadRequest, "network")
	b.want(b.do("PUT", "/api/network", `{"network":"bad"}`, admin...), http.StatusBadRequest, "")
	if got, want := body("PUT", "/api/network", `{"network":{"mode":"static","address":"192.0.2.20/24"}}`), `{"trial_seconds":90}`; got != want {
		t.Errorf("PUT = %s; want %s", got, want)
	}
	b.want(b.do("POST", "/api/network/keep", "", admin...), http.StatusNoContent, "")
	if n.kept != 1 || !strings.Contains(string(n.Settings), "192.0.2.20") {
		t.Errorf("kept %d times, settings %s", n.kept, n.Settings)
	}
}
