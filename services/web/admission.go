package web

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Admissions say whom the box lets in beside its office's own networks. Errors:
// mail.ErrTooMany, a *mail.RuleError, or the box's own trouble.
type Admissions interface {
	Admission() mail.Admission
	SetAdmission(ctx context.Context, a mail.Admission) error
}

type admissionJSON struct {
	Office []string            `json:"office"`
	Doors  map[string][]string `json:"doors"` // by service
	Paths  bool                `json:"paths"`
}

// getAdmission is GET /api/admission.
func (s *Server) getAdmission(w http.ResponseWriter, r *http.Request, _ caller) error {
	a := s.opt.Admissions.Admission()
	out := admissionJSON{Office: networks(a.Office), Doors: map[string][]string{}, Paths: a.Paths}
	for _, service := range mail.Services() {
		out.Doors[string(service)] = []string{}
	}
	for _, d := range a.Doors {
		out.Doors[string(d.Service)] = networks(d.Networks)
	}
	s.reply(w, r, http.StatusOK, out)
	return nil
}

// putAdmission is PUT /api/admission: 204. All of it is replaced.
func (s *Server) putAdmission(w http.ResponseWriter, r *http.Request, who caller) error {
	var in admissionJSON
	if err := decodeUpTo(w, r, &in, maxContent); err != nil {
		return err
	}
	a := mail.Admission{Paths: in.Paths}
	var err error
	if a.Office, err = parseNetworks("office", in.Office); err != nil {
		return err
	}
	for service, texts := range in.Doors {
		d := mail.Door{Service: mail.Service(service)}
		if d.Networks, err = parseNetworks("doors", texts); err != nil {
			return err
		}
		a.Doors = append(a.Doors, d)
	}
	if err := s.opt.Admissions.SetAdmission(r.Context(), a); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelWarn, "whom the box lets in was set", slog.Any("office", a.Office), slog.Any("doors", a.Doors), slog.Bool("paths", a.Paths), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}
