package operator

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
)

// networkAnswer is what the API says of the network.
type networkAnswer struct {
	Network      json.RawMessage `json:"network"`
	TrialSeconds int             `json:"trial_seconds"`
	WentBack     bool            `json:"went_back"`
}

// networkSettings is the set-up document's "network" as commands make it.
type networkSettings struct {
	Mode    string   `json:"mode"`
	VLAN    int      `json:"vlan,omitempty"`
	Address string   `json:"address,omitempty"`
	Gateway string   `json:"gateway,omitempty"`
	DNS     []string `json:"dns,omitempty"`
	DNSTLS  string   `json:"dns_tls,omitempty"`
}

func networkShow(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		var n networkAnswer
		if err := b.do(ctx, http.MethodGet, "/api/network", nil, &n); err != nil {
			return err
		}
		t.say("%s", n.Network)
		if n.TrialSeconds > 0 {
			t.say("These settings are on trial: in %d seconds those from before come back, unless boxctl network keep is said", n.TrialSeconds)
		}
		if n.WentBack {
			t.say("The last settings were not confirmed in time: these are those from before")
		}
		return nil
	})
}

func networkDHCP(ctx context.Context, t *task) error {
	return t.tryNetwork(ctx, networkSettings{Mode: "dhcp", VLAN: t.flags.vlan, DNS: words(t.flags.dns), DNSTLS: t.flags.dnsTLS})
}

func networkStatic(ctx context.Context, t *task) error {
	s := networkSettings{Mode: "static", VLAN: t.flags.vlan, Address: t.args[0], Gateway: t.flags.gateway, DNS: words(t.flags.dns), DNSTLS: t.flags.dnsTLS}
	return t.tryNetwork(ctx, s)
}

// tryNetwork gives the box settings, and says how to confirm them.
func (t *task) tryNetwork(ctx context.Context, s networkSettings) error {
	return t.onBox(func(b *box) error {
		var n networkAnswer
		if err := b.do(ctx, http.MethodPut, "/api/network", map[string]any{"network": s}, &n); err != nil {
			return err
		}
		at := "the address that it gets now, which is on its screen"
		if p, err := netip.ParsePrefix(s.Address); err == nil {
			at = "https://" + p.Addr().String()
			if p.Addr().Is6() {
				at = "https://[" + p.Addr().String() + "]"
			}
		}
		t.say("On trial for %d seconds: then the settings from before come back, unless you say", n.TrialSeconds)
		t.say("  boxctl network keep --box ADDRESS …, with %s", at)
		return nil
	})
}

func networkKeep(ctx context.Context, t *task) error {
	err := t.onBox(func(b *box) error { return b.do(ctx, http.MethodPost, "/api/network/keep", nil, nil) })
	if err == nil {
		t.say("The network settings stay")
	}
	return err
}
