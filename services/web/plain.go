package web

import (
	"bytes"
	_ "embed"
	"html/template"
	"net"
	"net/http"
	"strings"
)

//go:embed plain.html
var plainHTML string

//go:embed plain.css
var plainCSS []byte

// PlainHandler answers on port 80: what devices need before they trust the
// box. ACME challenges are answered for the whole world, since the one who asks
// is outside; everything else is for the office.
func (s *Server) PlainHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.handle(s.plainPage(template.Must(template.New("plain").Parse(plainHTML)))))
	mux.HandleFunc("GET /plain.css", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(plainCSS) // the reader is gone when this fails
	})
	mux.HandleFunc("GET /mark.svg", s.asset)
	s.shared(mux)
	for _, path := range discoverPaths() {
		mux.HandleFunc(path, s.handle(s.discoverSecurely))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			// Sent on, it would have gone over the wire in clear twice.
			s.fail(w, r, &Problem{Status: http.StatusForbidden, Message: "This goes over https only.", WhatToDo: "Use https:// in the address."})
			return
		}
		// Not permanent: browsers would keep it beyond a change of ports or names.
		http.Redirect(w, r, "https://"+s.secureHost(r)+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	})
	inner := s.guard(mux)

	outer := http.NewServeMux()
	outer.Handle("/.well-known/acme-challenge/", s.observe(headers(s.opt.Challenge)))
	outer.Handle("/", inner)
	return outer
}

// discoverSecurely sends programs that look for their settings here to https, by the
// box's own name: its certificate need not have the one they asked for, which is
// why they ask in clear at all. [MS-OXDISCO] has them ask with GET, and look for a
// 302. Thunderbird posts, without the password, what it also posts to https: the 307
// has it do that once more.
func (s *Server) discoverSecurely(w http.ResponseWriter, r *http.Request) error {
	state, err := s.state(r.Context())
	if err != nil {
		return err
	}
	if !state.SetUp {
		return &Problem{Status: http.StatusNotFound, Message: "The box has not been set up yet."}
	}
	status, host := http.StatusFound, state.Hostname.String()
	if r.Method == http.MethodPost {
		status = http.StatusTemporaryRedirect
	}
	if port := s.ports(r).HTTPS; port != 443 {
		host = net.JoinHostPort(host, itoa(port))
	}
	http.Redirect(w, r, "https://"+host+r.URL.RequestURI(), status)
	return nil
}

// plainPage shows the CA's fingerprint and the way to https.
func (s *Server) plainPage(t *template.Template) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		state, err := s.state(r.Context())
		if err != nil {
			return err
		}
		var b bytes.Buffer
		err = t.Execute(&b, struct {
			State
			CA, Leaf []string // in pairs, between which a line may break
			Secure   string
		}{state, pairs(s.opt.Certificates.CA()), pairs(s.opt.Certificates.Leaf()), "https://" + s.secureHost(r)})
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(b.Bytes()) // the reader is gone when this fails
		return nil
	}
}

// pairs is a fingerprint cut behind its colons; nil for none.
func pairs(der []byte) []string {
	if len(der) == 0 {
		return nil
	}
	return strings.SplitAfter(fingerprint(der), ":")
}
