package image

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"aead.dev/minisign"

	"github.com/sanduk-mail/sanduk/platform/update"
)

// updateLife is how long after its making an update may be installed: long enough for an office that looks once a year,
// and then a stick that lay in a drawer can't bring back old defects.
const updateLife = 2 * 365 * 24 * time.Hour

// Keys are what updates are signed with.
type Keys struct {
	Sign        minisign.PrivateKey
	Development bool // Sign is no release key: the update says so
	// Trusted are the public keys that go into the image, by file name: the one in use and the next one. A box knows the
	// next one long before it is needed.
	Trusted map[string][]byte
}

// DevelopmentKeys returns keys of this checkout's own, which it keeps in dir and makes when there are none. Only images
// built with them take updates that are signed with them.
func DevelopmentKeys(dir string) (Keys, error) {
	k := Keys{Development: true}
	secret := filepath.Join(dir, "development.key")
	text, err := os.ReadFile(secret)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = makeKey(secret)
	}
	if err != nil {
		return k, fmt.Errorf("development key: %w", err)
	}
	if err := k.Sign.UnmarshalText(text); err != nil {
		return k, fmt.Errorf("development key %s: %w", secret, err)
	}
	public, err := k.Sign.Public().(minisign.PublicKey).MarshalText()
	k.Trusted = map[string][]byte{update.DevelopmentKey: public}
	return k, err
}

// makeKey writes a new secret key; when two builds make one at once, both use the first.
func makeKey(name string) ([]byte, error) {
	_, key, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	text, err := key.MarshalText()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(name), "new") // 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(f.Name(), name); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(name)
}

// bundle returns the update.
func (b *builder) bundle(kernel []byte) ([]byte, error) {
	m := update.Manifest{
		Name: b.name(), Board: b.Board.Name, Version: update.Version(b.Version),
		Expires: b.Built.Add(updateLife).UTC(), Schema: b.Schema,
		Development: b.Keys.Development,
	}
	var out bytes.Buffer
	err := update.Create(&out, m, kernel, b.Keys.Sign, b.Built)
	return out.Bytes(), err
}

// addKeys puts the keys that the box trusts into the image.
func (b *builder) addKeys() error {
	for name, key := range b.Keys.Trusted {
		if err := b.tree.AddFile("/etc/sanduk/update-keys/"+name, 0o644, key, ours); err != nil {
			return err
		}
	}
	return nil
}
