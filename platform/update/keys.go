package update

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"aead.dev/minisign"
)

// DevelopmentKey is the file name of the key that signs what is no release. An image that trusts it says so.
const DevelopmentKey = "development.pub"

// maxKeys: the one in use, the next one, and on a developer's box its own.
const maxKeys = 3

// Key is a public key that updates are signed with.
type Key struct {
	Name        string // its file's: "active", "next", "development"
	Public      minisign.PublicKey
	Development bool
}

// ReadKeys reads the keys in a directory: all files *.pub, in minisign's form. None is an error: such a box could never
// be updated.
func ReadKeys(dir fs.FS) ([]Key, error) {
	names, err := fs.Glob(dir, "*.pub")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 || len(names) > maxKeys {
		return nil, fmt.Errorf("update: %d keys, want 1 to %d", len(names), maxKeys)
	}
	keys := make([]Key, 0, len(names))
	for _, name := range names {
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, fmt.Errorf("update: key: %w", err)
		}
		k := Key{Name: name[:len(name)-len(path.Ext(name))], Development: name == DevelopmentKey}
		if err := k.Public.UnmarshalText(text); err != nil {
			return nil, fmt.Errorf("update: key %s: %w", name, err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// errNoKey is the cause when no key of the box made the signature.
var errNoKey = errors.New("the signature is by no key of this box")

// verify returns the key that signed the message.
func verify(keys []Key, message, signature []byte) (Key, error) {
	for _, k := range keys {
		if minisign.Verify(k.Public, message, signature) {
			return k, nil
		}
	}
	return Key{}, errNoKey
}
