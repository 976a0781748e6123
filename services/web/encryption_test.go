package web

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// testEncryption is a disk that the API can be tried on.
type testEncryption struct {
	state EncryptionState
	kept  []string
	anew  string
	plain bool
}

const testPhrase = "K7QH 04F2 ABC1 9XYZ 8WVN 33TT 5PQR 6MNP"

func (e *testEncryption) Encryption(context.Context) (EncryptionState, error) { return e.state, nil }
func (e *testEncryption) NewPhrase(context.Context) (string, error)           { return testPhrase, nil }

func (e *testEncryption) check(phrase string) error {
	if phrase != testPhrase {
		return &mail.RuleError{Text: "Group 2 is not as it was written down."}
	}
	return nil
}

func (e *testEncryption) KeepPhrase(_ context.Context, phrase string, ask bool) error {
	if err := e.check(phrase); err != nil {
		return err
	}
	e.kept = append(e.kept, phrase)
	e.state.Phrase, e.state.Ask, e.state.TPM = true, ask, !ask
	return nil
}

func (e *testEncryption) EncryptAnew(_ context.Context, phrase string) error {
	if err := e.check(phrase); err != nil {
		return err
	}
	e.anew = phrase
	return nil
}

func (e *testEncryption) PlainAnew(context.Context) error {
	if !e.state.Encrypted {
		return &mail.RuleError{Text: "nothing is encrypted"}
	}
	e.plain = true
	return nil
}

// TestEncryption: a new phrase takes the password twice, is kept when it was typed back, and stands nowhere else.
func TestEncryption(t *testing.T) {
	t.Parallel()
	e := &testEncryption{state: EncryptionState{Encrypted: true, Cipher: "aes-256", TPM: true, HasTPM: true}}
	b := setUpBox(t, func(o *Options) { o.Encryption = e })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	for _, r := range [][2]string{{"GET", "/api/encryption"}, {"POST", "/api/encryption/phrase"}, {"PUT", "/api/encryption/phrase"}} {
		b.want(b.do(r[0], r[1], "{}"), http.StatusUnauthorized, "")
		b.want(b.do(r[0], r[1], "{}", alice...), http.StatusForbidden, "")
	}
	for _, r := range [][2]string{{"GET", "/api/setup/encryption"}, {"POST", "/api/setup/encryption/phrase"}, {"PUT", "/api/setup/encryption/phrase"}} {
		if got := b.do(r[0], r[1], `{"phrase":"`+testPhrase+`"}`, append(admin, "Authorization", "Claim x-y-z-1")...); got.Code/100 != 4 {
			t.Errorf("%s %s on a box that is set up: %d", r[0], r[1], got.Code)
		}
	}
	if got := strings.TrimSpace(b.do("GET", "/api/encryption", "", admin...).Body.String()); got != `{"encrypted":true,"cipher":"aes-256","phrase":false,"tpm":true,"ask":false,"has_tpm":true}` {
		t.Errorf("state %s", got)
	}
	b.want(b.do("POST", "/api/encryption/phrase", `{"password":"another"}`, admin...), http.StatusForbidden, "password")
	if got := strings.TrimSpace(b.do("POST", "/api/encryption/phrase", `{"password":"a long enough one"}`, admin...).Body.String()); got != `{"phrase":"`+testPhrase+`"}` {
		t.Errorf("phrase %s", got)
	}
	b.want(b.do("PUT", "/api/encryption/phrase", `{"phrase":"`+testPhrase+`","password":"another"}`, admin...), http.StatusForbidden, "password")
	b.want(b.do("PUT", "/api/encryption/phrase", `{"phrase":"AAAA","password":"a long enough one"}`, admin...), http.StatusUnprocessableEntity, "phrase")
	if len(e.kept) != 0 {
		t.Fatalf("kept %q before it was typed back", e.kept)
	}
	b.want(b.do("PUT", "/api/encryption/phrase", `{"phrase":"`+testPhrase+`","password":"a long enough one","ask":true}`, admin...), http.StatusNoContent, "")
	if len(e.kept) != 1 || !e.state.Ask {
		t.Errorf("kept %q, %+v", e.kept, e.state)
	}
}

// TestEncryptionInSetUp: whoever has the code confirms the phrase of a disk that is encrypted, or chooses that it be.
func TestEncryptionInSetUp(t *testing.T) {
	t.Parallel()
	for name, state := range map[string]EncryptionState{"encrypted": {Encrypted: true, TPM: true}, "not yet": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := &testEncryption{state: state}
			b := newBox(t, func(o *Options) { o.Encryption = e })
			claim := []string{"Authorization", "Claim " + b.claim.String()}
			for _, r := range [][2]string{{"GET", "/api/setup/encryption"}, {"POST", "/api/setup/encryption/phrase"}, {"PUT", "/api/setup/encryption/phrase"}} {
				if got := b.do(r[0], r[1], `{"phrase":"`+testPhrase+`"}`); got.Code/100 != 4 {
					t.Errorf("%s %s without the code: %d", r[0], r[1], got.Code)
				}
			}
			if len(e.kept) != 0 || e.anew != "" {
				t.Fatal("something was done without the code")
			}
			b.want(b.do("GET", "/api/setup/encryption", "", claim...), http.StatusOK, "")
			b.want(b.do("POST", "/api/setup/encryption/phrase", "", claim...), http.StatusOK, "")
			b.want(b.do("PUT", "/api/setup/encryption/phrase", `{"phrase":"AAAA"}`, claim...), http.StatusUnprocessableEntity, "phrase")
			got := b.do("PUT", "/api/setup/encryption/phrase", `{"phrase":"`+testPhrase+`"}`, claim...)
			if want := map[bool]int{true: http.StatusNoContent, false: http.StatusAccepted}[state.Encrypted]; got.Code != want {
				t.Errorf("%d, want %d", got.Code, want)
			}
			if got := b.do("DELETE", "/api/setup/encryption", ""); got.Code/100 != 4 || e.plain {
				t.Errorf("ended without the code: %d", got.Code)
			}
			got = b.do("DELETE", "/api/setup/encryption", "", claim...)
			if want := map[bool]int{true: http.StatusAccepted, false: http.StatusBadRequest}[state.Encrypted]; got.Code != want || e.plain != state.Encrypted {
				t.Errorf("ended: %d, want %d", got.Code, want)
			}
			if state.Encrypted != (len(e.kept) == 1) || state.Encrypted != (e.anew == "") {
				t.Errorf("kept %q, anew %q", e.kept, e.anew)
			}
		})
	}
}
