package porch

import (
	_ "embed"
	"errors"
	"html/template"
	"net"
	"net/http"
	"net/netip"
)

//go:embed porch.html
var html string

//go:embed porch.css
var css []byte

// policy of the page: its own style, its own form, and nothing else.
const policy = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guard lets only the office in, and no other site's forms.
func (p *Porch) guard(h http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection().Handler(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !p.o.Local(peer.Addr().Unmap().WithZone("")) {
			http.Error(w, "This page is for the office's own network.", http.StatusForbidden)
			return
		}
		for name, value := range map[string]string{
			"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
			"X-Frame-Options": "DENY", "Cache-Control": "no-store",
		} {
			w.Header().Set(name, value)
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		cross.ServeHTTP(w, r)
	})
}

// toHTTPS sends a browser where what is typed is not read by others.
func toHTTPS(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	http.Redirect(w, r, "https://"+host+"/", http.StatusTemporaryRedirect)
}

// view is what the page shows.
type view struct {
	words
	Problem string // with what was typed
	Opened  bool
}

// pages is the page, at every address: whoever comes wanted another one, which isn't there yet.
func (p *Porch) pages() http.Handler {
	page := template.Must(template.New("porch").Parse(html))
	show := func(w http.ResponseWriter, r *http.Request, status int, v view) {
		v.words = wordsFor(r.Header.Get("Accept-Language"))
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if v.Opened {
			w.Header().Set("Refresh", "8; url=/")
		}
		w.WriteHeader(status)
		_ = page.Execute(w, v) // the reader is gone when this fails
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /porch.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(css) // likewise
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		// 503 for programs that ask the API meanwhile; browsers show the page all the same.
		show(w, r, http.StatusServiceUnavailable, view{})
	})
	mux.HandleFunc("POST /unlock", func(w http.ResponseWriter, r *http.Request) {
		err := p.o.Unlock(r.Context(), r.PostFormValue("phrase"))
		refused, ok := errors.AsType[*Refusal](err)
		switch {
		case ok:
			show(w, r, http.StatusUnprocessableEntity, view{Problem: refused.Public})
		case err != nil:
			p.o.Logger.Error("the mail was not unlocked", "err", err)
			show(w, r, http.StatusInternalServerError, view{Problem: "The box could not open the mail. Try again; its log says more."})
		default:
			show(w, r, http.StatusOK, view{Opened: true})
			p.once.Do(func() { close(p.opened) })
		}
	})
	return mux
}
