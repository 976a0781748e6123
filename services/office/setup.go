package office

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sanduk-mail/sanduk/services/directory"
	"github.com/sanduk-mail/sanduk/services/setup"
	"github.com/sanduk-mail/sanduk/services/web"
	"github.com/sanduk-mail/sanduk/services/web/claim"
)

// settleAfter is how long the machine waits before it takes its new name and
// network: the page that set the box up must get its answer over the old one.
const settleAfter = 2 * time.Second

// SetUp sets the box up: all of it or nothing, durably. It takes the passwords
// as they are. Its errors are claim.ErrSpent when the box was set up before, a
// *mail.RuleError of the machine's, or the box's own trouble.
//
// On return the machine has its name and network written down, and uses them
// settleAfter later. What fails behind the commit is repeated until it is done,
// also behind a crash (see attend): that, and the certificate for the new name.
func (o *Office) SetUp(ctx context.Context, s *setup.Setup) error {
	if err := o.setUpBox(ctx, s, settleAfter); err != nil {
		return err
	}
	o.keep(ctx)
	return nil
}

// setUpBox is the commit and what follows it here; the machine may be settled
// from wait on.
func (o *Office) setUpBox(ctx context.Context, s *setup.Setup, wait time.Duration) error {
	if err := o.commitSetUp(ctx, s, wait); errors.Is(err, directory.ErrSetUp) {
		return claim.ErrSpent
	} else if err != nil {
		return fmt.Errorf("office: set up: %w", err)
	}
	o.log.Info("the box is set up", "hostname", s.Hostname, "domains", len(s.Domains), "accounts", len(s.Accounts)+1)
	o.certify()
	select {
	case o.setUp <- struct{}{}:
	default: // attend knows already
	}
	return nil
}

// commitSetUp holds the lock, so that attend sees the box set up no earlier
// than the time from which it may settle it.
func (o *Office) commitSetUp(ctx context.Context, s *setup.Setup, wait time.Duration) error {
	o.settling.Lock()
	defer o.settling.Unlock()
	if !o.isSetUp() {
		if err := o.options.Machine.SetUpBegins(ctx); err != nil {
			return err
		}
	}
	if err := o.directory.SetUp(ctx, s); err != nil {
		return err
	}
	o.settleFrom = time.Now().Add(wait)
	return nil
}

// keep has the machine write down what was set up. Whoever is told that the box
// is set up may switch it off at once.
func (o *Office) keep(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	box, _ := o.directory.Box()
	if err := o.options.Machine.Keep(ctx, box); err != nil {
		o.log.Error("the machine did not write down its new name or network; it is told again soon", "err", err)
	}
}

// SetUpFromFile is SetUp with a provisioning file. Its passwords are taken as
// they are, because whoever writes such a file sets up a test, or many boxes,
// and a box that comes up closed is of no use to him. The file is erased
// afterwards, also when the box had been set up before. That the erasing failed
// is logged and no error: the file was used, and the next start tries again.
//
// The machine has its name and network before the file is erased: no page waits
// for an answer, and who prepares many boxes switches each off as soon as its
// file is used.
func (o *Office) SetUpFromFile(ctx context.Context, document []byte) error {
	if o.isSetUp() {
		o.log.Info("a set-up file was passed over: the box is set up")
		o.settle(ctx)
		o.erase(ctx)
		return nil
	}
	parsed, err := setup.Parse(document)
	if err != nil {
		return err
	}
	if err := o.setUpBox(ctx, parsed, 0); err != nil {
		return err
	}
	o.settle(ctx)
	o.erase(ctx)
	return nil
}

func (o *Office) erase(ctx context.Context) {
	if err := o.options.Machine.SetUpDone(ctx); err != nil {
		o.log.Error("the set-up file, which holds passwords, could not be erased", "err", err)
	}
}

// box is the office as the pages see it.
type box struct{ *Office }

// SetUp is what the page posts: a person who sits there can be told that a
// password is too weak, as a *setup.FieldError. A set-up file that was refused
// before still stands there with its passwords, and is erased.
func (b box) SetUp(ctx context.Context, s *setup.Setup) error {
	if err := s.CheckPasswords(); err != nil {
		return err
	}
	if err := b.Office.SetUp(ctx, s); err != nil {
		return err
	}
	b.erase(ctx)
	return nil
}

// State is what the pages show.
func (b box) State(context.Context) (web.State, error) {
	settings, ok := b.directory.Box()
	return web.State{SetUp: ok, Hostname: settings.Hostname, Domains: settings.Domains, Timezone: settings.Timezone}, nil
}
