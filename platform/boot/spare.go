package boot

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/platform/netconf"
)

// keepSpare copies the network settings to the boot partition, where a box that can't use
// its data disk finds them. What is the same is not written: that partition has no journal.
func (m *Machine) keepSpare(ctx context.Context) {
	if m.boxFS == nil || m.espDevice == "" {
		return
	}
	settings, err := m.network.read()
	if err != nil {
		m.log.Warn("network settings not read", "err", err)
		return
	}
	m.espMu.Lock()
	defer m.espMu.Unlock()
	if !spareIsOld(readSpare(), settings) {
		return
	}
	err = m.tools.ChangeESP(ctx, m.espDevice, espDir, func() error {
		return withESP(func(esp durable.FS) error { return durable.ReplaceBytes(esp, networkFile, 0o644, settings) })
	})
	if err != nil {
		m.log.Warn("a copy of the network settings for recovery was not written", "err", err)
		return
	}
	m.say("network settings kept for recovery")
}

// readSpare returns the copy, nil where there is none that makes sense.
func readSpare() []byte {
	text, err := os.ReadFile(filepath.Join(espDir, networkFile))
	if err != nil || len(text) > maxNetworkFile {
		return nil
	}
	if _, err := netconf.ParseConfig(text); err != nil {
		return nil
	}
	return text
}

// spareIsOld says whether the copy has to be written. A box that asks the network for
// everything needs none.
func spareIsOld(spare, settings []byte) bool {
	if spare == nil {
		var plain bytes.Buffer
		return json.Compact(&plain, settings) != nil || plain.String() != `{"mode":"`+string(netconf.ModeDHCP)+`"}`
	}
	return !bytes.Equal(spare, settings)
}
