package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// maxContent bounds the rules of one domain.
	maxContent = 256 << 10
	// maxTrialDays is how far back rules can be tried: longer than anybody remembers.
	maxTrialDays = 3650
	// maxExamples of a trial are shown; all are counted.
	maxExamples = 100
	// progressEvery is how often a trial says how far it is.
	progressEvery = time.Second
)

// Content is the domains' rules on what is in mail. Errors: mail.ErrNoDomain, a
// *mail.RuleError, or the box's own trouble.
type Content interface {
	Content(ctx context.Context, domain string) ([]mail.ContentRule, error)
	SetContent(ctx context.Context, domain string, rules []mail.ContentRule) error
	// Try looks what rules would have found in the mail of the domain's people since
	// a time, and tells of each message. It ends with ctx, or an error of tell.
	Try(ctx context.Context, domain string, rules []mail.ContentRule, since time.Time, tell func(Trial) error) error
}

// Trial is what rules would have found in one message; the rest only where they found
// something.
type Trial struct {
	Found   []TrialMatch
	Partial bool // not all of it was looked at
	Failed  bool // it could not be read
	Of      mail.Address
	Folder  string
	At      time.Time
	From    string
	Subject string
}

// TrialMatch is what one rule would have found.
type TrialMatch struct {
	Rule   string `json:"rule"`
	Action string `json:"action"`
	Count  int    `json:"count"`
	Sample string `json:"sample"` // all but its ends hidden
}

// contentRule is a rule as the API shows it.
type contentRule struct {
	Name     string   `json:"name"`
	In       bool     `json:"in,omitempty"`
	Out      bool     `json:"out,omitempty"`
	Internal bool     `json:"internal,omitempty"`
	Text     bool     `json:"text,omitempty"`
	Header   bool     `json:"header,omitempty"`
	Names    bool     `json:"names,omitempty"`
	Ready    []string `json:"ready,omitempty"`
	Pattern  string   `json:"pattern,omitempty"`
	Words    []string `json:"words,omitempty"`
	Least    int      `json:"least,omitempty"`
	Action   string   `json:"action"`
	// Unreadable is hold or pass: for documents that can't be read.
	Unreadable string `json:"unreadable,omitempty"`
}

func showContent(rules []mail.ContentRule) []contentRule {
	shown := make([]contentRule, len(rules))
	for i, r := range rules {
		shown[i] = contentRule{r.Name, r.In, r.Out, r.Internal, r.Text, r.Header, r.Names, r.Ready, r.Pattern, r.Words, r.Least, string(r.Action), string(r.Unreadable)}
	}
	return shown
}

func readContent(shown []contentRule) []mail.ContentRule {
	rules := make([]mail.ContentRule, len(shown))
	for i, r := range shown {
		rules[i] = mail.ContentRule{
			Name: r.Name, In: r.In, Out: r.Out, Internal: r.Internal, Text: r.Text, Header: r.Header, Names: r.Names,
			Ready: r.Ready, Pattern: r.Pattern, Words: r.Words, Least: r.Least, Action: mail.ContentAction(r.Action), Unreadable: mail.ContentAction(r.Unreadable),
		}
	}
	return rules
}

// getContentAnswer is what getContent gives.
type getContentAnswer struct {
	Rules []contentRule `json:"rules"`
}

// getContent is GET /api/domains/{name}/content.
func (s *Server) getContent(w http.ResponseWriter, r *http.Request, _ caller) error {
	rules, err := s.opt.Content.Content(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, getContentAnswer{showContent(rules)})
	return nil
}

// putContentBody is what putContent takes.
type putContentBody struct {
	Rules []contentRule `json:"rules"`
}

