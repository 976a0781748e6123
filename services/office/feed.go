package office

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sanduk-mail/sanduk/services/feed"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/web"
)

const (
	// installTime bounds how long the machine may write an update, on a slow stick.
	installTime = 30 * time.Minute
	// installLook is how often it is asked how far it is.
	installLook = 2 * time.Second
)

// openFeed opens where updates come from; only a box has updates.
func (o *Office) openFeed() {
	if o.options.Computer == nil {
		return
	}
	o.feed = feed.Open(feed.Options{
		Files: o.files, Install: installer{o.options.Computer}.install, Restart: o.options.Computer.Restart,
		Ready: o.untilSure, Zone: o.zone, Roots: o.options.Outgoing.Roots, Log: o.log.With("protocol", "feed"),
	})
}

// updateSource is the feed as the pages have it; nil where there is none.
func (o *Office) updateSource() web.UpdateSource {
	if o.feed == nil {
		return nil
	}
	return o.feed
}

// installer hands updates to the machine.
type installer struct{ computer web.Computer }

// install returns when the update is written, or was refused.
func (i installer) install(ctx context.Context, update io.Reader) error {
	ctx, cancel := context.WithTimeout(ctx, installTime)
	defer cancel()
	v, err := i.computer.Versions(ctx)
	if err != nil {
		return err
	}
	if v.OnTrial {
		return errors.New("the version that runs has not proved itself yet")
	}
	if err := i.computer.Install(ctx, update); err != nil {
		return err
	}
	ticker := time.NewTicker(installLook)
	defer ticker.Stop()
	for {
		v, err := i.computer.Versions(ctx)
		if err != nil {
			return err
		}
		switch now := v.Installing; {
		case now == nil:
			return errors.New("the machine does not know of the update any more")
		case now.State == "refused":
			return &mail.RuleError{Text: now.Problem}
		case now.State == "installed":
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the machine writes the update for too long: %w", ctx.Err())
		case <-ticker.C:
		}
	}
}
