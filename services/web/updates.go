package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// Computer is what the machine under the box can be asked for: another version of itself, and an end. What it refuses
// it says in a *mail.RuleError.
type Computer interface {
	Versions(ctx context.Context) (Versions, error)
	// Install takes an update. It returns when the update is on the data disk and was found to be one for this box;
	// Versions says how the installation goes.
	Install(ctx context.Context, bundle io.Reader) error
	// GoBack has the version before this one start next, and says which that is.
	GoBack(ctx context.Context) (version string, err error)
	Restart(ctx context.Context) error
	PowerOff(ctx context.Context) error
	// FactoryReset erases everything with the next start, which is now.
	FactoryReset(ctx context.Context) error
}

// Versions says which versions the box has and what becomes of an update. The JSON names are the API's.
type Versions struct {
	Running string `json:"running"`
	OnTrial bool   `json:"on_trial"` // it hasn't proved itself yet
	// SecureBoot: the firmware starts nothing that it doesn't know the signature of.
	SecureBoot bool   `json:"secure_boot,omitempty"`
	Previous   string `json:"previous,omitempty"` // version that can be gone back to
	// Installing is the update that was asked for since the start; nil: none.
	Installing *Installing `json:"installing,omitempty"`
	Last       *Updated    `json:"last,omitempty"` // how the last one ended
	Keys       []string    `json:"keys,omitempty"` // names of those whose updates are taken
}

// Installing is an update on its way.
type Installing struct {
	Version string `json:"version"`
	State   string `json:"state"`             // "installing", "installed" (the next start tries it), "refused"
	Problem string `json:"problem,omitempty"` // in words
}

// Updated is how an update, or a way back, ended.
type Updated struct {
	Time   time.Time `json:"time"`
	From   string    `json:"from"`
	To     string    `json:"to"`
	Well   bool      `json:"well"`             // To runs and has proved itself
	Reason string    `json:"reason,omitempty"` // in a sentence
}

// getUpdate is GET /api/update.
func (s *Server) getUpdate(w http.ResponseWriter, r *http.Request, _ caller) error {
	v, err := s.opt.Computer.Versions(r.Context())
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, v)
	return nil
}

// postUpdate is POST /api/update with the update as its body: 202.
func (s *Server) postUpdate(w http.ResponseWriter, r *http.Request, who caller) error {
	if r.ContentLength > maxUpdate {
		return tooLargeUpdate
	}
	p := &patience{control: http.NewResponseController(w), now: s.now}
	err := s.opt.Computer.Install(r.Context(), &patientReader{http.MaxBytesReader(w, r.Body, maxUpdate), p})
	p.extend()
	if err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "update offered", slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusAccepted, nil)
	return nil
}

// tooLargeUpdate is said before anything is read.
var tooLargeUpdate = &Problem{Status: http.StatusRequestEntityTooLarge, Message: "This file is too large to be an update of this box.", WhatToDo: "Choose the file that ends in .update."}

// postPreviousAnswer is what postPrevious gives.
type postPreviousAnswer struct {
	Version string `json:"version"`
}

// postPrevious is POST /api/update/previous: the version that the next start brings.
func (s *Server) postPrevious(w http.ResponseWriter, r *http.Request, who caller) error {
	v, err := s.opt.Computer.GoBack(r.Context())
	if err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "previous version chosen", slog.String("version", v), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusOK, postPreviousAnswer{v})
	return nil
}

// postEnd is POST /api/restart and /api/power-off: 202.
func (s *Server) postEnd(what string, end func(Computer, context.Context) error) handler {
	return func(w http.ResponseWriter, r *http.Request, who caller) error {
		s.log.LogAttrs(r.Context(), slog.LevelInfo, what+" asked for", slog.String("by", who.Address.String()))
		if err := end(s.opt.Computer, r.Context()); err != nil {
			return err
		}
		s.reply(w, r, http.StatusAccepted, nil)
		return nil
	}
}
