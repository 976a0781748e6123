package tlscert

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// SettingsFile holds what was decided about certificates: settingsVersion, then JSON.
const SettingsFile = "private/certificate.settings"

const (
	settingsVersion = 1
	maxSettings     = 4 << 10
)

// settings are what is kept.
type settings struct {
	Servers bool `json:"servers"` // see ShowToServers
}

// readSettings gives those of the start where there are none, or damaged ones: port 25
// shows the box's own certificate then, until somebody has looked into DNS again.
func (c *Certificates) readSettings() (settings, error) {
	var s settings
	data, err := durable.ReadFile(c.fs, SettingsFile, maxSettings)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case err != nil && !errors.Is(err, durable.ErrTooLarge):
		return s, fmt.Errorf("tlscert: read settings: %w", err)
	}
	if len(data) == 0 || data[0] != settingsVersion || json.Unmarshal(data[1:], &s) != nil {
		c.log.Error("settings of certificates are damaged, those of the start are taken")
		return settings{}, nil
	}
	return s, nil
}

// writeSettings makes them durable. The caller has mu.
func (c *Certificates) writeSettings(s settings) error {
	text, err := json.Marshal(s)
	if err == nil {
		err = durable.ReplaceBytes(c.fs, SettingsFile, 0o600, append([]byte{settingsVersion}, text...))
	}
	if err != nil {
		return fmt.Errorf("tlscert: write settings: %w", err)
	}
	return nil
}
