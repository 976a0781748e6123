package boot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/platform/disk"
	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/platform/supervise"
	"github.com/sanduk-mail/sanduk/platform/update"
)

// updates is the part of the machine that changes which version starts.
type updates struct {
	m    *Machine
	keys []update.Key

	sticks   atomic.Bool // the start is over, and sticks are looked at
	stickMu  sync.Mutex  // held while a stick is mounted; taken before mu
	mu       sync.Mutex  // guards all below
	state    update.State
	usable   bool // the state was read, and the version that runs stands on the boot partition
	rescued  bool // the box is in recovery, and state is the best that could be read
	onTrial  bool
	previous update.Version
	now      control.Update // State, Version and Problem of what was asked for
	busy     bool           // an installation is under way
}

// openUpdates reads what is known, and notes what became of an update. A box that can't tell goes on without updates:
// mail is served.
func (m *Machine) openUpdates(context.Context) error {
	m.updates.onTrial = counted(countVariable, m.cfg.Release.Version)
	if m.updates.onTrial {
		m.say("version %s is on trial", m.cfg.Release.Version)
	}
	m.lookSecureBoot()
	err := m.updates.load()
	var refused *disk.RecoveryError
	if errors.As(err, &refused) {
		return err
	}
	if err != nil {
		m.log.Error("no updates in this run", "err", err)
	}
	return nil
}

// countVariable is there when the loader has counted a try, and names the file (Boot Loader Interface). That the version
// is on trial must be known even where no disk is.
const countVariable = "/sys/firmware/efi/efivars/LoaderBootCountPath-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

// counted says whether this version's try was counted. Where the firmware refused another version and went on to its
// next entry by itself, the variable still names that one.
func counted(variable string, running update.Version) bool {
	data, err := os.ReadFile(variable)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	file := loaderText(data)
	e, ok := update.ParseEntry(file[strings.LastIndexByte(file, '\\')+1:])
	return !ok || e.Version == running // who can't be understood is better proved once too often
}

func (u *updates) load() error {
	keys, err := update.ReadKeys(u.m.cfg.Keys)
	if err != nil {
		return err
	}
	if u.m.boxFS == nil || u.m.espDevice == "" {
		return errors.New("no data disk, or no boot partition")
	}
	<-u.m.espRead // mounted beside the data disk
	state, err := u.readState()
	if err != nil {
		return err
	}
	list, err := listVersions()
	if err != nil {
		return err
	}
	running := u.m.cfg.Release.Version
	_, found := update.Running(list, running)
	if state.Settle(list, running, time.Now()) {
		last := state.Outcomes[len(state.Outcomes)-1]
		u.m.log.Info("update ended", "from", last.From, "to", last.To, "well", last.Blessed, "reason", last.Reason)
		if err := state.Write(u.m.boxFS); err != nil {
			return err
		}
	}
	if err := u.admit(&state); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.keys, u.state, u.usable = keys, state, found
	u.note(list)
	return nil
}

