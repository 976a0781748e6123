package boot

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/platform/console"
	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/platform/netconf"
)

// standing is the machine for whoever stands before it: console.Box.
type standing struct{ m *Machine }

// Restart asks for a restart.
func (s standing) Restart() { s.m.request(Reboot, "key") }

// PowerOff asks for the end.
func (s standing) PowerOff() { s.m.request(PowerOff, "key") }

// GoBack restarts with the version before.
func (s standing) GoBack(ctx context.Context) error {
	if _, err := s.m.verbGoBack(ctx, nil); err != nil {
		s.m.log.Warn("the version before cannot be started", "err", err)
		return refusal(err)
	}
	s.m.request(Reboot, "key")
	return nil
}

// Network is how the network is set.
func (s standing) Network(context.Context) (console.Network, error) {
	if s.m.network == nil {
		return console.Network{}, refusal(errNoData)
	}
	state, err := s.m.network.state()
	if err != nil {
		s.m.log.Error("network settings not read", "err", err)
		return console.Network{}, err
	}
	c, err := netconf.ParseConfig(state.Network)
	if err != nil { // what can't be read is replaced by what is typed
		s.m.log.Error("network settings not understood", "err", err)
		return console.Network{}, nil
	}
	n := console.Network{Static: c.Mode == netconf.ModeStatic, VLAN: int(c.VLAN)}
	if c.Address.IsValid() {
		n.Address = c.Address.String()
	}
	if c.Gateway.IsValid() {
		n.Gateway = c.Gateway.String()
	}
	for _, a := range c.DNS {
		n.DNS = append(n.DNS, a.String())
	}
	return n, nil
}

// TryNetwork uses settings on trial.
func (s standing) TryNetwork(_ context.Context, n console.Network) (time.Duration, error) {
	if s.m.network == nil {
		return 0, refusal(errNoData)
	}
	state, err := s.m.network.state()
	if err == nil {
		var settings []byte
		if settings, err = networkWith(state.Network, n); err == nil {
			err = s.m.network.try(settings)
		}
	}
	if err != nil {
		s.m.log.Warn("network settings from the console not taken", "err", err)
		return 0, refusal(err)
	}
	s.m.log.Info("network settings typed at the console are tried", "static", n.Static, "address", n.Address, "vlan", n.VLAN)
	return trialTime, nil
}

// KeepNetwork says that they work.
func (s standing) KeepNetwork(context.Context) error {
	if s.m.network == nil {
		return refusal(errNoData)
	}
	return refusal(s.m.network.keep())
}

// ResetCode has the mail service make a code for a new administrator's password.
func (s standing) ResetCode(ctx context.Context) (console.ResetCode, error) {
	s.m.log.Warn("somebody at the console asks for a code for a new password")
	r, err := s.m.errands.run(ctx, control.ErrandCode)
	switch {
	case errors.Is(err, errNobody):
		return console.ResetCode{}, &console.Refusal{Text: "Mail does not run, so there is nobody to give a new password to. Wait until it does, or restart the box."}
	case err != nil:
		return console.ResetCode{}, err
	case r.Problem != "":
		return console.ResetCode{}, &console.Refusal{Text: r.Problem}
	}
	return console.ResetCode{Code: r.Code, Administrators: r.Administrators, Valid: time.Duration(r.Minutes) * time.Minute}, nil
}

// FactoryReset erases everything with the next start.
func (s standing) FactoryReset(ctx context.Context) error {
	err := s.m.factoryReset(ctx, "console")
	if err != nil {
		s.m.log.Error("no factory reset", "err", err)
	}
	return refusal(err)
}

// URL is where the box's page is.
func (s standing) URL() string {
	if list := urls(""); len(list) > 0 {
		return list[0]
	}
	return ""
}

// networkWith is settings with what the console sets; the rest of them stays, as far as it
// goes together with it. The error is a *netconf.ConfigError.
func networkWith(before json.RawMessage, n console.Network) ([]byte, error) {
	settings := map[string]any{}
	if err := json.Unmarshal(before, &settings); err != nil {
		settings = map[string]any{} // nothing of it can stay
	}
	set := func(name string, value any, there bool) {
		delete(settings, name)
		if there {
			settings[name] = value
		}
	}
	mode := netconf.ModeDHCP
	if n.Static {
		mode = netconf.ModeStatic
	} else {
		delete(settings, "address6")
		delete(settings, "gateway6")
	}
	set("mode", string(mode), true)
	set("address", n.Address, n.Static)
	set("gateway", n.Gateway, n.Static && n.Gateway != "")
	set("vlan", n.VLAN, n.VLAN != 0)
	if servers := strings.Join(n.DNS, " "); servers != dnsOf(before) {
		delete(settings, "dns_tls") // the name of other servers
		set("dns", n.DNS, servers != "")
	}
	text, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}
	_, err = netconf.ParseConfig(text)
	return text, err
}

// dnsOf are the DNS servers in settings, as Network gives them.
func dnsOf(settings json.RawMessage) string {
	c, err := netconf.ParseConfig(settings)
	if err != nil {
		return ""
	}
	var list []string
	for _, a := range c.DNS {
		list = append(list, a.String())
	}
	return strings.Join(list, " ")
}

// refusal makes of an error what the person at the console is told.
func refusal(err error) error {
	if wrong, ok := errors.AsType[*netconf.ConfigError](err); ok {
		return &console.Refusal{Field: wrong.Field, Text: wrong.Public}
	}
	if refused, ok := errors.AsType[*control.Error](err); ok {
		return &console.Refusal{Text: sentence(refused.Text)}
	}
	return err
}

// sentence makes one of what begins small and ends without a point.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}
