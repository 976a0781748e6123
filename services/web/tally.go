package web

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/sanduk-mail/sanduk/services/tally"
)

// Tally says how much mail there was.
type Tally interface {
	// Days are the last n up to now, those without mail too, the newest last.
	Days(now time.Time, n int) []tally.Day
}

const (
	usualDays = 30
	maxDays   = 400
)

// getTallyAnswer is what getTally gives.
type getTallyAnswer struct {
	Days []tally.Day `json:"days"`
}

func (s *Server) getTally(w http.ResponseWriter, r *http.Request, _ caller) (err error) {
	n := usualDays
	if text := r.URL.Query().Get("days"); text != "" {
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > maxDays {
			return &Problem{Status: http.StatusBadRequest, Field: "days", Message: fmt.Sprintf("This is a number of days from 1 to %d.", maxDays), Cause: err}
		}
	}
	s.reply(w, r, http.StatusOK, getTallyAnswer{s.opt.Tally.Days(s.now(), n)})
	return nil
}