// loadForRescue reads what is known of the versions without relying on the data disk: for a
// way back, and nothing else.
func (u *updates) loadForRescue() {
	if u.m.espDevice == "" {
		return
	}
	<-u.m.espRead
	state, err := u.stateForRescue()
	if err != nil {
		u.m.log.Warn("what was known of the versions can't be read", "err", err)
		state = update.State{}
	}
	list, err := listVersions()
	if err != nil {
		u.m.log.Warn("boot partition not read", "err", err)
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.state, u.rescued = state, true
	u.note(list)
}

// stateForRescue is the data disk's where that is in use, else what the boot partition has
// from before a factory reset.
func (u *updates) stateForRescue() (state update.State, err error) {
	if u.m.boxFS != nil {
		return update.ReadState(u.m.boxFS)
	}
	err = withESP(func(esp durable.FS) (err error) {
		state, err = update.ReadState(esp)
		return err
	})
	return state, err
}

// admit sees to it that this version may touch the data, and that the disk says in which form it leaves them.
func (u *updates) admit(state *update.State) error {
	changed, err := state.Admit(u.m.cfg.Release.Version, u.m.cfg.Schema, u.onTrial)
	var refused *update.Error
	if errors.As(err, &refused) {
		return &disk.RecoveryError{Fault: disk.FaultNewer, Text: refused.Text, Err: err}
	}
	if err != nil || !changed {
		return err
	}
	return state.Write(u.m.boxFS)
}

// readState reads what is known of the versions: from the data disk, or, behind a factory
// reset, from the boot partition.
func (u *updates) readState() (update.State, error) {
	known, err := update.Known(u.m.boxFS)
	if known || err != nil {
		return update.ReadState(u.m.boxFS)
	}
	var state update.State
	err = withESP(func(esp durable.FS) (err error) {
		if known, err = update.Known(esp); known {
			state, err = update.ReadState(esp)
		}
		return err
	})
	switch {
	case err != nil:
		u.m.log.Warn("what was known of the versions before the reset is lost", "err", err)
	case known:
		u.m.log.Info("what was known of the versions comes from before a factory reset")
		return state, state.Write(u.m.boxFS)
	}
	return update.ReadState(u.m.boxFS)
}

// note remembers where the box could go back to. The caller holds mu.
func (u *updates) note(list []update.Entry) {
	u.previous = ""
	if e, err := u.state.Previous(list, u.m.cfg.Release.Version); err == nil {
		u.previous = e.Version
	}
}

func listVersions() ([]update.Entry, error) {
	esp, err := durable.NewOS(espDir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = esp.Close() }() // only read from
	return update.List(esp)
}

// change calls fn while the boot partition can be written.
func (u *updates) change(ctx context.Context, fn func(esp durable.FS) error) error {
	u.m.espMu.Lock()
	defer u.m.espMu.Unlock()
	return u.m.tools.ChangeESP(ctx, u.m.espDevice, espDir, func() error { return withESP(fn) })
}

func withESP(fn func(esp durable.FS) error) error {
	esp, err := durable.NewOS(espDir)
	if err != nil {
		return err
	}
	return errors.Join(fn(esp), esp.Close())
}

// status is what the control socket tells.
func (u *updates) status() control.Update {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.now
	s.OnTrial, s.Previous, s.Schema = u.onTrial, string(u.previous), u.schema()
	for _, k := range u.keys {
		s.Keys = append(s.Keys, k.Name)
	}
	if n := len(u.state.Outcomes); n > 0 {
		o := u.state.Outcomes[n-1]
		s.Last = &control.Outcome{Time: o.Time, From: string(o.From), To: string(o.To), Well: o.Blessed, Reason: o.Reason}
	}
	return s
}

// schema is the form of the data that the services may write: the one that the disk speaks of, which the blessing raises,
// and where nothing is known the first. The caller holds mu.
func (u *updates) schema() int { return max(u.state.Schema, update.FirstSchema) }

func (m *Machine) verbUpdate(context.Context, json.RawMessage) (any, error) {
	return nil, asked(m.updates.install())
}

func (m *Machine) verbGoBack(ctx context.Context, _ json.RawMessage) (any, error) {
	v, err := m.updates.goBack(ctx)
	return control.GoBackReply{Version: string(v)}, asked(err)
}

// asked makes of an update's error what the peer is told.
func asked(err error) error {
	if refused, ok := errors.AsType[*update.Error](err); ok {
		return control.Invalid("%s", refused.Text)
	}
	return err
}

// errBusy and the other refusals that have nothing to do with the update itself.
var (
	errBusy     = control.Invalid("an update is being installed already")
	errTrial    = control.Invalid("the version that runs is on trial; wait until it has proved itself, some minutes after the start")
	errNoUpdate = control.Invalid("this box wasn't started from its boot partition, or its data disk isn't in use: restart it first")
)

// install judges the update that maild offers and begins to write it.
func (u *updates) install() error {
	f, err := openOffered(control.UpdateFile)
	if err != nil {
		return err
	}
	err = u.begin(f, func(*update.Bundle) bool { return true }, func() { u.close(f) })
	if err != nil {
		u.close(f)
	}
	return err
}

// errUnwanted is for an update that nobody has asked for a second time.
var errUnwanted = errors.New("update: not wanted")

// begin judges the update in f, and begins to write it if it is wanted; done is called when f is not needed any more,
// unless begin returns an error.
func (u *updates) begin(f *os.File, wanted func(*update.Bundle) bool, done func()) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	b, err := update.Open(f, u.keys)
	switch {
	case err == nil && !wanted(b):
		return errUnwanted
	case !u.usable:
		return errNoUpdate
	case u.busy:
		return errBusy
	case u.onTrial:
		return errTrial
	}
	if err == nil {
		box := update.Box{
			Name: u.m.cfg.Release.Name, Board: u.m.cfg.Release.Board, Running: u.m.cfg.Release.Version,
			Now: time.Now(), State: u.state,
		}
		err = box.Judge(&b.Manifest)
	}
	if err != nil {
		u.m.log.Warn("update refused", "err", err)
		return err
	}
	u.busy = true
	u.now = control.Update{State: control.UpdateInstalling, Version: string(b.Manifest.Version)}
	u.m.log.Info("update is being installed", "version", b.Manifest.Version, "key", b.Key.Name)
	u.m.spawn(func() {
		err := u.write(b)
		done()
		u.written(err)
	})
	return nil
}

