package web

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/sanduk-mail/sanduk/services/collect"
	"github.com/sanduk-mail/sanduk/services/collect/moving"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Mover copies people's mailboxes from IMAP servers.
type Mover interface {
	// Start begins or goes on in the background: moving.ErrRunning, moving.ErrTooMany.
	Start(m moving.Move) error
	// Stop ends one; what has come stays. moving.ErrNoMove.
	Stop(account mail.AccountID) error
	// List gives those since the box was started.
	List() []moving.Status
}

// moveJSON is a moving.Status as the API shows it.
type moveJSON struct {
	Address   string     `json:"address"`
	Host      string     `json:"host"`
	User      string     `json:"user"`
	State     string     `json:"state"` // waiting, running, done, stopped, failed
	Began     *time.Time `json:"began,omitempty"`
	Ended     *time.Time `json:"ended,omitempty"`
	Folder    string     `json:"folder,omitempty"`
	Folders   int        `json:"folders"`
	OfFolders int        `json:"of_folders"`
	Messages  int        `json:"messages"`
	Copied    int        `json:"copied"`
	Bytes     int64      `json:"bytes"`
	Present   int        `json:"present"`
	Flagged   int        `json:"flagged"`
	Deleted   int        `json:"deleted"`
	TooLarge  int        `json:"too_large"`
	Failed    int        `json:"failed"`
	Problem   string     `json:"problem,omitempty"`
	Problems  []string   `json:"problems,omitempty"`
}

// getMoves is GET /api/moves: all since the box was started.
func (s *Server) getMoves(w http.ResponseWriter, r *http.Request, _ caller) error {
	if s.opt.Mover == nil {
		return errNoMover()
	}
	s.replyMoves(w, r, http.StatusOK)
	return nil
}

// movesAnswer is what getMoves and postMove give.
type movesAnswer struct {
	Moves []moveJSON `json:"moves"`
}

func (s *Server) replyMoves(w http.ResponseWriter, r *http.Request, status int) {
	shown := []moveJSON{}
	for _, m := range s.opt.Mover.List() {
		shown = append(shown, moveJSON{
			Address: m.Address.String(), Host: m.Host, User: m.User, State: string(m.State), Began: moment(m.Began), Ended: moment(m.Ended),
			Folder: m.Folder, Folders: m.Folders, OfFolders: m.OfFolders, Messages: m.Messages, Copied: m.Copied, Bytes: m.Bytes, Present: m.Present,
			Flagged: m.Flagged, Deleted: m.Deleted, TooLarge: m.TooLarge, Failed: m.Failed, Problem: m.Problem, Problems: m.Problems,
		})
	}
	s.reply(w, r, status, movesAnswer{shown})
}

// postMoveBody is what postMove takes.
type postMoveBody struct {
	Host     string   `json:"host"`
	Port     uint16   `json:"port,omitempty"`
	TLS      string   `json:"tls,omitempty"`
	User     string   `json:"user"`
	Password string   `json:"password"`
	Leave    []string `json:"leave,omitempty"`
}

// postMove is POST /api/accounts/{address}/move: a mailbox at a provider begins to be
// copied into this person's, or is gone on with; 202, and what GET /api/moves tells.
// The password is not kept: to bring what is new, ask again.
func (s *Server) postMove(w http.ResponseWriter, r *http.Request, who caller) error {
	if s.opt.Mover == nil || s.opt.Sources == nil {
		return errNoMover()
	}
	var in postMoveBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	account, err := s.reach(r.Context(), &who, r.PathValue("address"))
	if err != nil {
		return err
	}
	// It is the same as a mailbox that mail is collected from, and checked so.
	document := map[string]any{"protocol": "imap", "host": in.Host, "user": in.User, "password": in.Password, "into": account.Address.String()}
	if in.Port != 0 {
		document["port"] = in.Port
	}
	if in.TLS != "" {
		document["tls"] = in.TLS
	}
	text, err := json.Marshal(document)
	if err != nil {
		return err
	}
	source, err := s.opt.Sources.ParseCollection(r.Context(), text, "")
	if err != nil {
		return err
	}
	err = s.opt.Mover.Start(moving.Move{Account: account.ID, Address: account.Address, Source: collect.SourceOf(source), Leave: in.Leave})
	switch {
	case errors.Is(err, moving.ErrRunning):
		return &Problem{Status: http.StatusConflict, Message: "This person's mail is being moved already.", WhatToDo: "Wait until that is done, or stop it."}
	case errors.Is(err, moving.ErrTooMany):
		return &Problem{Status: http.StatusServiceUnavailable, Retry: time.Minute, Message: "The box has as many moves to do as it can remember.", WhatToDo: "Try again when some of them are done."}
	case err != nil:
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "moving in began", slog.String("account", account.Address.String()), slog.String("host", in.Host), slog.String("by", who.Address.String()))
	s.replyMoves(w, r, http.StatusAccepted)
	return nil
}

// deleteMove is DELETE /api/accounts/{address}/move: it ends, and what has come stays;
// 204.
func (s *Server) deleteMove(w http.ResponseWriter, r *http.Request, who caller) error {
	if s.opt.Mover == nil {
		return errNoMover()
	}
	account, err := s.reach(r.Context(), &who, r.PathValue("address"))
	if err != nil {
		return err
	}
	if err := s.opt.Mover.Stop(account.ID); errors.Is(err, moving.ErrNoMove) {
		return &Problem{Status: http.StatusNotFound, Message: "No mail of this person is being moved.", WhatToDo: "Look at the list of moves."}
	} else if err != nil {
		return err
	}
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

func errNoMover() error {
	return &Problem{Status: http.StatusNotFound, Message: "This box moves no mailboxes in from other servers."}
}
