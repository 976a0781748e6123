package control

import "context"

// The verbs about the encryption of what is private.
const (
	VerbVault       Verb = "vault"        // → VaultState
	VerbUnlock      Verb = "unlock"       // PhraseArgs: opens what is encrypted, until the machine ends
	VerbNewPhrase   Verb = "new-phrase"   // → PhraseArgs: one that nothing is sealed by yet
	VerbKeepPhrase  Verb = "keep-phrase"  // PhraseArgs: it opens what is encrypted from now on, and the one before does not
	VerbEncryptAnew Verb = "encrypt-anew" // PhraseArgs: all that is private is erased and encrypted by it at the next start, which is now
	VerbPlainAnew   Verb = "plain-anew"   // all that is private is erased at the next start, which is now, and not encrypted from then on
)

// VaultState is how what is private is encrypted.
type VaultState struct {
	Encrypted bool   `json:"encrypted"`
	Locked    bool   `json:"locked,omitempty"` // nobody can read it before the phrase is typed
	Cipher    string `json:"cipher,omitempty"`
	Phrase    bool   `json:"phrase,omitempty"` // there is a phrase that opens it
	TPM       bool   `json:"tpm,omitempty"`    // this machine's TPM opens it
	Ask       bool   `json:"ask,omitempty"`    // the phrase is asked for at each start
	HasTPM    bool   `json:"has_tpm,omitempty"`
}

// PhraseArgs holds a recovery phrase as it is written down.
type PhraseArgs struct {
	Phrase string `json:"phrase"`
	Ask    bool   `json:"ask,omitempty"` // of VerbKeepPhrase: no TPM opens it, the phrase is asked for at each start
}

// Vault tells how what is private is encrypted.
func (c *Client) Vault(ctx context.Context) (VaultState, error) {
	var s VaultState
	err := c.call(ctx, VerbVault, nil, &s)
	return s, err
}

// Unlock opens what is encrypted with the phrase that somebody typed.
func (c *Client) Unlock(ctx context.Context, phrase string) error {
	return c.call(ctx, VerbUnlock, PhraseArgs{Phrase: phrase}, nil)
}

// NewPhrase makes a phrase. It opens nothing before KeepPhrase.
func (c *Client) NewPhrase(ctx context.Context) (string, error) {
	var a PhraseArgs
	err := c.call(ctx, VerbNewPhrase, nil, &a)
	return a.Phrase, err
}

// KeepPhrase has a phrase open what is encrypted, and no other any more. It is durable on return.
func (c *Client) KeepPhrase(ctx context.Context, a PhraseArgs) error {
	return c.call(ctx, VerbKeepPhrase, a, nil)
}

// EncryptAnew erases all that is private, and restarts: what comes there from then on is encrypted, and the phrase is
// asked for first. It is refused once the box is set up, or a set-up has begun.
func (c *Client) EncryptAnew(ctx context.Context, phrase string) error {
	return c.call(ctx, VerbEncryptAnew, PhraseArgs{Phrase: phrase}, nil)
}

// PlainAnew erases all that is private, and restarts: nothing is encrypted from then on. It is refused like EncryptAnew.
func (c *Client) PlainAnew(ctx context.Context) error {
	return c.call(ctx, VerbPlainAnew, nil, nil)
}