// openOffered opens the file that maild has put there: a plain one, and no link out of its directory.
func openOffered(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, control.Invalid("no update was offered")
	}
	if err != nil {
		return nil, fmt.Errorf("update: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("update: %s is no file", name)
	}
	if err != nil {
		_ = f.Close() // only read from
		return nil, err
	}
	return f, nil
}

// close is for the offered file: it has served, and is as large as a thousand letters.
func (u *updates) close(f *os.File) {
	_ = f.Close() // only read from
	if err := os.Remove(f.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		u.m.log.Warn("offered update not removed", "err", err)
	}
}

// write brings the update onto the boot partition.
func (u *updates) write(b *update.Bundle) error {
	ctx := context.Background() // begun is finished: a half-written one would only be removed
	running := u.m.cfg.Release.Version
	err := u.change(ctx, func(esp durable.FS) error {
		return update.Stage(esp, b, running, func() (int64, error) {
			_, free, err := space(espDir)
			return free, err
		})
	})
	if err != nil {
		return err
	}
	u.m.espMu.Lock()
	err = withESP(func(esp durable.FS) error { return update.Confirm(esp, &b.Manifest) })
	u.m.espMu.Unlock()
	if err != nil {
		return err
	}
	u.mu.Lock()
	state := u.state
	u.mu.Unlock()
	state.Know(running, u.m.cfg.Schema)
	state.Begin(&b.Manifest, running, time.Now())
	if err := state.Write(u.m.boxFS); err != nil {
		return err
	}
	err = u.change(ctx, func(esp durable.FS) error { return update.Commit(esp, &b.Manifest) })
	if err != nil {
		return err
	}
	u.mu.Lock()
	u.state = state
	u.mu.Unlock()
	return nil
}

// written notes how writing ended.
func (u *updates) written(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.busy = false
	if err == nil {
		u.now.State = control.UpdateInstalled
		u.m.log.Info("update installed; the next start tries it", "version", u.now.Version)
		u.m.say("update %s installed", u.now.Version)
		return
	}
	u.m.log.Error("update not installed", "version", u.now.Version, "err", err)
	u.now.State, u.now.Problem = control.UpdateRefused, "The update could not be installed; the box's log says why."
	if refused, ok := errors.AsType[*update.Error](err); ok {
		u.now.Problem = refused.Text
	}
	u.m.say("update %s refused: %s", u.now.Version, u.now.Problem)
}

// goBack makes the previous version the next to start.
func (u *updates) goBack(ctx context.Context) (update.Version, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case !u.usable && !u.rescued:
		return "", errNoUpdate
	case u.busy:
		return "", errBusy
	}
	var to update.Version
	state := u.state
	err := u.change(ctx, func(esp durable.FS) (err error) {
		box := u.m.boxFS
		if box == nil {
			box = esp // as before a factory reset: the data disk's own word counts as soon as it can be read
		}
		to, err = update.GoBack(esp, box, &state, u.m.cfg.Release.Version, time.Now())
		return err
	})
	if err != nil {
		return "", err
	}
	u.state = state
	u.m.log.Info("the previous version starts next", "version", to)
	return to, nil
}

// The gate that a version on trial has to pass: every port has given its answer, and for so long no service that must
// run has ended.
const (
	proveFor   = 60 * time.Second
	provePause = time.Second
	// proveWithin is for slow machines that check a large disk and read a large log first. Then the machine restarts,
	// and the loader counts: the third time it returns to the version before.
	proveWithin = 10 * time.Minute
)

