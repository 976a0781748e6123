package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/services/lan"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/rescue"
)

// serveRescue is what runs in place of everything else on a box that can't use its disk.
func serveRescue(ctx context.Context, log *slog.Logger) error {
	if err := keepSecret(); err != nil {
		return err
	}
	listeners, err := listen(false)
	if err != nil {
		return err
	}
	for _, name := range []string{"smtp", "http", "https"} {
		if listeners[name] == nil {
			return errors.New("no socket was handed in for " + name)
		}
	}
	machine, trusted, err := openMachine(false)
	if err != nil {
		return err
	}
	// What the office is stands on the disk, so the box takes itself for one that isn't
	// set up, as the packet filter does.
	policy := lan.New(machine, func() bool { return false }, func() []netip.Prefix { return trusted }, func() mail.Admission { return mail.Admission{} })
	// No door that an administrator can open leads here.
	office := func(name string) net.Listener { return policy.Listener(listeners[name], "") }
	host, err := os.Hostname()
	if err != nil {
		host = "mailbox"
	}
	go feedWatchdog(ctx, func(context.Context) error { return nil }, log)
	return rescue.Serve(ctx, rescue.Options{
		Box: &rescueBox{machine.pid1}, Log: log, SMTP: listeners["smtp"], HTTP: office("http"), HTTPS: office("https"), Host: host, Now: time.Now(),
		Show: func(ctx context.Context, fingerprint string) error {
			return machine.pid1.PushConsole(ctx, control.ConsoleArgs{Hostname: host, Fingerprint: fingerprint})
		},
		Ready: func() {
			if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
				log.Warn("PID 1 was not told that we are ready", "err", err)
			}
		},
	})
}

// rescueBox is the machine as the page asks it.
type rescueBox struct{ pid1 *control.Client }

// State asks PID 1.
func (b *rescueBox) State(ctx context.Context) (rescue.State, error) {
	r, err := b.pid1.Rescue(ctx)
	if err != nil {
		return rescue.State{}, err
	}
	s := rescue.State{
		Fault: rescue.Fault(r.Fault), Problem: r.Problem, Said: r.Said, Version: r.Version, Previous: r.Previous,
		Doing: r.Doing, Done: r.Done, Ending: r.Ending,
	}
	for _, a := range r.Acts {
		s.Acts = append(s.Acts, rescue.Act(a))
	}
	if d := r.Disk; d != nil {
		s.Disk = &rescue.Disk{
			Device: d.Device, Model: d.Model, Serial: d.Serial, Known: d.Known, Failing: d.Failing,
			Replaced: d.Reallocated, Unreadable: d.Pending, Worn: d.Worn, Celsius: d.Celsius, Hours: d.Hours,
		}
	}
	return s, nil
}

// Do asks PID 1, which judges the code.
func (b *rescueBox) Do(ctx context.Context, o rescue.Order) error {
	return inWords(b.pid1.RescueAct(ctx, control.RescueOrder{Act: control.RescueAct(o.Act), Code: o.Code, Word: o.Word}))
}

// Bundle opens what PID 1 has written.
func (b *rescueBox) Bundle() (io.ReadCloser, error) { return os.Open(control.RescueFile) }
