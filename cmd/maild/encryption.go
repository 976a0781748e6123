package main

import (
	"context"

	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/services/web"
)

// encryption is PID 1 as the keeper of what is private.
type encryption struct{ pid1 *control.Client }

// encryption returns it, nil on a developer's machine.
func (m *machine) encryption() web.Encryption {
	if m.pid1 == nil {
		return nil
	}
	return encryption{m.pid1}
}

// Encryption asks PID 1.
func (e encryption) Encryption(ctx context.Context) (web.EncryptionState, error) {
	s, err := e.pid1.Vault(ctx)
	return web.EncryptionState{Encrypted: s.Encrypted, Cipher: s.Cipher, Phrase: s.Phrase, TPM: s.TPM, Ask: s.Ask, HasTPM: s.HasTPM}, err
}

// NewPhrase asks PID 1.
func (e encryption) NewPhrase(ctx context.Context) (string, error) { return e.pid1.NewPhrase(ctx) }

// KeepPhrase tells PID 1.
func (e encryption) KeepPhrase(ctx context.Context, phrase string, ask bool) error {
	return inWords(e.pid1.KeepPhrase(ctx, control.PhraseArgs{Phrase: phrase, Ask: ask}))
}

// EncryptAnew tells PID 1.
func (e encryption) EncryptAnew(ctx context.Context, phrase string) error {
	return inWords(e.pid1.EncryptAnew(ctx, phrase))
}

// PlainAnew tells PID 1.
func (e encryption) PlainAnew(ctx context.Context) error { return inWords(e.pid1.PlainAnew(ctx)) }
