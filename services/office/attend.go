package office

import (
	"context"
	"errors"
	"io/fs"
	"reflect"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/lan"
)

// attendEvery is how soon the office follows a change that nobody told it: an
// address from DHCP, which often comes after the start, or a renewed certificate.
const attendEvery = 15 * time.Second

// settledFile notes that the machine has taken what was set up. Without it a
// power cut between the set-up and the machine's answer would leave a box with
// the wrong name and network for good.
const settledFile = "private/settled"

// lostState is on the screen of a box whose disk has lost who is in the office.
const lostState = "The disk has lost the list of people. Nothing was changed. Have it copied"

// attend keeps certificate, machine and screen in step with the office, until
// ctx ends. What fails is tried again.
func (o *Office) attend(ctx context.Context) {
	ticker := time.NewTicker(attendEvery)
	defer ticker.Stop()
	var shown Screen
	line := o.options.Machine.Addresses()
	told := lan.Admission{}
	for {
		o.settle(ctx)
		told = o.admit(ctx, told)
		if now := o.options.Machine.Addresses(); !slices.Equal(line, now) {
			line = now
			o.queue.Kick("") // there is a line again, or another one
		}
		o.certify()
		s := o.screen()
		if (o.longWork.took() || s != shown) && o.show(ctx, s) {
			shown = s
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-o.setUp:
			select {
			case <-ctx.Done():
				return
			case <-time.After(settleAfter):
			}
		}
	}
}

// checkpointEvery is how often the directory notes how far the log has come. It
// changes rarely, and a start reads the log from its last note.
const checkpointEvery = time.Hour

// checkpoint lets the directory note that, and forget whose mail has expired,
// until ctx ends.
func (o *Office) checkpoint(ctx context.Context) {
	ticker := time.NewTicker(checkpointEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := o.directory.Expire(ctx); err != nil && ctx.Err() == nil {
			o.log.Warn("the directory could not forget who has gone for good", "err", err)
		}
		if err := o.shares.Expire(ctx); err != nil && ctx.Err() == nil {
			o.log.Warn("shares of mailboxes that are gone for good could not be forgotten", "err", err)
		}
		if err := o.directory.Checkpoint(ctx); err != nil && ctx.Err() == nil {
			o.log.Warn("the directory could not note how far the log has come", "err", err)
		}
		if err := o.collected.Checkpoint(); err != nil && ctx.Err() == nil {
			o.log.Warn("it could not be noted how far the log has come with what was collected", "err", err)
		}
	}
}

// settle tells the machine what was set up, once. What goes wrong is on the
// machine's side: the office itself is set up.
func (o *Office) settle(ctx context.Context) {
	o.settling.Lock()
	box, setUp := o.directory.Box()
	due := setUp && !time.Now().Before(o.settleFrom)
	o.settling.Unlock()
	if !due {
		return
	}
	if _, err := o.files.Stat(settledFile); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := o.options.Machine.Settle(ctx, box); err != nil {
		o.log.Error("the machine did not take its new name or network", "err", err)
		return
	}
	if err := durable.ReplaceBytes(o.files, settledFile, 0o600, nil); err != nil {
		o.log.Error("it could not be noted that the machine has its name and network", "err", err)
	}
}

// admit tells the machine's packet filter whom to let in, if that is not what it was
// told last: at every start once, since the machine may have been set back meanwhile.
func (o *Office) admit(ctx context.Context, told lan.Admission) lan.Admission {
	now := o.lan.Admission()
	box, _ := o.directory.Box()
	now.ExtraPort = box.SubmissionExtraPort
	if reflect.DeepEqual(now, told) || !now.SetUp || o.answering() {
		return told
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := o.options.Machine.Admit(ctx, now); err != nil {
		o.log.Error("the machine's packet filter was not told whom to let in; it is told again soon", "err", err)
		return told
	}
	return now
}

// answering says whether the page that set the box up still gets its answer over the
// old network: telling the packet filter has the network's settings read anew.
func (o *Office) answering() bool {
	o.settling.Lock()
	defer o.settling.Unlock()
	return time.Now().Before(o.settleFrom)
}

// certify makes a new certificate when the box has a new name or address.
func (o *Office) certify() {
	if err := o.certs.SetIdentity(o.identity()); err != nil {
		o.log.Error("the certificate does not carry the box's names and addresses yet", "err", err)
	}
}

// screen is what the box's screen should show now.
func (o *Office) screen() Screen {
	s := Screen{State: "Everything is running", Hostname: o.hostname(), Fingerprint: o.certs.Fingerprint().String()}
	if !o.isSetUp() {
		s.State, s.Hostname, s.ClaimCode = "Not set up yet", "", o.ClaimCode()
	}
	if list := o.findings(context.Background()); len(list) > 0 && o.isSetUp() {
		s.State = warning(list)
	}
	return s
}

// show reports whether the screen shows it.
func (o *Office) show(ctx context.Context, s Screen) bool {
	if err := o.options.Machine.Show(ctx, s); err != nil {
		o.log.Warn("the screen can't be reached", "err", err)
		return false
	}
	return true
}
