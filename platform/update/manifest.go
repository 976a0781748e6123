package update

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Format is the only form of manifest that there is.
const Format = 1

// maxManifest bounds manifest and signature, in bytes.
const maxManifest = 16 << 10

// MaxKernel bounds a kernel image, in bytes: the budget of the image build and half as much.
const MaxKernel = 60 << 20

// Manifest says what an update is. The JSON names are the format's.
type Manifest struct {
	Format  int     `json:"format"`
	Name    string  `json:"name"`  // the product: "sanduk"
	Board   string  `json:"board"` // the hardware it is for
	Version Version `json:"version"`
	File    string  `json:"file"` // the kernel image's name in the update and on the boot partition
	Size    int64   `json:"size"` // in bytes
	SHA256  string  `json:"sha256"`
	// Expires is when the signature ends to count: an old update that somebody kept can't be offered for ever.
	Expires time.Time `json:"expires"`
	// From is the oldest version that may be updated to this one at once, "" any.
	From Version `json:"from,omitempty"`
	// Floor is the lowest version that may run once this one is blessed, "" as before.
	Floor  Version `json:"floor,omitempty"`
	Schema Schema  `json:"schema"`
	// Development is true when no release key signed it.
	Development bool `json:"development,omitempty"`
}

// Schema is which forms of the data a version knows.
type Schema struct {
	Reads  int `json:"reads"`  // the oldest that it can read
	Writes int `json:"writes"` // the newest that it can read, and what it writes when it may
}

// Can says whether data of form n can be used.
func (s Schema) Can(n int) bool { return s.Reads <= n && n <= s.Writes }

// parseManifest reads a manifest and checks that it makes sense in itself.
func parseManifest(text []byte) (*Manifest, error) {
	m := new(Manifest)
	// Unknown fields are left alone: a later builder may add what this version need not know; what it must know comes
	// with another Format.
	if err := json.Unmarshal(text, m); err != nil {
		return nil, err
	}
	if m.Format != Format {
		return nil, fmt.Errorf("manifest: format %d is not known", m.Format)
	}
	if err := m.Version.Check(); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	for _, v := range []Version{m.From, m.Floor} {
		if v != "" && v.Check() != nil {
			return nil, fmt.Errorf("manifest: %w", v.Check())
		}
	}
	sum, err := hex.DecodeString(m.SHA256)
	switch {
	case m.File != FileName(m.Version):
		return nil, fmt.Errorf("manifest: file %q does not fit version %s", m.File, m.Version)
	case m.Size <= 0 || m.Size > MaxKernel:
		return nil, fmt.Errorf("manifest: size %d", m.Size)
	case err != nil || len(sum) != 32:
		return nil, fmt.Errorf("manifest: sha256 %q", m.SHA256)
	case m.Schema.Reads < 1 || m.Schema.Writes < m.Schema.Reads:
		return nil, fmt.Errorf("manifest: schema %+v", m.Schema)
	case m.Floor != "" && m.Floor.Compare(m.Version) > 0:
		return nil, fmt.Errorf("manifest: floor %s is above the version", m.Floor)
	}
	return m, nil
}

// Box is what an update is judged by.
type Box struct {
	Name, Board string
	Running     Version
	Now         time.Time
	State       State
}

// Judge says whether a box may install what m describes.
func (b *Box) Judge(m *Manifest) error {
	switch {
	case m.Name != b.Name:
		return &Error{Reason: Foreign, Text: fmt.Sprintf("This is an update for %q, and this box is %q.", m.Name, b.Name)}
	case m.Board != b.Board:
		return &Error{Reason: Foreign, Text: fmt.Sprintf("This update is for another kind of machine (%s); this one is %s. Get the update for it.", m.Board, b.Board)}
	case !m.Expires.After(b.Now):
		return &Error{Reason: Expired, Text: fmt.Sprintf("This update could be installed until %s, and the box's clock says %s. Get a newer one; if the clock is wrong, set it first.",
			m.Expires.Format(time.DateOnly), b.Now.Format(time.DateOnly))}
	case m.Version.Compare(b.Running) == 0:
		return &Error{Reason: Downgrade, Text: fmt.Sprintf("Version %s runs already.", b.Running)}
	case m.Version.Compare(b.Running) < 0:
		return &Error{Reason: Downgrade, Text: fmt.Sprintf("This is version %s, and %s, which is newer, runs already. To go back, choose the previous version.", m.Version, b.Running)}
	case b.State.Floor != "" && m.Version.Compare(b.State.Floor) < 0:
		return &Error{Reason: Downgrade, Text: fmt.Sprintf("Versions before %s can't be used on this box any more.", b.State.Floor)}
	case m.From != "" && b.Running.Compare(m.From) < 0:
		return &Error{Reason: TooNew, Text: fmt.Sprintf("Version %s can be installed from %s on, and %s runs. Install %s first.", m.Version, m.From, b.Running, m.From)}
	case !m.Schema.Can(b.State.schema()):
		return &Error{Reason: Foreign, Text: fmt.Sprintf("Version %s can't read the mail in the form in which this box keeps it. Get another version.", m.Version)}
	}
	return nil
}
