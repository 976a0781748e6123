package firewall

import (
	"context"
	"log/slog"
	"reflect"
	"time"
)

// retryTime is the pause after rules that could not be made: the kernel's modules may
// still be on their way.
const retryTime = time.Second

// Keeper keeps the kernel's rules what policy and network make them. Make one with
// NewKeeper.
type Keeper struct {
	options KeeperOptions
	look    chan struct{}
}

// KeeperOptions is what a Keeper needs; all of it.
type KeeperOptions struct {
	Policy func() Policy                // as it is now
	Around func() (Surroundings, error) // where the box stands now
	Apply  func(Policy, Surroundings) error
	Log    *slog.Logger
}

// NewKeeper returns a Keeper that has not done anything yet.
func NewKeeper(o KeeperOptions) *Keeper { return &Keeper{o, make(chan struct{}, 1)} }

// Look has it compare the rules with what they should be, soon. It never blocks.
func (k *Keeper) Look() {
	select {
	case k.look <- struct{}{}:
	default:
	}
}

// Run makes the rules at once, and again whenever Look finds a change, until ctx ends:
// they stay then. Rules that can't be made are tried again; meanwhile those before hold.
func (k *Keeper) Run(ctx context.Context) {
	k.Look()
	var policy Policy
	var around Surroundings
	applied, failed := false, false
	again := time.NewTimer(0)
	again.Stop()
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.look:
		case <-again.C:
		}
		p := k.options.Policy()
		a, err := k.options.Around()
		if err == nil && applied && reflect.DeepEqual(p, policy) && reflect.DeepEqual(a, around) {
			continue
		}
		if err == nil {
			err = k.options.Apply(p, a)
		}
		if err != nil {
			if !failed {
				k.options.Log.Error("the packet filter's rules could not be made; tried again", "err", err)
			}
			failed = true
			again.Reset(retryTime)
			continue
		}
		k.options.Log.Info("packet filter", "set_up", p.SetUp, "networks", a.OnLink, "routers", a.Routers, "office", p.Office, "doors", len(p.Doors))
		policy, around, applied, failed = p, a, true, false
	}
}