// prove blesses the version that runs, once it has shown that it works, or restarts the machine.
func (u *updates) prove(ctx context.Context) {
	u.mu.Lock()
	trial, usable := u.onTrial, u.usable
	u.mu.Unlock()
	if !trial {
		u.tidy(ctx, usable)
		u.lookAtSticks()
		return
	}
	if !u.m.recovering() {
		u.m.safe.wait(ctx) // nobody can answer before
	}
	err := u.watch(ctx)
	if err == nil && !usable {
		err = errNoUpdate
	}
	if err != nil {
		if ctx.Err() == nil {
			u.m.say("version %s doesn't prove itself: %v", u.m.cfg.Release.Version, err)
			u.m.request(Reboot, "the version on trial doesn't prove itself: "+err.Error())
		}
		return
	}
	u.mu.Lock()
	state := u.state
	u.mu.Unlock()
	running := u.m.cfg.Release.Version
	err = u.change(ctx, func(esp durable.FS) error { return update.Bless(esp, u.m.boxFS, &state, running, time.Now()) })
	if err != nil {
		u.m.log.Error("version not blessed; tried again at the next start", "err", err)
		return
	}
	u.mu.Lock()
	u.state, u.onTrial = state, false
	u.mu.Unlock()
	u.m.log.Info("version blessed", "version", running)
	u.m.say("version %s blessed", running)
	u.tidy(ctx, true)
}

// watch returns nil when the services have answered and then run for proveFor.
func (u *updates) watch(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, proveWithin, errors.New("it takes too long"))
	defer cancel()
	tick := time.NewTicker(provePause)
	defer tick.Stop()
	var since time.Time
	starts := map[string]int{}
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case now := <-tick.C:
			if err := u.m.failing(); err != nil {
				return err
			}
			if !u.m.healthy(starts) {
				since = time.Time{}
				continue
			}
			if since.IsZero() {
				since = now
			}
			if now.Sub(since) >= proveFor {
				return nil
			}
		}
	}
}

// failing says that a start has failed for good: waiting would not help.
func (m *Machine) failing() error {
	for _, s := range m.supervisor.Status() {
		if s.Required && s.Degraded {
			return fmt.Errorf("%s ends again and again (%s)", s.Unit, s.LastEnd)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.problem != nil:
		return errors.New("the box came up in recovery")
	case m.answered && m.silent != nil:
		return m.silent
	}
	return nil
}

// healthy says that every port has answered and every required service runs, and has since the last call: starts
// remembers how often each was started.
func (m *Machine) healthy(starts map[string]int) bool {
	m.mu.Lock()
	ok := m.answered && m.silent == nil
	m.mu.Unlock()
	for _, s := range m.supervisor.Status() {
		if !s.Required {
			continue
		}
		if s.Starts != starts[string(s.Unit)] {
			starts[string(s.Unit)] = s.Starts
			ok = false
		}
		ok = ok && !s.Degraded && s.State == supervise.Ready
	}
	return ok
}

// tidy removes what a power cut left on the boot partition, reads anew where the box could go back to, and has the
// firmware know the way back.
func (u *updates) tidy(ctx context.Context, usable bool) {
	if !usable {
		return
	}
	if err := u.m.keepBootEntries(); err != nil {
		u.m.log.Warn("boot entries of the firmware not kept; a damaged update may need a person", "err", err)
	}
	untidy := false
	u.m.espMu.Lock()
	err := withESP(func(esp durable.FS) (err error) {
		untidy, err = update.Untidy(esp)
		return err
	})
	u.m.espMu.Unlock()
	if err == nil && untidy {
		err = u.change(ctx, func(esp durable.FS) error { return update.Tidy(esp, u.m.cfg.Release.Version) })
	}
	if err != nil {
		u.m.log.Error("boot partition not tidied", "err", err)
		return
	}
	u.m.espMu.Lock()
	list, err := listVersions()
	u.m.espMu.Unlock()
	if err != nil {
		u.m.log.Error("boot partition not read", "err", err)
		return
	}
	u.mu.Lock()
	u.note(list)
	u.mu.Unlock()
}
