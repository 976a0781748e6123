package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/platform/logbook"
	"github.com/sanduk-mail/sanduk/services/syslog"
)

// BoxLog is the box's log, whose lines are JSON objects with "time", "level", "unit" and
// "msg"; secrets have been left out of them when they were written. Each call reads some
// 100 KiB at most.
type BoxLog interface {
	// Log gives lines behind a place; with back those that many bytes before the end, at least.
	Log(ctx context.Context, after logbook.Position, back int64) (syslog.Page, error)
	// LogBack gives lines ahead of a place, in their order. Next is the place ahead of them,
	// and the same again where there are none.
	LogBack(ctx context.Context, before logbook.Position) (syslog.Page, error)
}

const (
	// enoughLines is how many lines make an answer: then no more of the log is read. What
	// was read with the last of them is given too.
	enoughLines = 100
	// maxLogReads bounds how often an answer reads the log: some 2 MiB, a fraction of a
	// second. It says where the next one goes on.
	maxLogReads = 32
	// maxLogWords bounds what is searched for, in bytes.
	maxLogWords = 500
)

// logFilter says which lines are asked for.
type logFilter struct {
	unit        string
	level       int // that and worse
	words       []string
	message     []byte // as a line has it
	from, until time.Time
}

// logLevels are those of log/slog, by weight.
func logLevels() []string { return []string{"DEBUG", "INFO", "WARN", "ERROR"} }

// logFilterOf reads it.
func logFilterOf(values url.Values) (f logFilter, err error) {
	f.unit = values.Get("unit")
	if name := values.Get("level"); name != "" {
		if f.level = slices.Index(logLevels(), strings.ToUpper(name)); f.level < 0 {
			return f, &Problem{Status: http.StatusBadRequest, Field: "level", Message: "The level is debug, info, warn or error."}
		}
	}
	q := values.Get("q")
	if len(q) > maxLogWords {
		return f, &Problem{Status: http.StatusBadRequest, Field: "q", Message: fmt.Sprintf("This is more than can be searched for: %d bytes.", maxLogWords)}
	}
	f.words = strings.Fields(strings.ToLower(q))
	if id := values.Get("message"); id != "" {
		if f.message, err = json.Marshal(id[:min(len(id), maxLogWords)]); err != nil {
			return f, err
		}
	}
	for field, at := range map[string]*time.Time{"from": &f.from, "until": &f.until} {
		if text := values.Get(field); text != "" {
			if *at, err = time.Parse(time.RFC3339, text); err != nil {
				return f, &Problem{Status: http.StatusBadRequest, Field: field, Message: "“" + text + "” is no time.", WhatToDo: "Write it like 2026-01-31T14:00:00Z.", Cause: err}
			}
		}
	}
	return f, nil
}

// asks says whether a line is asked for, and whether it is older than all that are.
func (f *logFilter) asks(text json.RawMessage) (yes, older bool) {
	var line struct {
		Time  time.Time `json:"time"`
		Level string    `json:"level"`
		Unit  string    `json:"unit"`
	}
	if json.Unmarshal(text, &line) != nil {
		return false, false
	}
	if !f.from.IsZero() && line.Time.Before(f.from) {
		return false, true
	}
	switch {
	case !f.until.IsZero() && line.Time.After(f.until),
		f.unit != "" && line.Unit != f.unit,
		f.level > max(0, slices.Index(logLevels(), line.Level)),
		len(f.message) > 0 && !bytes.Contains(text, f.message):
		return false, false
	}
	if len(f.words) == 0 {
		return true, false
	}
	lower := strings.ToLower(unescaped(text))
	for _, w := range f.words {
		if !strings.Contains(lower, w) {
			return false, false
		}
	}
	return true, false
}

// unescaped is a line as people read it: some of those who write JSON write < as \u003c.
func unescaped(text []byte) string {
	if !bytes.ContainsRune(text, '\\') {
		return string(text)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	var v any
	if json.Unmarshal(text, &v) != nil || e.Encode(v) != nil {
		return string(text)
	}
	return out.String()
}

// logPage is the answer.
type logPage struct {
	Lines  []json.RawMessage `json:"lines"`            // the newest first
	Next   string            `json:"next,omitempty"`   // before of the page behind it; "": the log begins there
	Newest string            `json:"newest,omitempty"` // after of what comes later
	Lost   bool              `json:"lost,omitempty"`   // what stood behind after was removed to make room
}

// logPlaceText and logPlaceOf write places as pages keep them.
func logPlaceText(p logbook.Position) string { return fmt.Sprintf("%d.%d", p.File, p.Offset) }

func logPlaceOf(field, text string) (p logbook.Position, err error) {
	file, offset, _ := strings.Cut(text, ".")
	p.File, err = strconv.Atoi(file)
	if err == nil {
		p.Offset, err = strconv.ParseInt(offset, 10, 64)
	}
	if err != nil || p.File < 0 || p.Offset < 0 {
		return p, &Problem{Status: http.StatusBadRequest, Field: field, Message: "This is a place that an earlier answer said.", Cause: err}
	}
	return p, nil
}

func (s *Server) getLog(w http.ResponseWriter, r *http.Request, _ caller) error {
	values := r.URL.Query()
	f, err := logFilterOf(values)
	if err != nil {
		return err
	}
	var page logPage
	if text := values.Get("after"); text != "" {
		page, err = s.logSince(r.Context(), &f, text)
	} else {
		page, err = s.logBefore(r.Context(), &f, values.Get("before"))
	}
	if err != nil {
		return err
	}
	if page.Lines == nil {
		page.Lines = []json.RawMessage{} // [], not null
	}
	s.reply(w, r, http.StatusOK, page)
	return nil
}

// logBefore reads from a place, or the end, towards the beginning.
func (s *Server) logBefore(ctx context.Context, f *logFilter, before string) (page logPage, err error) {
	var at logbook.Position
	if before != "" {
		if at, err = logPlaceOf("before", before); err != nil {
			return page, err
		}
	} else {
		end, err := s.opt.Log.Log(ctx, at, 1)
		if err != nil {
			return page, err
		}
		at = end.Next
		page.Newest = logPlaceText(at)
	}
	for range maxLogReads {
		read, err := s.opt.Log.LogBack(ctx, at)
		if err != nil {
			return page, err
		}
		if read.Next == at {
			page.Next = ""
			return page, nil
		}
		at = read.Next
		page.Next = logPlaceText(at)
		allOlder := len(read.Lines) > 0
		for _, line := range slices.Backward(read.Lines) {
			yes, older := f.asks(line)
			if yes {
				page.Lines = append(page.Lines, line)
			}
			allOlder = allOlder && older
		}
		if allOlder {
			page.Next = ""
			return page, nil
		}
		if len(page.Lines) >= enoughLines {
			break
		}
	}
	return page, nil
}

// logSince reads what came behind a place.
func (s *Server) logSince(ctx context.Context, f *logFilter, after string) (page logPage, err error) {
	at, err := logPlaceOf("after", after)
	if err != nil {
		return page, err
	}
	for range maxLogReads {
		read, err := s.opt.Log.Log(ctx, at, 0)
		if err != nil {
			return page, err
		}
		page.Lost = page.Lost || read.Lost
		for _, line := range read.Lines {
			if yes, _ := f.asks(line); yes {
				page.Lines = append(page.Lines, line)
			}
		}
		done := read.Next == at || len(page.Lines) >= enoughLines
		at = read.Next
		if done {
			break
		}
	}
	page.Newest = logPlaceText(at)
	slices.Reverse(page.Lines)
	return page, nil
}
