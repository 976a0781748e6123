package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Encryption is how what is private is encrypted on the box's disk. Errors: a *mail.RuleError, or the box's own trouble.
type Encryption interface {
	Encryption(ctx context.Context) (EncryptionState, error)
	// NewPhrase makes a recovery phrase that opens nothing yet.
	NewPhrase(ctx context.Context) (string, error)
	// KeepPhrase has a phrase open the mail, and no other any more; with ask nothing else does, and it is asked for at
	// each start. It is durable on return.
	KeepPhrase(ctx context.Context, phrase string, ask bool) error
	// EncryptAnew erases what is private and restarts: the box is encrypted from then on, and its phrase is asked for
	// first.
	EncryptAnew(ctx context.Context, phrase string) error
	// PlainAnew erases what is private and restarts: nothing is encrypted from then on.
	PlainAnew(ctx context.Context) error
}

// EncryptionState is how it stands.
type EncryptionState struct {
	Encrypted bool   `json:"encrypted"`
	Cipher    string `json:"cipher,omitempty"`
	Phrase    bool   `json:"phrase"`  // somebody has made a recovery phrase
	TPM       bool   `json:"tpm"`     // the machine's TPM opens the mail
	Ask       bool   `json:"ask"`     // the phrase is asked for at each start
	HasTPM    bool   `json:"has_tpm"` // the machine has one
}

// phraseJSON is a recovery phrase on its way.
type phraseJSON struct {
	Phrase   string `json:"phrase"`
	Password string `json:"password,omitempty"` // of who asks
	Ask      bool   `json:"ask,omitempty"`
}

// getEncryption is GET /api/encryption.
func (s *Server) getEncryption(w http.ResponseWriter, r *http.Request, _ caller) error {
	return s.getSetupEncryption(w, r, caller{})
}

// postPhraseBody is what postPhrase takes.
type postPhraseBody struct {
	Password string `json:"password"`
}

// postPhrase is POST /api/encryption/phrase {"password"}: a new recovery phrase, which is shown this once and opens
// nothing before it was typed back.
func (s *Server) postPhrase(w http.ResponseWriter, r *http.Request, who caller) error {
	var in postPhraseBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if err := s.again(r, who, "password", in.Password); err != nil {
		return err
	}
	return s.postSetupPhrase(w, r, caller{})
}

// putPhrase is PUT /api/encryption/phrase {"phrase", "password", "ask"}: 204. The phrase from before opens nothing any
// more.
func (s *Server) putPhrase(w http.ResponseWriter, r *http.Request, who caller) error {
	var in phraseJSON
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if err := s.again(r, who, "password", in.Password); err != nil {
		return err
	}
	if err := s.keepPhrase(r.Context(), in); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelWarn, "there is a new recovery phrase", slog.Bool("asked_at_each_start", in.Ask), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

func (s *Server) keepPhrase(ctx context.Context, in phraseJSON) error {
	err := s.opt.Encryption.KeepPhrase(ctx, in.Phrase, in.Ask)
	return aboutPhrase(err)
}

// aboutPhrase has what is wrong with a phrase stand at its field.
func aboutPhrase(err error) error {
	if wrong, ok := errors.AsType[*mail.RuleError](err); ok {
		return &Problem{Status: http.StatusUnprocessableEntity, Field: "phrase", Message: wrong.Text, Cause: err}
	}
	return err
}

// getSetupEncryption is GET /api/setup/encryption.
func (s *Server) getSetupEncryption(w http.ResponseWriter, r *http.Request, _ caller) error {
	state, err := s.opt.Encryption.Encryption(r.Context())
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, state)
	return nil
}

// postSetupPhrase is POST /api/setup/encryption/phrase.
func (s *Server) postSetupPhrase(w http.ResponseWriter, r *http.Request, _ caller) error {
	phrase, err := s.opt.Encryption.NewPhrase(r.Context())
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, phraseJSON{Phrase: phrase})
	return nil
}

// putSetupPhrase is PUT /api/setup/encryption/phrase {"phrase", "ask"}: 204 where the disk is encrypted already. Where
// it isn't, 202: the box restarts, and asks for the phrase before it goes on.
func (s *Server) putSetupPhrase(w http.ResponseWriter, r *http.Request, _ caller) error {
	var in phraseJSON
	if err := decode(w, r, &in); err != nil {
		return err
	}
	state, err := s.opt.Encryption.Encryption(r.Context())
	if err != nil {
		return err
	}
	if state.Encrypted {
		if err := s.keepPhrase(r.Context(), in); err != nil {
			return err
		}
		s.reply(w, r, http.StatusNoContent, nil)
		return nil
	}
	if err := s.opt.Encryption.EncryptAnew(r.Context(), in.Phrase); err != nil {
		return aboutPhrase(err)
	}
	s.reply(w, r, http.StatusAccepted, nil)
	return nil
}

// deleteSetupEncryption is DELETE /api/setup/encryption: 202. The box restarts with a disk that is not encrypted.
func (s *Server) deleteSetupEncryption(w http.ResponseWriter, r *http.Request, _ caller) error {
	if err := s.opt.Encryption.PlainAnew(r.Context()); err != nil {
		return err
	}
	s.reply(w, r, http.StatusAccepted, nil)
	return nil
}
