package boot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/platform/disk"
	"github.com/sanduk-mail/sanduk/platform/durable"
)

// verbFactoryReset marks the data partition to be erased, and restarts.
func (m *Machine) verbFactoryReset(ctx context.Context, _ json.RawMessage) (any, error) {
	return nil, m.factoryReset(ctx, "control socket")
}

// factoryReset returns when the reset is certain: the next start erases everything, and
// whatever cuts it short, the start behind that does. What is known of the box's versions
// outlives it on the boot partition, so that a reset is no way to an older version.
func (m *Machine) factoryReset(ctx context.Context, who string) error {
	if m.own == nil {
		return control.Invalid("the box does not know which disk is its own; restart it first")
	}
	if err := m.updates.keepOnESP(ctx); err != nil {
		return err
	}
	f, err := system().Open(m.own.Disk, true)
	if err != nil {
		return fmt.Errorf("factory reset: %w", err)
	}
	if err := errors.Join(disk.MarkReset(f, m.own.Disk.Geometry), f.Close()); err != nil {
		return fmt.Errorf("factory reset: %w", err)
	}
	m.log.Warn("factory reset: the next start erases everything", "who", who)
	m.say("factory reset: the next start erases everything")
	m.request(Reboot, "factory reset")
	return nil
}

// keepOnESP copies what is known of the versions to the boot partition. Without a data
// disk there is nothing to copy.
func (u *updates) keepOnESP(ctx context.Context) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.busy:
		return errBusy
	case u.onTrial:
		return errTrial
	case !u.usable && (!u.rescued || u.m.boxFS == nil):
		return nil
	}
	return u.change(ctx, func(esp durable.FS) error { return u.state.Write(esp) })
}
