package web

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/passkey"
)

// Passkeys keeps people's passkeys. Errors are mail.ErrNoAccount, mail.ErrTooMany,
// mail.ErrName, a *mail.RuleError, or the box's own trouble.
type Passkeys interface {
	// Passkeys lists an account's without their keys, oldest first.
	Passkeys(id mail.AccountID) ([]mail.Passkey, error)
	// HasPasskeys says whether anybody has one for a name of the box. It must not wait.
	HasPasskeys(host string) bool
	AddPasskey(ctx context.Context, id mail.AccountID, p mail.Passkey) error
	// UsePasskey has use look at one, and keeps the counter that it gives, durably, before
	// it returns. Uses wait for one another. mail.ErrDenied where there is none.
	UsePasskey(ctx context.Context, id mail.AccountID, credential []byte, use func(mail.Passkey) (count uint32, err error)) error
	// RemovePasskey ends one; without a credential, all of an account.
	RemovePasskey(ctx context.Context, id mail.AccountID, credential []byte) error
	// Passkey has check look at one, under the lock-out of all log-ins. Errors are those
	// of Authenticator, and check's.
	Passkey(ctx context.Context, peer netip.Addr, login string, check func(context.Context) (bool, error)) (mail.Login, error)
}

const (
	// challengeLife is how long somebody has to find their key and touch it.
	challengeLife = 5 * time.Minute
	// maxChallenges that wait at one time: an office whose people all sign in at once.
	// Beyond it the oldest goes, and whoever it was for presses the button again.
	maxChallenges = 1024
)

// challenges are those that wait for an answer, each good once. Those of log-ins and of
// new passkeys are apart: nobody who isn't signed in can push the latter out.
type challenges struct {
	now func() time.Time

	mu sync.Mutex
	m  map[string]challenge
}

type challenge struct {
	account mail.AccountID // who may answer; 0: anybody
	until   time.Time
}

// start makes one.
func (c *challenges) start(account mail.AccountID) string {
	var secret [32]byte
	rand.Read(secret[:])
	text := base64.RawURLEncoding.EncodeToString(secret[:])
	c.mu.Lock()
	defer c.mu.Unlock()
	now, oldest := c.now(), ""
	for k, v := range c.m {
		if !v.until.After(now) {
			delete(c.m, k)
		} else if oldest == "" || v.until.Before(c.m[oldest].until) {
			oldest = k
		}
	}
	if len(c.m) >= maxChallenges {
		delete(c.m, oldest)
	}
	if c.m == nil {
		c.m = map[string]challenge{}
	}
	c.m[text] = challenge{account, now.Add(challengeLife)}
	return text
}

// take ends one, and gives its bytes if it was for the account and is not over.
func (c *challenges) take(text string, account mail.AccountID) ([]byte, bool) {
	c.mu.Lock()
	v, found := c.m[text]
	delete(c.m, text)
	c.mu.Unlock()
	b, err := base64.RawURLEncoding.DecodeString(text)
	return b, found && err == nil && v.account == account && v.until.After(c.now())
}

// siteOf is for what a passkey of this request's page is good; false where it was opened
// by an IP address, for which browsers make none.
func siteOf(r *http.Request) (passkey.Site, bool) {
	host := hostOf(r.Host)
	return passkey.Site{Host: host, Origin: "https://" + strings.ToLower(r.Host)}, !isIP(host)
}

func problemNoName() error {
	return &Problem{Status: http.StatusConflict, Field: "passkey", Message: "A passkey needs the box's name, and this page was opened by its number.", WhatToDo: "Open the page by the box's name, then try again."}
}

func problemPasskey(cause error) error {
	return &Problem{Status: http.StatusForbidden, Field: "passkey", Message: "This passkey isn't good here, or no longer.", WhatToDo: "Try again, or sign in with your password.", Cause: cause}
}

// postPasskeyChallengeAnswer is what postPasskeyChallenge gives.
type postPasskeyChallengeAnswer struct {
	Challenge string `json:"challenge"`
	Host      string `json:"host"`
}

// postPasskeyChallenge is POST /api/session/passkey/challenge: {challenge, host}, for
// navigator.credentials.get. It says nothing of who has a passkey: the device knows.
func (s *Server) postPasskeyChallenge(w http.ResponseWriter, r *http.Request, _ caller) error {
	site, ok := siteOf(r)
	if !ok {
		return problemNoName()
	}
	s.reply(w, r, http.StatusOK, postPasskeyChallengeAnswer{s.signingIn.start(0), site.Host})
	return nil
}

