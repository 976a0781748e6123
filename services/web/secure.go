package web

import (
	"net/http"
)

// discoverPaths are one path as programs write it; it has no parameters to keep
// apart.
func discoverPaths() [3]string {
	return [...]string{"/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml", "/AutoDiscover/AutoDiscover.xml"}
}

// SecureHandler answers on port 443.
func (s *Server) SecureHandler() http.Handler {
	mux := http.NewServeMux()
	for _, path := range [...]string{"/{$}", "/setup", "/setup/", "/admin", "/admin/", "/me", "/me/", "/mail", "/mail/", "/connect", "/connect/", "/reset"} {
		mux.HandleFunc("GET "+path, s.page(http.StatusOK))
	}
	mux.HandleFunc("/", s.page(http.StatusNotFound)) // the app says so in its own words
	mux.HandleFunc("GET /assets/", s.asset)
	mux.HandleFunc("GET /mark.svg", s.asset)
	mux.HandleFunc("GET /licenses.txt", s.asset)
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })

	for _, a := range s.api() {
		for _, c := range a.calls {
			if a.there {
				mux.HandleFunc(c.path(), s.serve(a.name, c))
			}
		}
	}
	mux.HandleFunc("/api/", s.handle(func(http.ResponseWriter, *http.Request) error {
		return &Problem{Status: http.StatusNotFound, Message: "The box has nothing at this address, or not for this method."}
	}))

	for _, path := range discoverPaths() {
		mux.HandleFunc("POST "+path, s.handle(s.autodiscover))
	}
	s.shared(mux)
	return s.policies(s.guard(mux))
}

// shared are the paths that both ports answer, since the devices that ask for
// them may not trust the box's certificate yet.
func (s *Server) shared(mux *http.ServeMux) {
	mux.HandleFunc("GET /ca.crt", s.handle(s.certificate(false)))
	mux.HandleFunc("GET /ca.pem", s.handle(s.certificate(true)))
	mux.HandleFunc("GET /profile.mobileconfig", s.handle(s.appleProfile))
	for _, path := range [...]string{"/.well-known/autoconfig/mail/config-v1.1.xml", "/mail/config-v1.1.xml"} {
		mux.HandleFunc("GET "+path, s.handle(s.autoconfig))
	}
}
