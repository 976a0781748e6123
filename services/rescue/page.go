package rescue

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"html/template"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS []byte

const (
	// maxForm bounds what is typed, in bytes: a code and a word.
	maxForm = 4 << 10
	// patience bounds a question to the machine; a support bundle takes longest.
	patience = 50 * time.Second
	// startTime is what a box needs to start again, and followTime is often enough to see
	// how something goes; in seconds.
	startTime  = 90
	followTime = 5
)

// pages answers over one of the two ports.
type pages struct {
	box    Box
	log    *slog.Logger
	secure bool
	finger string // of the certificate
	page   *template.Template
}

// handler of the pages; secure says that it is the one of https.
func handler(box Box, log *slog.Logger, secure bool, finger string) http.Handler {
	p := &pages{box: box, log: log, secure: secure, finger: finger, page: template.Must(template.New("page").Parse(pageHTML))}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.show)
	mux.HandleFunc("POST /{$}", p.do)
	mux.HandleFunc("GET /page.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(pageCSS) // the reader is gone when this fails
	})
	// What people have in their bookmarks leads to what there is.
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) })
	return headers(mux)
}

// headers keep others' pages from using this one, and anybody from keeping it.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// view is what the page's template sees.
type view struct {
	State
	Headline string
	Steps    []string
	Choices  []choice
	Erase    bool
	Secure   bool
	Link     string   // to https
	Finger   []string // in pairs, between which a line may break
	Health   string
	Age      string
	Wrong    string // why the last order was refused
	Again    int    // seconds after which the page is loaded anew; 0: never
}

type choice struct {
	Act         Act
	Name, Means string
	Chosen      bool
}

func (p *pages) show(w http.ResponseWriter, r *http.Request) { p.render(w, r, http.StatusOK, "", "") }

// render shows the page. chosen is what was asked for, and wrong why it was refused.
func (p *pages) render(w http.ResponseWriter, r *http.Request, status int, chosen Act, wrong string) {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	state, err := p.box.State(ctx)
	if err != nil {
		p.log.Error("the machine does not say how it stands", "err", err)
		http.Error(w, "The box doesn't answer at this moment. Load this page again in a minute, or look at the box's screen.", http.StatusServiceUnavailable)
		return
	}
	v := view{
		State: state, Headline: state.Fault.headline(), Steps: state.Fault.steps(), Secure: p.secure, Link: "https://" + hostOf(r),
		Finger: strings.SplitAfter(p.finger, ":"), Wrong: wrong, Erase: slices.Contains(state.Acts, Erase),
	}
	if state.Disk != nil {
		v.Health, v.Age = state.Disk.health(), state.Disk.age()
	}
	if !slices.Contains(state.Acts, chosen) {
		chosen = ""
	}
	for i, a := range state.Acts {
		name, means := a.words()
		v.Choices = append(v.Choices, choice{a, name, means, a == chosen || chosen == "" && i == 0})
	}
	switch {
	case state.Ending:
		v.Again = startTime
	case state.Doing != "":
		v.Again = followTime
	}
	var b bytes.Buffer
	if err := p.page.Execute(&b, v); err != nil {
		p.log.Error("page not made", "err", err)
		http.Error(w, "The page can't be shown. Look at the box's screen.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the reader is gone when this fails
}

// do has the box do what was chosen.
func (p *pages) do(w http.ResponseWriter, r *http.Request) {
	if !p.secure {
		p.render(w, r, http.StatusForbidden, "", "This goes over https only: use the button below.")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		p.render(w, r, http.StatusBadRequest, "", "What was sent can't be understood. Try again.")
		return
	}
	o := Order{Act: Act(r.PostForm.Get("act")), Code: r.PostForm.Get("code"), Word: r.PostForm.Get("word")}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	err := p.box.Do(ctx, o)
	var bundle io.ReadCloser
	if err == nil && o.Act == Support {
		bundle, err = p.box.Bundle()
	}
	if refused, ok := errors.AsType[*mail.RuleError](err); ok {
		p.render(w, r, http.StatusUnprocessableEntity, o.Act, refused.Text)
		return
	}
	if err != nil {
		p.log.Error("the machine did not do what was asked for", "act", string(o.Act), "err", err)
		p.render(w, r, http.StatusInternalServerError, o.Act, "The box could not do that; its log says why.")
		return
	}
	if o.Act == Restart || o.Act == Previous || o.Act == Erase {
		p.render(w, r, http.StatusOK, "", "") // there may be nobody left to follow a redirect to
		return
	}
	if bundle == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	defer func() { _ = bundle.Close() }() // only read from
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", `attachment; filename="sanduk-support.zip"`)
	_, _ = io.Copy(w, bundle) // the reader is gone when this fails
}

// hostOf is the host that the client asked, without the port.
func hostOf(r *http.Request) string {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
		if strings.Contains(h, ":") {
			host = "[" + h + "]"
		}
	}
	return host
}
