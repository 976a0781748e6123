package web

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/search"
)

// found is an answer as the API shows it.
type found struct {
	Total   int            `json:"total"`
	Partial bool           `json:"partial"` // some new mail was not looked at yet
	Hits    []foundMessage `json:"hits"`
}

type foundMessage struct {
	Mailbox string       `json:"mailbox"`
	UID     mail.UID     `json:"uid"`
	Email   string       `json:"email"`
	Thread  string       `json:"thread"`
	Date    time.Time    `json:"date"`
	From    string       `json:"from"`
	Subject []foundPiece `json:"subject"`
	Snippet []foundPiece `json:"snippet"`
	Seen    bool         `json:"seen"`
	Flagged bool         `json:"flagged"`
}

// foundPiece is a part of a text; hit says that it is what was looked for.
type foundPiece struct {
	Text string `json:"text"`
	Hit  bool   `json:"hit,omitempty"`
}

// getSearch is GET /api/me/search: one's own mail, by q; mailbox and limit are
// optional.
func (s *Server) getSearch(w http.ResponseWriter, r *http.Request, who caller) error {
	if s.opt.Search == nil {
		return errNoSearch()
	}
	values := r.URL.Query()
	ask := search.Ask{Text: values.Get("q"), Mailbox: values.Get("mailbox")}
	if text := values.Get("limit"); text != "" {
		var err error
		if ask.Limit, err = strconv.Atoi(text); err != nil || ask.Limit < 1 || ask.Limit > search.MaxHits {
			return &Problem{Status: http.StatusBadRequest, Field: "limit", Message: "The limit is a number from 1 to 100."}
		}
	}
	answer, err := s.opt.Search.Query(r.Context(), who.Account, ask)
	switch {
	case errors.Is(err, search.ErrAsk):
		return &Problem{Status: http.StatusBadRequest, Field: "q", Message: "There is nothing to look for in that, or it is too long.",
			WhatToDo: "Type one or more words.", Cause: err}
	case errors.Is(err, mail.ErrNoMailbox):
		return &Problem{Status: http.StatusNotFound, Field: "mailbox", Message: "There is no such folder.", Cause: err}
	case err != nil:
		return err
	}
	out := found{Total: answer.Total, Partial: answer.Partial, Hits: make([]foundMessage, 0, len(answer.Hits))}
	for _, h := range answer.Hits {
		out.Hits = append(out.Hits, foundMessage{
			Mailbox: h.Name, UID: h.Row.UID, Email: h.Row.Email.String(), Thread: h.Row.Thread.String(), Date: h.Row.Internal,
			From: h.From, Subject: foundPieces(h.Subject), Snippet: foundPieces(h.Snippet),
			Seen: h.Row.Flags.Has(mail.Seen), Flagged: h.Row.Flags.Has(mail.Flagged),
		})
	}
	s.reply(w, r, http.StatusOK, out)
	return nil
}

func foundPieces(list []search.Piece) []foundPiece {
	pieces := make([]foundPiece, len(list))
	for i, p := range list {
		pieces[i] = foundPiece(p)
	}
	return pieces
}
