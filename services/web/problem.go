package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/setup"
	"github.com/sanduk-mail/sanduk/services/web/claim"
)

// Problem is the one error of this protocol: what the person sees, and the
// cause that only the log sees.
type Problem struct {
	Status   int           `json:"-"`
	Field    string        `json:"field,omitempty"`
	Message  string        `json:"message"`
	WhatToDo string        `json:"what_to_do,omitempty"`
	Retry    time.Duration `json:"-"` // when to try again, 0 if that doesn't help
	Cause    error         `json:"-"`
}

func (p *Problem) Error() string {
	if p.Cause != nil {
		return p.Message + " (" + p.Cause.Error() + ")"
	}
	return p.Message
}

func (p *Problem) Unwrap() error { return p.Cause }

// problem maps every error to what the person is told. It is the only place
// that does. What it doesn't know is the box's own trouble: temporary, logged.
func problem(err error) *Problem {
	var p *Problem
	var field *setup.FieldError
	var soon *claim.TooSoonError
	var rule *mail.RuleError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &field):
		return &Problem{Status: http.StatusBadRequest, Field: field.Field, Message: sentence(field.Text)}
	case errors.As(err, &rule):
		status := http.StatusBadRequest
		if errors.Is(err, mail.ErrInUse) || errors.Is(err, mail.ErrCircle) {
			status = http.StatusConflict
		}
		return &Problem{Status: status, Field: rule.Field, Message: sentence(rule.Text), Cause: err}
	case errors.Is(err, auth.ErrWeakPassword):
		return &Problem{Status: http.StatusBadRequest, Field: "password", Message: sentence(innermost(err).Error()), Cause: err}
	case errors.As(err, &soon):
		seconds := int(math.Ceil(soon.Wait.Seconds()))
		return &Problem{Status: http.StatusTooManyRequests, Field: "code", Retry: soon.Wait,
			Message: "Too many codes have been tried.", WhatToDo: fmt.Sprintf("Wait %d seconds, then try again.", seconds)}
	}
	for _, known := range []struct {
		err     error
		problem Problem
	}{
		{claim.ErrWrong, Problem{Status: http.StatusForbidden, Field: "code", Message: "That is not the code on the box's screen.",
			WhatToDo: "Read it again: three words and a number. A box that was started again shows a new one."}},
		{claim.ErrSpent, problemSetUp()},
		{claim.ErrBusy, Problem{Status: http.StatusConflict, Message: "The box is being set up this moment, from another window or device.",
			WhatToDo: "Wait until it is done, then reload this page."}},
		{mail.ErrDenied, Problem{Status: http.StatusUnauthorized, Field: "password", Message: "Address or password is wrong.",
			WhatToDo: "Check both. Capital letters count in the password."}},
		{mail.ErrElsewhere, Problem{Status: http.StatusForbidden, Field: "address", Message: "This account can't be used from this network.",
			WhatToDo: "Use it from the office, or ask your administrator to allow this network."}},
		{mail.ErrTryLater, Problem{Status: http.StatusTooManyRequests, Retry: time.Minute, Message: "Too many wrong passwords have been tried.",
			WhatToDo: "Wait a minute, then try again."}},
		{mail.ErrNoAccount, Problem{Status: http.StatusNotFound, Field: "address", Message: "There is nobody with this address.",
			WhatToDo: "Reload the page: somebody may have removed the account."}},
		{mail.ErrNoSuchAddress, Problem{Status: http.StatusNotFound, Field: "address", Message: "There is no such address.",
			WhatToDo: "Reload the page: somebody may have removed it."}},
		{mail.ErrNotWaiting, Problem{Status: http.StatusNotFound, Message: "This message is not waiting, or no longer.",
			WhatToDo: "Reload the page: it may have been sent."}},
		{mail.ErrSending, Problem{Status: http.StatusConflict, Retry: 10 * time.Second, Message: "The message is being sent right now.",
			WhatToDo: "Try again in a moment, if it is still there."}},
		{mail.ErrNothingToChange, Problem{Status: http.StatusConflict, Message: "There is nothing to change about this message: it is so already, or no longer waits.",
			WhatToDo: "Reload the page."}},
		{mail.ErrHeldBack, Problem{Status: http.StatusConflict, Message: "This message is held back.", WhatToDo: "Release it: then it is tried at once."}},
		{mail.ErrNotYet, Problem{Status: http.StatusConflict, Message: "This message waits for the time that its sender has named.", WhatToDo: "Release it first: then it is sent now."}},
		{mail.ErrUndecided, Problem{Status: http.StatusConflict, Message: "This message waits for a decision, because of a rule on what is in mail.",
			WhatToDo: "Decide about it where held messages stand."}},
		{mail.ErrNoDomain, Problem{Status: http.StatusNotFound, Field: "domain", Message: "The office has no such domain.",
			WhatToDo: "Reload the page and look at the list."}},
		{mail.ErrNoRoute, Problem{Status: http.StatusNotFound, Field: "domain", Message: "Mail to this domain has no way of its own.",
			WhatToDo: "Reload the page and look at the list."}},
		{mail.ErrInUse, Problem{Status: http.StatusConflict, Message: "This is in use, so it stays as it is.",
			WhatToDo: "Remove what refers to it first."}},
		{domain.ErrName, Problem{Status: http.StatusBadRequest, Field: "domain", Message: "This is not a domain name.",
			WhatToDo: "Write it like example.com, without an @."}},
		{mail.ErrAddressTaken, Problem{Status: http.StatusConflict, Field: "address", Message: "Somebody has this address already.",
			WhatToDo: "Choose another one."}},
		{mail.ErrNotOurDomain, Problem{Status: http.StatusBadRequest, Field: "address", Message: "This address is in none of the office's domains.",
			WhatToDo: "Write the part after the @ as the office's own addresses have it."}},
		{mail.ErrAddress, problemAddress()},
		{mail.ErrTooMany, Problem{Status: http.StatusConflict, Message: "There are too many of these already.", WhatToDo: "Remove some that are no longer needed, then try again."}},
		{mail.ErrLastAdmin, Problem{Status: http.StatusConflict, Message: "This is the last administrator.",
			WhatToDo: "Make somebody else an administrator first."}},
		{mail.ErrName, Problem{Status: http.StatusBadRequest, Field: "name", Message: "This name is too long, or has characters in it that a name can't have."}},
		{mail.ErrGone, Problem{Status: http.StatusGone, Message: "This can't be brought back any more: the time for that is over.",
			WhatToDo: "If there is a backup of the box, look there."}},
		{mail.ErrPasswordNeeded, Problem{Status: http.StatusConflict, Field: "password", Message: "The password of before can't be used any more.",
			WhatToDo: "Choose a new one."}},
		{mail.ErrNoMailbox, Problem{Status: http.StatusNotFound, Field: "mailbox", Message: "There is no such folder, or was none at that time.",
			WhatToDo: "Reload the page and choose again."}},
		{mail.ErrNoMessage, Problem{Status: http.StatusNotFound, Field: "messages", Message: "One of these messages never was.",
			WhatToDo: "Reload the page and choose again."}},
		{mail.ErrMailboxName, Problem{Status: http.StatusBadRequest, Field: "folder", Message: "A folder can't have this name.",
			WhatToDo: "Leave out control characters, and don't begin or end with a slash."}},
		{mail.ErrOverQuota, Problem{Status: http.StatusConflict, Message: "There is no room left in this person's mailbox.",
			WhatToDo: "Allow more space for it, or delete what is no longer needed."}},
		{mail.ErrDamaged, Problem{Status: http.StatusInternalServerError, Message: "A message is damaged on the box's disk and can't be read. All others can.",
			WhatToDo: "Put it back from a backup of the box, and have the disk looked at."}},
		{mail.ErrReadOnly, Problem{Status: http.StatusInsufficientStorage, Message: "The box's disk takes no writes now, so nothing was changed. Reading works.",
			WhatToDo: "See under Health what is wrong with the disk."}},
		{mail.ErrNoSpace, Problem{Status: http.StatusInsufficientStorage, Message: "The box's disk is full, so nothing was changed.",
			WhatToDo: "Delete mail that is no longer needed, then try again."}},
	} {
		if errors.Is(err, known.err) {
			known.problem.Cause = err
			return &known.problem
		}
	}
	return &Problem{Status: http.StatusServiceUnavailable, Retry: 5 * time.Second, Cause: err,
		Message:  "The box couldn't do that just now. Nothing was changed.",
		WhatToDo: "Try again in a moment. If it stays so, restart the box."}
}

