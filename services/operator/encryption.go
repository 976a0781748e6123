package operator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
)

// encryptionState is how the box's disk is encrypted, as the API has it.
type encryptionState struct {
	Encrypted bool   `json:"encrypted"`
	Cipher    string `json:"cipher"`
	Phrase    bool   `json:"phrase"`
	TPM       bool   `json:"tpm"`
}

// encryptionShow says how the disk is encrypted.
func encryptionShow(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		var s encryptionState
		if err := b.do(ctx, http.MethodGet, "/api/encryption", nil, &s); err != nil {
			return err
		}
		switch {
		case !s.Encrypted:
			t.say("the disk is not encrypted; that is chosen when a box is set up")
			return nil
		case s.TPM:
			t.say("the disk is encrypted (%s), and this machine's TPM opens it", s.Cipher)
		default:
			t.say("the disk is encrypted (%s), and its recovery phrase is asked for at each start", s.Cipher)
		}
		if !s.Phrase {
			t.say("nobody has made a recovery phrase: if the machine breaks, the mail is lost (boxctl encryption phrase)")
		}
		return nil
	})
}

// encryptionPhrase makes a recovery phrase, which holds when it was typed back: by somebody, so it wants a terminal.
func encryptionPhrase(ctx context.Context, t *task) error {
	if file, ok := t.In.(*os.File); !ok || !isTerminal(file) {
		return errors.New("a phrase is to be written down and typed back by a person: call this in a terminal")
	}
	return t.onBox(func(b *box) error {
		var s encryptionState
		if err := b.do(ctx, http.MethodGet, "/api/encryption", nil, &s); err != nil {
			return err
		}
		password, err := t.askPassword(ctx, "Password of the administrator whose token this is", false)
		if err != nil {
			return err
		}
		var made struct {
			Phrase string `json:"phrase"`
		}
		if err := b.do(ctx, http.MethodPost, "/api/encryption/phrase", map[string]string{"password": password}, &made); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(t.Err, "Write this down, and keep it where the box is not:\n\n    %s\n\n", made.Phrase)
		typed, err := t.askPassword(ctx, "The phrase, typed back", false)
		if err != nil {
			return err
		}
		keep := map[string]any{"phrase": typed, "password": password, "ask": s.Encrypted && !s.TPM}
		if err := b.do(ctx, http.MethodPut, "/api/encryption/phrase", keep, nil); err != nil {
			return err
		}
		t.say("this phrase opens the disk from now on, and no other")
		return nil
	})
}
