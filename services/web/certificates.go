package web

import (
	"context"
	"encoding/hex"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// LogInCerts are those by which people's programs log in. Errors:
// mail.ErrNoAccount, mail.ErrTooMany, mail.ErrName, a *mail.RuleError, or the box's own
// trouble.
type LogInCerts interface {
	Certificates() []mail.Certificate
	AddCertificate(ctx context.Context, id mail.AccountID, f mail.Fingerprint, name string) error
	// RemoveCertificate also ends the account's sessions in mail programs; that there
	// is none is no error.
	RemoveCertificate(ctx context.Context, f mail.Fingerprint) error
}

type certificateJSON struct {
	Who    string    `json:"who"` // an address
	SHA256 string    `json:"sha256"`
	Name   string    `json:"name"`
	Added  time.Time `json:"added,omitzero"`
}

// getCertificatesAnswer is what getCertificates gives.
type getCertificatesAnswer struct {
	Certificates []certificateJSON `json:"certificates"`
}

// getCertificates is GET /api/certificates.
func (s *Server) getCertificates(w http.ResponseWriter, r *http.Request, _ caller) error {
	list := []certificateJSON{}
	for _, c := range s.opt.LogInCerts.Certificates() {
		list = append(list, certificateJSON{c.Who.String(), c.Fingerprint.String(), c.Name, c.Added})
	}
	s.reply(w, r, http.StatusOK, getCertificatesAnswer{list})
	return nil
}

// putCertificate is PUT /api/certificates: 204.
func (s *Server) putCertificate(w http.ResponseWriter, r *http.Request, who caller) error {
	var in certificateJSON
	if err := decode(w, r, &in); err != nil {
		return err
	}
	f, err := parseFingerprint(in.SHA256)
	if err != nil {
		return err
	}
	account, err := s.over(r.Context(), &who, in.Who)
	if err != nil {
		return err
	}
	if err := s.opt.LogInCerts.AddCertificate(r.Context(), account.ID, f, in.Name); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "certificate added", slog.String("of", account.Address.String()), slog.String("sha256", f.String()), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// deleteCertificate is DELETE /api/certificates/{sha256}: 204.
func (s *Server) deleteCertificate(w http.ResponseWriter, r *http.Request, who caller) error {
	f, err := parseFingerprint(r.PathValue("sha256"))
	if err != nil {
		return err
	}
	if err := s.opt.LogInCerts.RemoveCertificate(r.Context(), f); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "certificate removed", slog.String("sha256", f.String()), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// ownCertificateJSON is one of one's own.
type ownCertificateJSON struct {
	SHA256 string    `json:"sha256"`
	Name   string    `json:"name"`
	Added  time.Time `json:"added,omitzero"`
}

// getOwnCertificatesAnswer is what getOwnCertificates gives.
type getOwnCertificatesAnswer struct {
	Certificates []ownCertificateJSON `json:"certificates"`
	Asked        bool                 `json:"asked"` // programs are asked for one, for somebody has any
}

// getOwnCertificates is GET /api/me/certificates.
func (s *Server) getOwnCertificates(w http.ResponseWriter, r *http.Request, who caller) error {
	all := s.opt.LogInCerts.Certificates()
	list := []ownCertificateJSON{}
	for _, c := range all {
		if c.Who == who.Address {
			list = append(list, ownCertificateJSON{c.Fingerprint.String(), c.Name, c.Added})
		}
	}
	s.reply(w, r, http.StatusOK, getOwnCertificatesAnswer{list, len(all) > 0})
	return nil
}

// putOwnCertificate is PUT /api/me/certificates: 204. The office's first one isn't a
// person's to add: from then on everybody's programs are asked for one.
func (s *Server) putOwnCertificate(w http.ResponseWriter, r *http.Request, who caller) error {
	var in ownCertificateJSON
	if err := decode(w, r, &in); err != nil {
		return err
	}
	f, err := parseFingerprint(in.SHA256)
	if err != nil {
		return err
	}
	if len(s.opt.LogInCerts.Certificates()) == 0 {
		return &Problem{Status: http.StatusForbidden, Message: "The box asks programs for no certificates yet.", WhatToDo: "Ask the person who runs the box to add the first one."}
	}
	if err := s.opt.LogInCerts.AddCertificate(r.Context(), who.Account, f, in.Name); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "certificate added", slog.String("of", who.Address.String()), slog.String("sha256", f.String()), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// deleteOwnCertificate is DELETE /api/me/certificates/{sha256}: 204. Nobody ends
// another's: of these there are none.
func (s *Server) deleteOwnCertificate(w http.ResponseWriter, r *http.Request, who caller) error {
	f, err := parseFingerprint(r.PathValue("sha256"))
	if err != nil {
		return err
	}
	own := func(c mail.Certificate) bool { return c.Fingerprint == f && c.Who == who.Address }
	if !slices.ContainsFunc(s.opt.LogInCerts.Certificates(), own) {
		return &Problem{Status: http.StatusNotFound, Field: "certificate", Message: "You have no such certificate, or no longer.", WhatToDo: "Reload the page and choose again."}
	}
	if err := s.opt.LogInCerts.RemoveCertificate(r.Context(), f); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "certificate removed", slog.String("sha256", f.String()), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// parseFingerprint reads one as it is shown here, or as openssl shows it, with colons.
func parseFingerprint(text string) (mail.Fingerprint, error) {
	b, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil || len(b) != len(mail.Fingerprint{}) {
		return mail.Fingerprint{}, &mail.RuleError{Field: "sha256", Text: "A fingerprint is 64 hexadecimal digits"}
	}
	return mail.Fingerprint(b), nil
}
