package office

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/sanduk-mail/sanduk/services/web"
)

// TestNoPhrase: a disk that only this machine opens is something to be looked at, until there is a phrase.
func TestNoPhrase(t *testing.T) {
	t.Parallel()
	disk := new(fixedDisk)
	o := startOffice(t, t.TempDir(), func(options *Options) { options.Encryption = disk })
	o.setUpNow(t, 0)
	for name, c := range map[string]struct {
		state web.EncryptionState
		err   error
		want  bool
	}{
		"not encrypted": {},
		"no phrase":     {state: web.EncryptionState{Encrypted: true, TPM: true}, want: true},
		"phrase":        {state: web.EncryptionState{Encrypted: true, TPM: true, Phrase: true}},
		"nobody says":   {state: web.EncryptionState{Encrypted: true}, err: errors.New("no")},
	} {
		disk.set(c.state, c.err)
		found := false
		for _, f := range o.findings(t.Context()) {
			found = found || strings.Contains(f.What, "recovery phrase")
		}
		if found != c.want {
			t.Errorf("%s: told %v, want %v", name, found, c.want)
		}
	}
}

// fixedDisk is a web.Encryption that says what it is told to.
type fixedDisk struct {
	mu    sync.Mutex
	state web.EncryptionState
	err   error
}

func (d *fixedDisk) set(state web.EncryptionState, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state, d.err = state, err
}

func (d *fixedDisk) Encryption(context.Context) (web.EncryptionState, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state, d.err
}

func (*fixedDisk) NewPhrase(context.Context) (string, error)      { return "", errors.New("no") }
func (*fixedDisk) KeepPhrase(context.Context, string, bool) error { return errors.New("no") }
func (*fixedDisk) EncryptAnew(context.Context, string) error      { return errors.New("no") }
func (*fixedDisk) PlainAnew(context.Context) error                { return errors.New("no") }
