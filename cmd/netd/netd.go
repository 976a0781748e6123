package main

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/sanduk-mail/sanduk/platform/clock"
	"github.com/sanduk-mail/sanduk/platform/firewall"
	"github.com/sanduk-mail/sanduk/platform/mdns"
	"github.com/sanduk-mail/sanduk/platform/netconf"
	"golang.org/x/sys/unix"
)

// netd is the wiring: network → name and clock.
type netd struct {
	config, policy, run, state, name string

	log *slog.Logger

	mu      sync.Mutex
	chosen  []string // time servers from the settings; guarded by mu
	offered []string // time servers from the network; guarded by mu

	dns     []netip.Addr // from the settings; guarded by mu
	dnsName string       // in their certificates; "" where they are asked in the clear; guarded by mu

	admitted firewall.Policy // the last that could be read; guarded by mu
}

func (n *netd) serve(ctx context.Context) error {
	// Nothing of its memory is to be read by others of its user, or written out when it dies.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		n.log.Warn("memory can be read by others of the user", "error", err)
	}
	config := n.settings(netconf.Config{Mode: netconf.ModeDHCP})
	n.readPolicy()
	guard := n.guard()
	responder, manager, keeper, err := n.build(config, guard)
	if err != nil {
		return err
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wg.Go(func() { keeper.Run(ctx) })
	wg.Go(func() { guard.Run(ctx) })
	wg.Go(func() { n.answerDNS(ctx) })
	wg.Go(func() { n.answerName(ctx, responder) })
	wg.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-hup:
				config = n.settings(config)
				n.readPolicy()
				guard.Look()
				manager.Reload(ctx, config, hostname())
				keeper.Kick()
			}
		}
	})
	err = manager.Run(ctx)
	n.notify(daemon.SdNotifyStopping)
	return err
}

// build makes the other parts and ties their callbacks together.
func (n *netd) build(config netconf.Config, guard *firewall.Keeper) (*mdns.Responder, *netconf.Manager, *clock.Keeper, error) {
	var manager *netconf.Manager
	responder, err := mdns.New(mdns.Options{
		Name: n.name, Log: n.log,
		OnName: func(name string) { manager.SetName(name) },
	})
	if err != nil {
		return nil, nil, nil, err
	}
	keeper := clock.NewKeeper(n.clockOptions())
	manager = netconf.NewManager(netconf.Options{
		Config: config, Hostname: hostname(), RunDir: n.run, StateDir: n.state, Log: n.log,
		OnReady:  func() { n.notify(daemon.SdNotifyReady) },
		OnStatus: func(line string) { n.notify("STATUS=" + line) },
		OnAlive: func() {
			guard.Look()
			n.notify(daemon.SdNotifyWatchdog)
		},
		OnChange: func(s netconf.Status) {
			n.mu.Lock()
			n.offered = s.NTP
			n.mu.Unlock()
			responder.SetInterfaces(interfaces(s))
			keeper.Kick()
			guard.Look()
		},
	})
	return responder, manager, keeper, nil
}

func (n *netd) clockOptions() clock.Options {
	o := clock.Options{
		Log: n.log, Kernel: clock.System{}, Query: clock.Query, Built: clock.Built(built),
		Servers: n.timeServers,
		Publish: func(s clock.State) error { return clock.WriteState(filepath.Join(n.run, "clock.json"), s) },
	}
	if n.state != "" {
		o.Save = func(t time.Time) error { return clock.WriteSaved(filepath.Join(n.state, "clock"), t) }
	}
	return o
}

// timeServers is asked before each look at the time.
func (n *netd) timeServers() []string {
	gateways, err := netconf.DefaultGateways()
	if err != nil {
		n.log.Debug("routers unknown", "error", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return clock.Servers(n.chosen, n.offered, gateways)
}

// settings reads network.json; what can't be read leaves the last good ones.
func (n *netd) settings(last netconf.Config) netconf.Config {
	config, err := netconf.ReadConfig(n.config)
	if err != nil {
		n.log.Error("network settings not used", "error", err)
		config = last
	}
	n.mu.Lock()
	n.chosen = config.NTP
	n.dns, n.dnsName = config.DNS, config.DNSTLS
	n.mu.Unlock()
	return config
}

// answerName keeps the responder running: without port 5353 the box lives on.
func (n *netd) answerName(ctx context.Context, r *mdns.Responder) {
	const pause = 30 * time.Second // what may have been in the way goes slowly
	for {
		err := r.Run(ctx)
		if ctx.Err() != nil {
			return
		}
		n.log.Warn("no name in .local", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// notify tells the supervisor; without one there is nobody to tell.
func (n *netd) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		n.log.Debug("supervisor not told", "error", err)
	}
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil || name == "(none)" {
		return ""
	}
	return name
}

// interfaces is what the responder needs of the network's status.
func interfaces(s netconf.Status) []mdns.Interface {
	var list []mdns.Interface
	for _, c := range s.Cards {
		if c.Cable {
			list = append(list, mdns.Interface{Index: c.Index(), Name: c.Name, Prefixes: c.Addresses})
		}
	}
	return list
}
