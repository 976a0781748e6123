package web

import (
	"context"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Routes are which way mail goes out, and when. Errors: mail.ErrNoRoute,
// mail.ErrTooMany, a *mail.RuleError, or the box's own trouble.
type Routes interface {
	// Usual is the way of all mail for which no Route says another: that of the set-up.
	Usual() mail.Route
	// Routes lists all; their passwords are never given.
	Routes(ctx context.Context) ([]mail.Route, error)
	SetRoute(ctx context.Context, r mail.Route) error
	RemoveRoute(ctx context.Context, domain string) error
	// TryRoute tries what holds for mail to a domain, or with WaySmartHost or WayDirect
	// these settings, without sending anything. It takes a minute at most.
	TryRoute(ctx context.Context, r mail.Route) (mail.RouteTrial, error)
	Window() mail.Window
	SetWindow(ctx context.Context, w mail.Window) error
}

// allDomains stands in paths for all mail that has no Route of its own.
const allDomains = "*"

// routeJSON is a Route as the API has it. The password goes in only.
type routeJSON struct {
	Domain   string   `json:"domain,omitempty"` // "*" is all mail that has no other
	Below    bool     `json:"below,omitempty"`
	Way      string   `json:"way,omitempty"` // direct, smarthost
	Host     string   `json:"host,omitempty"`
	Port     uint16   `json:"port,omitempty"`
	TLS      string   `json:"tls,omitempty"` // starttls, implicit, none
	Pin      string   `json:"pin,omitempty"` // hexadecimal
	User     string   `json:"user,omitempty"`
	Password string   `json:"password,omitempty"`
	FallBack bool     `json:"fall_back,omitempty"`
	Pauses   []string `json:"pauses,omitempty"` // as package time writes durations
	Then     string   `json:"then,omitempty"`
	Delay    string   `json:"delay,omitempty"`
	GiveUp   string   `json:"give_up,omitempty"`
}

func shownRoute(r mail.Route) routeJSON {
	shown := routeJSON{Domain: r.Domain, Below: r.Below, Way: string(r.Way), Host: r.Host, Port: r.Port, TLS: string(r.TLS), User: r.User, FallBack: r.FallBack}
	if r.Domain == "" {
		shown.Domain = allDomains
	}
	if r.Pin != (mail.KeyPin{}) {
		shown.Pin = hex.EncodeToString(r.Pin[:])
	}
	for _, p := range r.Retries.Pauses {
		shown.Pauses = append(shown.Pauses, p.String())
	}
	for text, d := range map[*string]time.Duration{&shown.Then: r.Retries.Then, &shown.Delay: r.Retries.Delay, &shown.GiveUp: r.Retries.GiveUp} {
		if d != 0 {
			*text = d.String()
		}
	}
	return shown
}

// route reads it.
func (j *routeJSON) route() (mail.Route, error) {
	r := mail.Route{
		Domain: j.Domain, Below: j.Below, Way: mail.Way(j.Way), Host: j.Host, Port: j.Port, TLS: mail.RouteTLS(j.TLS), User: j.User, Password: j.Password, FallBack: j.FallBack,
	}
	if r.Domain == allDomains {
		r.Domain = ""
	}
	if j.Pin != "" {
		pin, err := hex.DecodeString(strings.ReplaceAll(j.Pin, ":", ""))
		if err != nil || len(pin) != len(r.Pin) {
			return r, &Problem{Status: http.StatusBadRequest, Field: "pin", Message: "A pin is 64 hexadecimal digits.", WhatToDo: "Test the route without it: that shows the pin of the server's key.", Cause: err}
		}
		r.Pin = mail.KeyPin(pin)
	}
	read := func(field, text string) (time.Duration, error) {
		if text == "" {
			return 0, nil
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			return 0, &Problem{Status: http.StatusBadRequest, Field: field, Message: "“" + text + "” is no time span.", WhatToDo: "Write it like 30m or 12h.", Cause: err}
		}
		return d, nil
	}
	for _, text := range j.Pauses {
		d, err := read("pauses", text)
		if err != nil {
			return r, err
		}
		r.Retries.Pauses = append(r.Retries.Pauses, d)
	}
	for _, span := range []struct {
		field, text string
		into        *time.Duration
	}{{"then", j.Then, &r.Retries.Then}, {"delay", j.Delay, &r.Retries.Delay}, {"give_up", j.GiveUp, &r.Retries.GiveUp}} {
		var err error
		if *span.into, err = read(span.field, span.text); err != nil {
			return r, err
		}
	}
	return r, nil
}

// getRoutesAnswer is what getRoutes gives.
type getRoutesAnswer struct {
	Usual  routeJSON   `json:"usual"`
	Routes []routeJSON `json:"routes"`
	Window []string    `json:"window"`
}

// getRoutes is GET /api/routes.
func (s *Server) getRoutes(w http.ResponseWriter, r *http.Request, _ caller) error {
	all, err := s.opt.Routes.Routes(r.Context())
	if err != nil {
		return err
	}
	list := make([]routeJSON, len(all))
	for i, route := range all {
		list[i] = shownRoute(route)
	}
	periods := []string{}
	for _, p := range s.opt.Routes.Window() {
		periods = append(periods, p.String())
	}
	s.reply(w, r, http.StatusOK, getRoutesAnswer{shownRoute(s.opt.Routes.Usual()), list, periods})
	return nil
}

// putRoute is PUT /api/routes/{domain}: 204. Without a password that of before stays,
// where host and user do.
func (s *Server) putRoute(w http.ResponseWriter, r *http.Request, who caller) error {
	var in routeJSON
	if err := decode(w, r, &in); err != nil {
		return err
	}
	in.Domain = r.PathValue("domain")
	route, err := in.route()
	if err != nil {
		return err
	}
	if err := s.opt.Routes.SetRoute(r.Context(), route); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "route set", slog.String("domain", in.Domain), slog.String("way", in.Way), slog.String("host", in.Host), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// deleteRoute is DELETE /api/routes/{domain}: 204. What waits goes as all other mail.
func (s *Server) deleteRoute(w http.ResponseWriter, r *http.Request, who caller) error {
	shown := r.PathValue("domain")
	name := shown
	if name == allDomains {
		name = ""
	}
	if err := s.opt.Routes.RemoveRoute(r.Context(), name); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "route removed", slog.String("domain", shown), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// postRouteTestAnswer is what postRouteTest gives.
type postRouteTestAnswer struct {
	Well   bool   `json:"well"`
	Server string `json:"server,omitempty"`
	TLS    string `json:"tls,omitempty"`
	Pin    string `json:"pin,omitempty"`
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"`
}

// postRouteTest is POST /api/routes/test: what a PUT has, or a domain alone. That the
// route doesn't work is an answer, and no failure of the request.
func (s *Server) postRouteTest(w http.ResponseWriter, r *http.Request, _ caller) error {
	var in routeJSON
	if err := decode(w, r, &in); err != nil {
		return err
	}
	route, err := in.route()
	if err != nil {
		return err
	}
	trial, err := s.opt.Routes.TryRoute(r.Context(), route)
	if err != nil {
		return err
	}
	answer := postRouteTestAnswer{Well: trial.Well, Server: trial.Server, TLS: trial.TLS, Text: sentence(trial.Text), Advice: trial.Advice}
	if trial.Pin != (mail.KeyPin{}) {
		answer.Pin = hex.EncodeToString(trial.Pin[:])
	}
	s.reply(w, r, http.StatusOK, answer)
	return nil
}

// putWindowBody is what putWindow takes.
type putWindowBody struct {
	Window []string `json:"window"`
}

// putWindow is PUT /api/send-window {"window": ["mon-fri 08:00-18:00"]}: 204. None: mail
// leaves at any time.
func (s *Server) putWindow(w http.ResponseWriter, r *http.Request, who caller) error {
	var in putWindowBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	window := make(mail.Window, len(in.Window))
	for i, text := range in.Window {
		var err error
		if window[i], err = mail.ParsePeriod(text); err != nil {
			return err
		}
	}
	if err := s.opt.Routes.SetWindow(r.Context(), window); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "send window set", slog.Any("window", in.Window), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}