// fromBase64 reads what a browser sends of bytes.
func fromBase64(texts ...string) ([][]byte, error) {
	all := make([][]byte, len(texts))
	for i, text := range texts {
		var err error
		if all[i], err = base64.RawURLEncoding.DecodeString(text); err != nil {
			return nil, problemPasskey(err)
		}
	}
	return all, nil
}

// handleOf is what a device keeps of whose a passkey is, and gives back with it.
func handleOf(id mail.AccountID) []byte { return binary.BigEndian.AppendUint32(nil, uint32(id)) }

// postPasskeySessionBody is what postPasskeySession takes.
type postPasskeySessionBody struct {
	Challenge  string `json:"challenge"`
	ID         string `json:"id"`
	User       string `json:"user"`
	ClientData string `json:"client_data"`
	AuthData   string `json:"auth_data"`
	Signature  string `json:"signature"`
}

// postPasskeySession is POST /api/session/passkey {challenge, id, user, client_data,
// auth_data, signature}, all in base64url: signs in, 200 and the person, with the cookie.
// The user was verified by the device: it is both factors.
func (s *Server) postPasskeySession(w http.ResponseWriter, r *http.Request, _ caller) error {
	var in postPasskeySessionBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	site, ok := siteOf(r)
	if !ok {
		return problemNoName()
	}
	question, ok := s.signingIn.take(in.Challenge, 0)
	parts, err := fromBase64(in.ID, in.User, in.ClientData, in.AuthData, in.Signature)
	if err != nil || !ok || len(parts[1]) != 4 {
		return problemPasskey(err)
	}
	account, err := s.opt.Accounts.Account(r.Context(), mail.AccountID(binary.BigEndian.Uint32(parts[1])))
	if errors.Is(err, mail.ErrNoAccount) {
		return problemPasskey(err)
	}
	if err != nil {
		return err
	}
	mark := s.sessions.mark()
	who, err := s.opt.Passkeys.Passkey(r.Context(), addrOf(r.RemoteAddr), account.Address.String(), func(ctx context.Context) (bool, error) {
		err := s.opt.Passkeys.UsePasskey(ctx, account.ID, parts[0], func(p mail.Passkey) (uint32, error) {
			if p.Host != site.Host {
				return 0, passkey.ErrWrong
			}
			return passkey.Check(site, question, passkey.Credential{ID: p.ID, Key: p.Key, Count: p.Count}, parts[2], parts[3], parts[4])
		})
		switch {
		case errors.Is(err, passkey.ErrCopied):
			s.log.LogAttrs(ctx, slog.LevelWarn, "a passkey's counter went backwards: there may be a copy of it", slog.String("account", account.Address.String()), slog.String("peer", r.RemoteAddr))
			return false, nil
		case errors.Is(err, passkey.ErrWrong), errors.Is(err, passkey.ErrMalformed), errors.Is(err, mail.ErrDenied):
			return false, nil
		}
		return err == nil, err
	})
	if errors.Is(err, mail.ErrDenied) {
		return problemPasskey(err)
	}
	if err != nil {
		return err
	}
	return s.letIn(w, r, who, mark)
}

// passkeyJSON is a passkey as the API shows it.
type passkeyJSON struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	Host  string    `json:"host"` // under which name of the box it is good
	Added time.Time `json:"added"`
}

// getOwnPasskeysAnswer is what getOwnPasskeys gives.
type getOwnPasskeysAnswer struct {
	Passkeys []passkeyJSON `json:"passkeys"`
	Host     string        `json:"host"`
}

// getOwnPasskeys is GET /api/me/passkeys: {passkeys, host}; host is "" where none can be
// made, because the page was opened by an IP address.
func (s *Server) getOwnPasskeys(w http.ResponseWriter, r *http.Request, who caller) error {
	list, err := s.opt.Passkeys.Passkeys(who.Account)
	if err != nil {
		return err
	}
	shown := []passkeyJSON{}
	for _, p := range list {
		shown = append(shown, passkeyJSON{base64.RawURLEncoding.EncodeToString(p.ID), p.Name, p.Host, p.Added})
	}
	site, ok := siteOf(r)
	if !ok {
		site.Host = ""
	}
	s.reply(w, r, http.StatusOK, getOwnPasskeysAnswer{shown, site.Host})
	return nil
}

// postNewPasskeyBody is what postNewPasskey takes.
type postNewPasskeyBody struct {
	Current string `json:"current"`
}

// postNewPasskeyAnswer is what postNewPasskey gives.
type postNewPasskeyAnswer struct {
	Challenge  string   `json:"challenge"`
	Host       string   `json:"host"`
	User       string   `json:"user"`
	Address    string   `json:"address"`
	Algorithms []int    `json:"algorithms"`
	Have       []string `json:"have"` // IDs of those of this name
}

