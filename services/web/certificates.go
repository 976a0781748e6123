package web

import (
	"context"
	"encoding/hex"
	"log/slog"
	"net/http"
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

// parseFingerprint reads one as it is shown here, or as openssl shows it, with colons.
func parseFingerprint(text string) (mail.Fingerprint, error) {
	b, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil || len(b) != len(mail.Fingerprint{}) {
		return mail.Fingerprint{}, &mail.RuleError{Field: "sha256", Text: "A fingerprint is 64 hexadecimal digits"}
	}
	return mail.Fingerprint(b), nil
}
