package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/services/web"
)

// networking is PID 1 as the pages set the network.
type networking struct{ pid1 *control.Client }

// networking returns it, nil on a developer's machine.
func (m *machine) networking() web.Networking {
	if m.pid1 == nil {
		return nil
	}
	return networking{m.pid1}
}

// Network asks PID 1.
func (n networking) Network(ctx context.Context) (web.Network, error) {
	s, err := n.pid1.Network(ctx)
	return web.Network{Settings: s.Network, Trial: time.Duration(s.TrialMS) * time.Millisecond, WentBack: s.WentBack}, inWords(err)
}

// TryNetwork gives PID 1 settings for some time.
func (n networking) TryNetwork(ctx context.Context, settings json.RawMessage) error {
	return inWords(n.pid1.TryNetwork(ctx, settings))
}

// KeepNetwork tells PID 1 that they work.
func (n networking) KeepNetwork(ctx context.Context) error { return inWords(n.pid1.KeepNetwork(ctx)) }