// postNewPasskey is POST /api/me/passkeys/challenge {current}: what
// navigator.credentials.create needs, for who gives the present password.
func (s *Server) postNewPasskey(w http.ResponseWriter, r *http.Request, who caller) error {
	var in postNewPasskeyBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	site, ok := siteOf(r)
	if !ok {
		return problemNoName()
	}
	if err := s.again(r, who, "current", in.Current); err != nil {
		return err
	}
	list, err := s.opt.Passkeys.Passkeys(who.Account)
	if err != nil {
		return err
	}
	have := []string{}
	for _, p := range list {
		if p.Host == site.Host {
			have = append(have, base64.RawURLEncoding.EncodeToString(p.ID))
		}
	}
	s.reply(w, r, http.StatusOK, postNewPasskeyAnswer{s.enrolling.start(who.Account), site.Host, base64.RawURLEncoding.EncodeToString(handleOf(who.Account)), who.Address.String(), passkey.Algorithms(), have})
	return nil
}

// postPasskeyBody is what postPasskey takes.
type postPasskeyBody struct {
	Challenge   string `json:"challenge"`
	Name        string `json:"name"`
	ClientData  string `json:"client_data"`
	Attestation string `json:"attestation"`
}

// postPasskeyAnswer is what postPasskey gives.
type postPasskeyAnswer struct {
	ID string `json:"id"`
}

// postPasskey is POST /api/me/passkeys {challenge, name, client_data, attestation}: 201.
func (s *Server) postPasskey(w http.ResponseWriter, r *http.Request, who caller) error {
	var in postPasskeyBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	site, ok := siteOf(r)
	if !ok {
		return problemNoName()
	}
	question, ok := s.enrolling.take(in.Challenge, who.Account)
	parts, err := fromBase64(in.ClientData, in.Attestation)
	if err != nil || !ok {
		return problemPasskey(err)
	}
	made, err := passkey.Register(site, question, parts[0], parts[1])
	if err != nil {
		return problemPasskey(err)
	}
	if err := s.opt.Passkeys.AddPasskey(r.Context(), who.Account, mail.Passkey{ID: made.ID, Key: made.Key, Count: made.Count, Host: site.Host, Name: in.Name}); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "passkey made", slog.String("account", who.Address.String()), slog.String("name", in.Name), slog.String("peer", r.RemoteAddr))
	s.reply(w, r, http.StatusCreated, postPasskeyAnswer{base64.RawURLEncoding.EncodeToString(made.ID)})
	return nil
}

// deleteOwnPasskey is DELETE /api/me/passkeys/{id}: 204. It needs no password: who has
// lost a device is to end its passkey at once.
func (s *Server) deleteOwnPasskey(w http.ResponseWriter, r *http.Request, who caller) error {
	id, err := base64.RawURLEncoding.DecodeString(r.PathValue("id"))
	if err != nil || len(id) == 0 {
		return &Problem{Status: http.StatusNotFound, Field: "passkey", Message: "There is no such passkey.", WhatToDo: "Reload the page and choose again.", Cause: err}
	}
	if err := s.opt.Passkeys.RemovePasskey(r.Context(), who.Account, id); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "passkey ended", slog.String("account", who.Address.String()), slog.String("peer", r.RemoteAddr))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// getPasskeysAnswer is what getPasskeys gives.
type getPasskeysAnswer struct {
	Count int `json:"count"`
}

// getPasskeys is GET /api/accounts/{address}/passkeys: {count}.
func (s *Server) getPasskeys(w http.ResponseWriter, r *http.Request, who caller) error {
	account, err := s.reach(r.Context(), &who, r.PathValue("address"))
	if err != nil {
		return err
	}
	list, err := s.opt.Passkeys.Passkeys(account.ID)
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, getPasskeysAnswer{len(list)})
	return nil
}

// deletePasskeys is DELETE /api/accounts/{address}/passkeys: 204. All have ended, and
// with them the sessions that may have come by one.
func (s *Server) deletePasskeys(w http.ResponseWriter, r *http.Request, who caller) error {
	account, err := s.over(r.Context(), &who, r.PathValue("address"))
	if err != nil {
		return err
	}
	if err := s.opt.Passkeys.RemovePasskey(r.Context(), account.ID, nil); err != nil {
		return err
	}
	keep := ""
	if account.ID == who.Account {
		keep = cookieOf(r)
	}
	s.sessions.endAll(account.ID, keep)
	s.log.LogAttrs(r.Context(), slog.LevelWarn, "all passkeys ended", slog.String("account", account.Address.String()), slog.String("by", who.Address.String()), slog.String("peer", r.RemoteAddr))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}