func problemAddress() Problem {
	return Problem{Status: http.StatusBadRequest, Field: "address", Message: "This isn't an address that somebody here can have.",
		WhatToDo: "Write it like alice@example.com, with letters, digits, dots and hyphens before the @."}
}

// innermost is the error that began a chain: the text for a person stands there.
func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

func sentence(text string) string { return strings.TrimSuffix(text, ".") + "." }

func problemSetUp() Problem {
	return Problem{Status: http.StatusConflict, Message: "This box has been set up already.",
		WhatToDo: "Sign in on its page instead."}
}

// fail answers a request with a problem, and logs what is the box's own.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problem(err)
	switch {
	case errors.Is(p.Cause, context.Canceled):
		// The browser went away; there is nobody to answer.
	case p.Status >= http.StatusInternalServerError:
		s.log.LogAttrs(r.Context(), slog.LevelError, "request failed",
			slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Any("error", p.Cause))
	}
	if p.Retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(p.Retry.Seconds()))))
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="Sanduk"`) // RFC 9110 §11.6.1
	}
	s.reply(w, r, p.Status, p)
}

// reply answers with a JSON body, or with none when body is nil.
func (s *Server) reply(w http.ResponseWriter, r *http.Request, status int, body any) {
	if body == nil {
		w.WriteHeader(status)
		return
	}
	text, err := json.Marshal(body)
	if err != nil {
		s.log.LogAttrs(r.Context(), slog.LevelError, "reply can't be written as JSON", slog.String("path", r.URL.Path), slog.Any("error", err))
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // the reader is gone when this fails; net/http closes
}