// putContent is PUT of the same: 204.
func (s *Server) putContent(w http.ResponseWriter, r *http.Request, who caller) error {
	var in putContentBody
	if err := decodeUpTo(w, r, &in, maxContent); err != nil {
		return err
	}
	if err := s.opt.Content.SetContent(r.Context(), r.PathValue("name"), readContent(in.Rules)); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "content rules set", slog.String("domain", r.PathValue("name")), slog.Int("rules", len(in.Rules)), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// trialLine is one line of a trial's answer: an example, or how far it is.
type trialLine struct {
	Example *trialExample `json:"example,omitempty"`
	// Messages: looked at, of these found something in (by rule, too), not looked at
	// as a whole, and not readable.
	Looked  int            `json:"looked"`
	Found   int            `json:"found"`
	Rules   map[string]int `json:"rules,omitempty"`
	Partial int            `json:"partial"`
	Failed  int            `json:"failed"`
	Done    bool           `json:"done,omitempty"`
	Problem *Problem       `json:"problem,omitempty"`
}

type trialExample struct {
	Of      string       `json:"of"`
	Folder  string       `json:"folder"`
	At      time.Time    `json:"at"`
	From    string       `json:"from"`
	Subject string       `json:"subject"`
	Found   []TrialMatch `json:"found"`
}

// postContentTryBody is what postContentTry takes.
type postContentTryBody struct {
	Days  int           `json:"days"`
	Rules []contentRule `json:"rules"`
}

// postContentTry is POST /api/domains/{name}/content/try: 200 and lines of JSON, the
// last with done. It changes nothing, and ends when whoever asked goes. Without rules
// those of the domain are tried.
func (s *Server) postContentTry(w http.ResponseWriter, r *http.Request, who caller) error {
	var in postContentTryBody
	if err := decodeUpTo(w, r, &in, maxContent); err != nil {
		return err
	}
	if in.Days < 1 || in.Days > maxTrialDays {
		return &Problem{Status: http.StatusBadRequest, Field: "days", Message: "Say how many days of mail are to be looked at, from 1 to 3650."}
	}
	name := r.PathValue("name")
	rules, err := s.opt.Content.Content(r.Context(), name)
	if err != nil {
		return err
	}
	if in.Rules != nil {
		rules = readContent(in.Rules)
	}
	leave, ok := s.moving.enter(0) // it keeps the disk as busy
	if !ok {
		return &Problem{Status: http.StatusTooManyRequests, Retry: time.Minute, Message: "Other mail is being moved or looked through this moment.", WhatToDo: "Wait until that is done, then try again."}
	}
	defer leave()
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "content rules are tried", slog.String("domain", name), slog.Int("days", in.Days), slog.String("by", who.Address.String()))
	t := &trialWriter{w: w, control: http.NewResponseController(w), now: s.now, line: trialLine{Rules: map[string]int{}}}
	t.patience = patience{control: t.control, now: s.now}
	err = s.opt.Content.Try(r.Context(), name, rules, s.now().AddDate(0, 0, -in.Days), t.note)
	if err != nil && !t.begun && !errors.Is(err, context.Canceled) {
		return err
	}
	t.line.Done = err == nil
	if err != nil {
		t.line.Problem = problem(err)
	}
	return t.write(t.line)
}

// trialWriter writes what a trial finds as it finds it.
type trialWriter struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	patience patience
	now      func() time.Time
	line     trialLine
	begun    bool
	shown    int
	last     time.Time
}

// note takes in what was found in one message.
func (t *trialWriter) note(one Trial) error {
	t.line.Looked++
	if one.Partial {
		t.line.Partial++
	}
	if one.Failed {
		t.line.Failed++
	}
	line := t.line
	if len(one.Found) > 0 {
		t.line.Found++
		line.Found++
		for _, m := range one.Found {
			t.line.Rules[m.Rule]++
		}
		if t.shown < maxExamples {
			t.shown++
			line.Example = &trialExample{one.Of.String(), one.Folder, one.At, one.From, one.Subject, one.Found}
		}
	}
	if line.Example == nil && t.now().Sub(t.last) < progressEvery {
		return nil
	}
	t.last = t.now()
	return t.write(line)
}

func (t *trialWriter) write(line trialLine) error {
	if !t.begun {
		t.begun = true
		t.w.Header().Set("Content-Type", "application/x-ndjson")
		t.w.WriteHeader(http.StatusOK)
	}
	t.patience.extend()
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	if _, err := t.w.Write(append(text, '\n')); err != nil {
		return err
	}
	_ = t.control.Flush() // where it can't be, it comes all at once
	return nil
}
