package office

import (
	"errors"
	"io/fs"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

const (
	// policiesName is where the relay's MTA-STS policies are, below the data directory.
	policiesName = "mail/mta-sts.json"
	// maxPolicies bounds what is read of it, in bytes.
	maxPolicies = 8 << 20
)

// policies is the relay's file of MTA-STS policies.
type policies struct{ files durable.FS }

// Load gives what was last saved; nothing, if nothing ever was.
func (p policies) Load() ([]byte, error) {
	text, err := durable.ReadFile(p.files, policiesName, maxPolicies)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// Save puts the bytes in place of those.
func (p policies) Save(text []byte) error {
	return durable.ReplaceBytes(p.files, policiesName, 0o600, text)
}
