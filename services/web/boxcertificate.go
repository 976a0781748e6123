package web

import (
	"cmp"
	"context"
	"crypto/x509"
	"log/slog"
	"net/http"
	"time"

	"github.com/sanduk-mail/sanduk/services/issuance"
)

// BoxCertificate is what the box shows in TLS, and how that is changed. Errors: a
// *mail.RuleError whose field is certificate or key, or the box's own trouble.
type BoxCertificate interface {
	Certificates() CertificateState
	// Upload takes a certificate with its chain, and its key, in PEM.
	Upload(ctx context.Context, chain, key []byte) error
	// Remove has the box show its own again.
	Remove(ctx context.Context) error
	// Issuance is how getting certificates from an authority goes. SetIssuance has them
	// got, and the world let in where the authority asks; the fields are directory,
	// contact and method. EndIssuance keeps the certificate until it ends.
	Issuance() issuance.State
	SetIssuance(ctx context.Context, s issuance.Settings) error
	EndIssuance() error
	TryIssuance()
}

// CertificateState is how the box's certificates stand.
type CertificateState struct {
	Authority *x509.Certificate // the box's own
	Own       *x509.Certificate // made by that
	Public    *x509.Certificate // from elsewhere; nil: there is none
	Believed  bool              // computers that know nothing of the box believe Public
	Servers   bool              // Public is what servers see that bring mail
}

// faceJSON is a certificate as the API has it.
type faceJSON struct {
	Names  []string  `json:"names"` // with addresses
	Issuer string    `json:"issuer"`
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	SHA256 string    `json:"sha256"`
}

func faceOf(cert *x509.Certificate) *faceJSON {
	if cert == nil {
		return nil
	}
	face := &faceJSON{Names: append([]string{}, cert.DNSNames...), Issuer: cert.Issuer.CommonName, From: cert.NotBefore, Until: cert.NotAfter, SHA256: fingerprint(cert.Raw)}
	if face.Issuer == "" {
		face.Issuer = cert.Issuer.String()
	}
	for _, ip := range cert.IPAddresses {
		face.Names = append(face.Names, ip.String())
	}
	return face
}

// issuanceJSON is how getting certificates goes.
type issuanceJSON struct {
	Directory string      `json:"directory"`
	Contact   string      `json:"contact,omitempty"`
	Method    string      `json:"method"` // http-01, dns-01
	Working   bool        `json:"working" etag:"-"`
	Tried     *time.Time  `json:"tried,omitempty" etag:"-"`
	Next      *time.Time  `json:"next,omitempty" etag:"-"`
	Problem   string      `json:"problem,omitempty" etag:"-"`
	Proofs    []proofJSON `json:"proofs,omitempty" etag:"-"` // TXT records that it waits for
}

type proofJSON struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func shownIssuance(state issuance.State) *issuanceJSON {
	set := state.Settings
	if set.Directory == "" {
		return nil
	}
	out := &issuanceJSON{set.Directory, set.Contact, string(set.Method), state.Working, moment(state.Tried), moment(state.Next), state.Problem, nil}
	for _, p := range state.Proofs {
		out.Proofs = append(out.Proofs, proofJSON(p))
	}
	return out
}

// maxUpload is what a certificate with its chain and key may have, as JSON.
const maxUpload = 96 << 10

// getBoxCertificateAnswer is what getBoxCertificate gives.
type getBoxCertificateAnswer struct {
	Authority *faceJSON     `json:"authority"`
	Own       *faceJSON     `json:"own"`
	Public    *faceJSON     `json:"public,omitempty"`
	Believed  bool          `json:"believed"`
	Servers   bool          `json:"servers"`
	Issuance  *issuanceJSON `json:"issuance,omitempty"`
}

// getBoxCertificate is GET /api/box-certificate.
func (s *Server) getBoxCertificate(w http.ResponseWriter, r *http.Request, _ caller) error {
	state := s.opt.BoxCertificate.Certificates()
	s.reply(w, r, http.StatusOK, getBoxCertificateAnswer{faceOf(state.Authority), faceOf(state.Own), faceOf(state.Public), state.Believed, state.Servers, shownIssuance(s.opt.BoxCertificate.Issuance())})
	return nil
}

// putBoxCertificateBody is what putBoxCertificate takes.
type putBoxCertificateBody struct {
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
}

// putBoxCertificate is PUT /api/box-certificate {"certificate": PEM, "key": PEM}: 204.
// The key may stand with the certificate.
func (s *Server) putBoxCertificate(w http.ResponseWriter, r *http.Request, who caller) error {
	var in putBoxCertificateBody
	if err := decodeUpTo(w, r, &in, maxUpload); err != nil {
		return err
	}
	if err := s.opt.BoxCertificate.Upload(r.Context(), []byte(in.Certificate), []byte(in.Key)); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelWarn, "certificate uploaded", slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// deleteBoxCertificate is DELETE /api/box-certificate: 204. The box shows its own.
func (s *Server) deleteBoxCertificate(w http.ResponseWriter, r *http.Request, who caller) error {
	if err := s.opt.BoxCertificate.Remove(r.Context()); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelWarn, "certificate from elsewhere removed", slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// putIssuanceBody is what putIssuance takes.
type putIssuanceBody struct {
	Directory string `json:"directory"`
	Contact   string `json:"contact"`
	Method    string `json:"method"`
	Agreed    bool   `json:"agreed"`
}

// putIssuance is PUT /api/box-certificate/issuance {"directory", "contact", "method",
// "agreed"}: 204. Without a directory it is Let's Encrypt's. Who asks has to agree to the
// authority's terms.
func (s *Server) putIssuance(w http.ResponseWriter, r *http.Request, who caller) error {
	var in putIssuanceBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if !in.Agreed {
		return &Problem{Status: http.StatusBadRequest, Field: "agreed", Message: "Authorities issue nothing to who hasn't agreed to their terms.", WhatToDo: "Read them and agree, or upload a certificate."}
	}
	set := issuance.Settings{Directory: cmp.Or(in.Directory, issuance.LetsEncrypt), Contact: in.Contact, Method: issuance.Method(in.Method)}
	if err := s.opt.BoxCertificate.SetIssuance(r.Context(), set); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelWarn, "authority of certificates set", slog.String("directory", set.Directory), slog.String("method", in.Method), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// deleteIssuance is DELETE /api/box-certificate/issuance: 204.
func (s *Server) deleteIssuance(w http.ResponseWriter, r *http.Request, who caller) error {
	if err := s.opt.BoxCertificate.EndIssuance(); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelWarn, "no certificates are got any more", slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// postIssuance is POST /api/box-certificate/issuance: 202. It is tried now, if one is due.
func (s *Server) postIssuance(w http.ResponseWriter, r *http.Request, _ caller) error {
	s.opt.BoxCertificate.TryIssuance()
	s.reply(w, r, http.StatusAccepted, nil)
	return nil
}
