package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/web"
)

// computer is what PID 1 does for the pages.
type computer struct {
	pid1  *control.Client
	offer sync.Mutex // held while an update comes in
}

// computer returns it, nil on a developer's machine.
func (m *machine) computer() web.Computer {
	if m.pid1 == nil {
		return nil
	}
	return &computer{pid1: m.pid1}
}

// Versions asks PID 1.
func (c *computer) Versions(ctx context.Context) (web.Versions, error) {
	s, err := c.pid1.Status(ctx)
	if err != nil {
		return web.Versions{}, err
	}
	u := s.Update
	v := web.Versions{Running: s.Version, OnTrial: u.OnTrial, Previous: u.Previous, Keys: u.Keys, SecureBoot: s.SecureBoot}
	if u.State != control.UpdateNone {
		v.Installing = &web.Installing{Version: u.Version, State: string(u.State), Problem: u.Problem}
	}
	if l := u.Last; l != nil {
		v.Last = &web.Updated{Time: l.Time, From: l.From, To: l.To, Well: l.Well, Reason: l.Reason}
	}
	return v, nil
}

// Install puts the update where PID 1 reads it, which removes it afterwards.
func (c *computer) Install(ctx context.Context, bundle io.Reader) error {
	if !c.offer.TryLock() {
		return &mail.RuleError{Text: "Somebody else is sending an update at this moment."}
	}
	defer c.offer.Unlock()
	// Another name while it comes in: PID 1 may be reading the one before.
	f, err := os.OpenFile(control.UpdateFile+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("offer the update: %w", err)
	}
	_, err = io.Copy(f, bundle)
	if err := errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name()) // the next one would replace it
		return fmt.Errorf("offer the update: %w", err)
	}
	if err := os.Rename(f.Name(), control.UpdateFile); err != nil {
		return fmt.Errorf("offer the update: %w", err)
	}
	return inWords(c.pid1.InstallUpdate(ctx))
}

// GoBack asks PID 1.
func (c *computer) GoBack(ctx context.Context) (string, error) {
	v, err := c.pid1.GoBack(ctx)
	return v, inWords(err)
}

// Restart asks PID 1.
func (c *computer) Restart(ctx context.Context) error { return c.pid1.Reboot(ctx) }

// PowerOff asks PID 1.
func (c *computer) PowerOff(ctx context.Context) error { return c.pid1.PowerOff(ctx) }

// FactoryReset asks PID 1.
func (c *computer) FactoryReset(ctx context.Context) error { return inWords(c.pid1.FactoryReset(ctx)) }

// inWords makes of what PID 1 refuses what a person is told.
func inWords(err error) error {
	if refused, ok := errors.AsType[*control.Error](err); ok && refused.Code == control.CodeInvalid {
		return &mail.RuleError{Text: refused.Text, Err: err}
	}
	return err
}
