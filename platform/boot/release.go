package boot

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/platform/clock"
	"github.com/sanduk-mail/sanduk/platform/update"
)

// Release says what image the box was started from.
type Release struct {
	Name    string // of the product, as its updates call it
	Version update.Version
	Board   string    // kind of hardware
	Built   time.Time // floor of the clock; zero: unknown
}

// ReadRelease reads the image's os-release file (os-release(5)). With an error, what could be read is returned.
func ReadRelease(name string) (Release, error) {
	r := Release{Name: "unknown", Version: "0.0.0"}
	text, err := os.ReadFile(name)
	if err != nil {
		return r, fmt.Errorf("release: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, `"`)
		switch key {
		case "IMAGE_ID":
			r.Name = value
		case "IMAGE_VERSION":
			r.Version = update.Version(value)
		case "VARIANT_ID":
			r.Board = value
		case "SANDUK_BUILT":
			r.Built = clock.Built(value)
		}
	}
	if err := r.Version.Check(); err != nil {
		return r, fmt.Errorf("release: %s: %w", name, err)
	}
	return r, nil
}
