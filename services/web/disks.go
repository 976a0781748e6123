package web

import (
	"context"
	"net/http"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Disks are those of the machine: the one with the mail, and what else is in it or
// plugged in.
type Disks interface {
	Disks(ctx context.Context) ([]Disk, error)
}

// Disk is one of them. The JSON names are the API's; bytes are 0 where they are not known.
type Disk struct {
	Device string `json:"device"` // the kernel's name
	Model  string `json:"model,omitempty"`
	Serial string `json:"serial,omitempty"`
	Bytes  int64  `json:"bytes"`
	Own    bool   `json:"own"` // the one that the box runs from, with the mail
	// The rest is told of the box's own disk alone. Total and Free are of its part with
	// the mail.
	Total    int64          `json:"total,omitempty"`
	Free     int64          `json:"free,omitempty"`
	Health   *DiskHealth    `json:"health,omitempty"` // nil: it doesn't say how it is
	Findings []mail.Finding `json:"-"`                // what is wrong with it, the worst first
}

// DiskHealth is what a disk says of itself. Numbers are -1 where it doesn't tell them.
type DiskHealth struct {
	Failing     bool  `json:"failing"`     // it expects to fail soon
	Reallocated int64 `json:"reallocated"` // places that went bad, and were replaced without loss
	Pending     int64 `json:"pending"`     // places that can't be read now
	Errors      int64 `json:"errors"`      // how often it could not do what it should
	Worn        int   `json:"worn"`        // percent of what it can be written
	Celsius     int   `json:"celsius"`
	Hours       int64 `json:"hours"` // for which it has run
}

// diskJSON is a Disk with its findings as the API shows them.
type diskJSON struct {
	Disk
	Findings []finding `json:"findings"`
}

// getDisksAnswer is what getDisks gives.
type getDisksAnswer struct {
	Disks []diskJSON `json:"disks"`
}

// getDisks is GET /api/disks.
func (s *Server) getDisks(w http.ResponseWriter, r *http.Request, _ caller) error {
	disks, err := s.opt.Disks.Disks(r.Context())
	if err != nil {
		return err
	}
	list := make([]diskJSON, 0, len(disks))
	for _, d := range disks {
		shown := diskJSON{Disk: d, Findings: []finding{}}
		for _, f := range d.Findings {
			shown.Findings = append(shown.Findings, finding(f))
		}
		list = append(list, shown)
	}
	s.reply(w, r, http.StatusOK, getDisksAnswer{list})
	return nil
}
