package web

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/zone"
)

// Zone is what the office publishes in DNS.
type Zone interface {
	// Records are all that it should publish, and how they stand: it asks DNS, for 20
	// seconds at most.
	Records(ctx context.Context) ([]zone.Record, error)
	// Proposed are the same, without asking.
	Proposed(ctx context.Context) ([]zone.Record, error)
	// Notes say why a record that one would look for is not proposed.
	Notes() []string
	// Signing lists who signs for each domain, SetSigning says it for one. Error:
	// mail.ErrNoDomain, or the box's own trouble.
	Signing() []mail.Signing
	SetSigning(ctx context.Context, s mail.Signing) error
	// Policy is the MTA-STS policy of a domain; false for one that is not the office's.
	Policy(domain string) (string, bool)
	// PrepareKeys makes a domain's next keys to sign with, UseKeys takes them up.
	// Errors: mail.ErrNoDomain, a *mail.RuleError, or the box's own trouble.
	PrepareKeys(ctx context.Context, domain string) error
	UseKeys(ctx context.Context, domain string) error
}

// dnsTime is how long the list may take: the box asks many servers.
const dnsTime = 30 * time.Second

// dnsRecord is a zone.Record as the API shows it.
type dnsRecord struct {
	About string   `json:"about"`
	Need  string   `json:"need"` // needed, useful, later, old
	Name  string   `json:"name"`
	Type  string   `json:"type"`
	Value string   `json:"value,omitempty"`
	Data  string   `json:"data,omitempty"` // the value in zone-file form
	State string   `json:"state"`          // ok, missing, differs, unknown
	Found []string `json:"found,omitempty"`
	ToDo  string   `json:"what_to_do,omitempty"`
}

// getDNSAnswer is what getDNS gives.
type getDNSAnswer struct {
	OK      bool        `json:"ok"` // nothing that is needed is missing
	Records []dnsRecord `json:"records"`
	Notes   []string    `json:"notes,omitempty"` // why others are not among them
}

// getDNS is GET /api/dns: the records and how they stand. It asks DNS, which can take
// some seconds; with ?look=no it doesn't.
func (s *Server) getDNS(w http.ResponseWriter, r *http.Request, _ caller) error {
	extend(w, time.Now().Add(dnsTime))
	records := s.opt.DNS.Records
	if r.URL.Query().Get("look") == "no" {
		records = s.opt.DNS.Proposed
	}
	list, err := records(r.Context())
	if err != nil {
		return err
	}
	out := getDNSAnswer{zone.Well(list), make([]dnsRecord, 0, len(list)), s.opt.DNS.Notes()}
	for _, z := range list {
		out.Records = append(out.Records, dnsRecord{z.About, string(z.Need), z.Name, z.Type, z.Value, dataOf(&z), string(z.State), z.Found, z.ToDo})
	}
	s.reply(w, r, http.StatusOK, out)
	return nil
}

func dataOf(z *zone.Record) string {
	if z.Value == "" {
		return ""
	}
	return z.Data()
}

// getZone is GET /api/dns/zone: the records as a fragment of a zone file.
func (s *Server) getZone(w http.ResponseWriter, r *http.Request, _ caller) error {
	list, err := s.opt.DNS.Proposed(r.Context())
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := zone.WriteFile(&b, list, s.opt.DNS.Notes()); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="mail.zone"`)
	_, _ = w.Write(b.Bytes()) // the reader is gone when this fails
	return nil
}

// postKeysBody is what postKeys takes.
type postKeysBody struct {
	Do string `json:"do"`
}

// postKeys is POST /api/dns/keys/{domain}: 204. {"do": "prepare"} makes the next keys,
// {"do": "use"} takes them up.
func (s *Server) postKeys(w http.ResponseWriter, r *http.Request, who caller) error {
	var in postKeysBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	name := r.PathValue("domain")
	var err error
	switch in.Do {
	case "prepare":
		err = s.opt.DNS.PrepareKeys(r.Context(), name)
	case "use":
		err = s.opt.DNS.UseKeys(r.Context(), name)
	default:
		err = &Problem{Status: http.StatusBadRequest, Field: "do", Message: "This is neither “prepare” nor “use”."}
	}
	if err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "signing keys changed", slog.String("domain", name), slog.String("do", in.Do), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// signingJSON is who signs a domain's mail.
type signingJSON struct {
	Domain string `json:"domain"`
	By     string `json:"by"` // box, provider
}

// getSigningAnswer is what getSigning gives.
type getSigningAnswer struct {
	Domains []signingJSON `json:"domains"`
}

// getSigning is GET /api/signing.
func (s *Server) getSigning(w http.ResponseWriter, r *http.Request, _ caller) error {
	list := []signingJSON{}
	for _, d := range s.opt.DNS.Signing() {
		by := "box"
		if d.Provider {
			by = "provider"
		}
		list = append(list, signingJSON{d.Domain, by})
	}
	s.reply(w, r, http.StatusOK, getSigningAnswer{list})
	return nil
}

// putSigningBody is what putSigning takes.
type putSigningBody struct {
	By string `json:"by"`
}

// putSigning is PUT /api/signing/{domain}: 204. {"by": "provider"} has the box not sign
// the domain's mail, {"by": "box"} has it sign again.
func (s *Server) putSigning(w http.ResponseWriter, r *http.Request, who caller) error {
	var in putSigningBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if in.By != "box" && in.By != "provider" {
		return &Problem{Status: http.StatusBadRequest, Field: "by", Message: "Who signs the mail is neither “box” nor “provider”."}
	}
	name := r.PathValue("domain")
	if err := s.opt.DNS.SetSigning(r.Context(), mail.Signing{Domain: name, Provider: in.By == "provider"}); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "signing set", slog.String("domain", name), slog.String("signs", in.By), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// policies answers for the MTA-STS policies of the office's domains, to the whole
// world: those who fetch them are outside (RFC 8461 §3.3). All else is next's.
func (s *Server) policies(next http.Handler) http.Handler {
	policy := s.observe(headers(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		domain, _ := strings.CutPrefix(hostOf(r.Host), zone.PolicyHost(""))
		text, ok := s.opt.DNS.Policy(domain)
		if !ok {
			s.fail(w, r, &Problem{Status: http.StatusNotFound, Message: "The box has no policy for this domain."})
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte(text)) // the reader is gone when this fails
	})))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ours := strings.HasPrefix(hostOf(r.Host), zone.PolicyHost("")) && r.URL.Path == zone.PolicyPath
		if ours && s.opt.DNS != nil && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			policy.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
