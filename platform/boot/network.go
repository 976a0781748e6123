package boot

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/platform/netconf"
)

const (
	// trialTime is how long network settings are tried before those from before come back:
	// a person has to find the box at its new address and say so.
	trialTime = 90 * time.Second

	// previousNetworkFile holds the settings to go back to. It is there exactly as long as
	// nobody has said that those of networkFile work: a box that starts and finds it goes
	// back.
	previousNetworkFile = "network.before.json"

	maxNetworkFile = 64 << 10 // bytes; what ParseConfig takes is shorter
)

// network are the network settings on the data disk, which may be on trial.
type network struct {
	fs     durable.FS
	reload func() error // has the network's service read them
	log    *slog.Logger
	stays  func() // told that settings are to stay; must not block

	mu       sync.Mutex  // guards all below
	trial    *time.Timer // nil: none
	trials   int         // begun so far; a timer that comes too late knows by it that another has begun
	until    time.Time
	wentBack bool // the last ones were not confirmed
}

// openNetwork returns the settings; what was on trial when the power went is taken back.
func openNetwork(fsys durable.FS, reload func() error, log *slog.Logger) (*network, error) {
	n := &network{fs: fsys, reload: reload, log: log, stays: func() {}}
	_, err := fsys.Stat(previousNetworkFile)
	if errors.Is(err, fs.ErrNotExist) {
		return n, nil
	}
	if err == nil {
		err = n.restore()
	}
	return n, err
}

// set takes settings for good: at the set-up, where somebody stands beside the box.
func (n *network) set(settings []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.store(settings); err != nil {
		return err
	}
	n.log.Info("network settings changed")
	return n.reload()
}

// setLater takes settings for good, from the next start on: who set them is still to be answered over the old ones.
func (n *network) setLater(settings []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.store(settings)
}

// store has settings on the disk for good. The caller holds mu.
func (n *network) store(settings []byte) error {
	if err := durable.ReplaceBytes(n.fs, networkFile, 0o644, settings); err != nil {
		return err
	}
	if err := n.settle(); err != nil {
		return err
	}
	n.stays()
	return nil
}

// try takes settings for trialTime. What is on trial already is not what comes back, and
// the time begins anew.
func (n *network) try(settings []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, err := n.fs.Stat(previousNetworkFile)
	if errors.Is(err, fs.ErrNotExist) {
		var before []byte
		if before, err = n.read(); err == nil {
			err = durable.ReplaceBytes(n.fs, previousNetworkFile, 0o644, before)
		}
	}
	if err != nil {
		return err
	}
	if err := durable.ReplaceBytes(n.fs, networkFile, 0o644, settings); err != nil {
		return err
	}
	n.stopTrial()
	n.wentBack, n.until = false, time.Now().Add(trialTime)
	n.trials++
	number := n.trials
	n.trial = time.AfterFunc(trialTime, func() { n.expire(number) })
	n.log.Info("network settings are on trial", "for", trialTime)
	return n.reload()
}

// keep ends the trial: the settings work.
func (n *network) keep() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.trial == nil {
		if n.wentBack {
			return control.Invalid("the time was over: the network settings are those from before again")
		}
		return nil
	}
	if err := n.settle(); err != nil {
		return err
	}
	n.log.Info("network settings confirmed")
	n.stays()
	return nil
}

// expire goes back at the end of the trial with that number, unless it has ended meanwhile.
func (n *network) expire(number int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.trial == nil || n.trials != number {
		return
	}
	if err := n.restore(); err != nil {
		n.log.Error("the network settings from before could not be brought back; the next start does", "err", err)
		return
	}
	n.log.Warn("network settings were not confirmed: those from before are back")
	if err := n.reload(); err != nil {
		n.log.Error("the network was not told", "err", err)
	}
}

// restore brings back what was before. The caller holds mu, if anybody else can come.
func (n *network) restore() error {
	before, err := durable.ReadFile(n.fs, previousNetworkFile, maxNetworkFile)
	if err != nil {
		return err
	}
	if err := durable.ReplaceBytes(n.fs, networkFile, 0o644, before); err != nil {
		return err
	}
	if err := n.settle(); err != nil {
		return err
	}
	n.wentBack = true
	return nil
}

// settle notes durably that the settings are to stay. The caller holds mu.
func (n *network) settle() error {
	err := n.fs.Remove(previousNetworkFile)
	switch {
	case err == nil:
		err = n.fs.SyncDir(".")
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	if err == nil {
		n.wentBack = false
		n.stopTrial()
	}
	return err
}

func (n *network) stopTrial() {
	if n.trial != nil {
		n.trial.Stop()
	}
	n.trial = nil
}

// read gives the settings as they stand on the disk; a box that has none asks for its
// addresses.
func (n *network) read() ([]byte, error) {
	data, err := durable.ReadFile(n.fs, networkFile, maxNetworkFile)
	if errors.Is(err, fs.ErrNotExist) {
		return json.Marshal(map[string]string{"mode": string(netconf.ModeDHCP)})
	}
	return data, err
}

// state is what the pages show.
func (n *network) state() (control.NetworkState, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	settings, err := n.read()
	s := control.NetworkState{Network: settings, WentBack: n.wentBack}
	if n.trial != nil {
		s.TrialMS = max(0, time.Until(n.until).Milliseconds())
	}
	return s, err
}

// verbNetwork takes network settings, for good or on trial.
func (m *Machine) verbNetwork(_ context.Context, raw json.RawMessage) (any, error) {
	var args control.NetworkArgs
	if err := control.Strict(raw, &args); err != nil {
		return nil, err
	}
	if _, err := netconf.ParseConfig(args.Network); err != nil {
		return nil, control.Invalid("%v", err)
	}
	switch {
	case m.network == nil:
		return nil, errNoData
	case args.Trial && args.Later:
		return nil, control.Invalid("network: what is tried is tried now")
	case args.Trial:
		return nil, m.network.try(args.Network)
	case args.Later:
		return nil, m.network.setLater(args.Network)
	}
	return nil, m.network.set(args.Network)
}

func (m *Machine) verbKeepNetwork(context.Context, json.RawMessage) (any, error) {
	if m.network == nil {
		return nil, errNoData
	}
	return nil, m.network.keep()
}

func (m *Machine) verbNetworkState(context.Context, json.RawMessage) (any, error) {
	if m.network == nil {
		return nil, errNoData
	}
	return m.network.state()
}
