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

	mux.HandleFunc("GET /api/status", s.handle(s.status))
	mux.HandleFunc("POST /api/setup", s.handle(s.postSetup))
	mux.HandleFunc("POST /api/setup/check", s.handle(s.checkCode))
	mux.HandleFunc("POST /api/setup/findings", s.handle(s.postFindings))
	mux.HandleFunc("GET /api/connect", s.handle(s.connect))
	mux.HandleFunc("GET /api/connect/qr.svg", s.handle(s.connectQR))
	mux.HandleFunc("GET /api/session", s.handle(s.getSession))
	mux.HandleFunc("POST /api/session", s.handle(s.postSession))
	mux.HandleFunc("DELETE /api/session", s.handle(s.deleteSession))
	mux.HandleFunc("PUT /api/me/password", s.handle(s.putOwnPassword))
	s.secondFactors(mux)
	s.appPasswords(mux)
	s.passkeys(mux)
	s.devices(mux)
	mux.HandleFunc("GET /api/me/sessions", s.handle(s.getSessions))
	mux.HandleFunc("DELETE /api/me/sessions", s.handle(s.deleteSessions))
	mux.HandleFunc("DELETE /api/me/sessions/{id}", s.handle(s.deleteOwnSession))
	mux.HandleFunc("GET /api/me/search", s.handle(s.getSearch))
	mux.HandleFunc("GET /api/search/rebuild", s.admin(s.getSearchRebuild))
	mux.HandleFunc("POST /api/search/rebuild", s.admin(s.postSearchRebuild))
	mux.HandleFunc("GET /api/accounts", s.admin(s.getAccounts))
	mux.HandleFunc("POST /api/accounts", s.admin(s.postAccount))
	mux.HandleFunc("PATCH /api/accounts/{address}", s.admin(s.patchAccount))
	mux.HandleFunc("PUT /api/accounts/{address}/password", s.admin(s.putPassword))
	mux.HandleFunc("DELETE /api/accounts/{address}", s.admin(s.deleteAccount))
	mux.HandleFunc("POST /api/accounts/{address}/password-link", s.admin(s.postPasswordLink))
	mux.HandleFunc("POST /api/password-link", s.handle(s.postByLink))
	mux.HandleFunc("GET /api/accounts/{address}/mail", s.admin(s.getMail))
	mux.HandleFunc("POST /api/accounts/{address}/mail", s.admin(s.postMail))
	mux.HandleFunc("GET /api/collect", s.admin(s.getCollect))
	mux.HandleFunc("POST /api/collect", s.admin(s.postCollect))
	mux.HandleFunc("GET /api/tokens", s.admin(s.getTokens))
	mux.HandleFunc("GET /api/health", s.admin(s.getHealth))
	mux.HandleFunc("POST /api/tokens", s.admin(s.postToken))
	mux.HandleFunc("DELETE /api/tokens/{id}", s.admin(s.deleteToken))
	if s.opt.WayBack != nil {
		mux.HandleFunc("POST /api/password-reset", func(w http.ResponseWriter, r *http.Request) {
			w, r = s.audited(w, r, "whoever stands at the box")
			s.handle(s.postPasswordReset)(w, r)
		})
	}
	s.sources(mux)
	s.dns(mux)
	s.moves(mux)
	s.undo(mux)
	s.addresses(mux)
	s.sending(mux)
	s.queue(mux)
	s.trace(mux)
	s.tally(mux)
	s.audit(mux)
	s.boxLog(mux)
	mux.HandleFunc("GET /api/accounts/{address}/verdicts/{mailbox}/{uid}", s.admin(s.getVerdicts))
	s.spares(mux)
	s.blockLists(mux)
	s.admissions(mux)
	s.network(mux)
	s.encryption(mux)
	s.sizes(mux)
	s.updates(mux)
	s.monitor(mux)
	s.updateSource(mux)
	s.access(mux)
	s.pop3(mux)
	s.loginCertificates(mux)
	s.boxCertificate(mux)
	s.apop(mux)
	s.shares(mux)
	s.routes(mux)
	s.content(mux)
	s.held(mux)
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
