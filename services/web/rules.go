package web

import (
	"log/slog"
	"net/http"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// copyJSON is a rule for copies as the API shows it.
type copyJSON struct {
	To  string `json:"to"`
	In  bool   `json:"in"`
	Out bool   `json:"out"`
}

type domainJSON struct {
	Name     string     `json:"name"`
	Main     bool       `json:"main"`
	AliasOf  string     `json:"alias_of,omitempty"`
	CatchAll string     `json:"catch_all,omitempty"`
	Copies   []copyJSON `json:"copies,omitempty"`
}

type rulesJSON struct {
	Forward   []string   `json:"forward"`
	Keep      bool       `json:"keep"`
	LocalOnly bool       `json:"local_only"`
	SendAs    []string   `json:"send_as"`
	Copies    []copyJSON `json:"copies"`
}

func showCopies(list []mail.Copy) []copyJSON {
	shown := make([]copyJSON, len(list))
	for i, c := range list {
		shown[i] = copyJSON{c.To.Address.String(), c.In, c.Out}
	}
	return shown
}

func readCopies(list []copyJSON) ([]mail.Copy, error) {
	copies := make([]mail.Copy, len(list))
	for i, c := range list {
		to, err := readMembers("copies", []string{c.To})
		if err != nil {
			return nil, err
		}
		copies[i] = mail.Copy{To: to[0], In: c.In, Out: c.Out}
	}
	return copies, nil
}

// getDomainsAnswer is what getDomains gives.
type getDomainsAnswer struct {
	Domains []domainJSON `json:"domains"`
}

// getDomains is GET /api/domains.
func (s *Server) getDomains(w http.ResponseWriter, r *http.Request, _ caller) error {
	all, err := s.opt.Addresses.Domains(r.Context())
	if err != nil {
		return err
	}
	shown := make([]domainJSON, len(all))
	for i, d := range all {
		shown[i] = domainJSON{Name: d.Name, Main: d.Main, AliasOf: d.AliasOf, Copies: showCopies(d.Copies)}
		if a, err := s.opt.Accounts.Account(r.Context(), d.CatchAll); d.CatchAll != 0 && err == nil { // else it was removed
			shown[i].CatchAll = a.Address.String()
		}
	}
	s.reply(w, r, http.StatusOK, getDomainsAnswer{shown})
	return nil
}

// putDomainBody is what putDomain takes.
type putDomainBody struct {
	AliasOf  string     `json:"alias_of"`
	CatchAll string     `json:"catch_all"`
	Copies   []copyJSON `json:"copies"`
}

// putDomain is PUT /api/domains/{name}: 204. It adds a domain, or makes its
// settings those given.
func (s *Server) putDomain(w http.ResponseWriter, r *http.Request, who caller) error {
	var in putDomainBody
	err := decode(w, r, &in)
	if err != nil {
		return err
	}
	d := mail.Domain{Name: r.PathValue("name"), AliasOf: in.AliasOf}
	if in.CatchAll != "" {
		account, err := s.reach(r.Context(), &who, in.CatchAll)
		if err != nil {
			return &Problem{Status: http.StatusBadRequest, Field: "catch_all", Message: "Nobody here has the address “" + in.CatchAll + "”.", Cause: err}
		}
		d.CatchAll = account.ID
	}
	if d.Copies, err = readCopies(in.Copies); err != nil {
		return err
	}
	if err := s.opt.Addresses.SetDomain(r.Context(), d); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "domain set", slog.String("domain", d.Name), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// deleteDomain is DELETE /api/domains/{name}: 204.
func (s *Server) deleteDomain(w http.ResponseWriter, r *http.Request, who caller) error {
	name := r.PathValue("name")
	if err := s.opt.Addresses.RemoveDomain(r.Context(), name); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "domain removed", slog.String("domain", name), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// getRules is GET /api/accounts/{address}/rules.
func (s *Server) getRules(w http.ResponseWriter, r *http.Request, who caller) error {
	account, err := s.reach(r.Context(), &who, r.PathValue("address"))
	if err != nil {
		return err
	}
	return s.replyRules(w, r, account.ID)
}

func (s *Server) replyRules(w http.ResponseWriter, r *http.Request, id mail.AccountID) error {
	rules, err := s.opt.Addresses.Rules(r.Context(), id)
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, rulesJSON{
		Forward: showMembers(rules.Forward), Keep: rules.Keep, LocalOnly: rules.LocalOnly, SendAs: showMembers(rules.SendAs), Copies: showCopies(rules.Copies),
	})
	return nil
}

// patchRulesBody is what patchRules takes.
type patchRulesBody struct {
	Forward   *[]string   `json:"forward"`
	Keep      *bool       `json:"keep"`
	LocalOnly *bool       `json:"local_only"`
	SendAs    *[]string   `json:"send_as"`
	Copies    *[]copyJSON `json:"copies"`
}

// patchRules is PATCH /api/accounts/{address}/rules: 200 and the rules. It changes
// what it has.
func (s *Server) patchRules(w http.ResponseWriter, r *http.Request, who caller) error {
	var in patchRulesBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	account, err := s.reach(r.Context(), &who, r.PathValue("address"))
	if err != nil {
		return err
	}
	var to mail.Rules
	for _, list := range []struct {
		field string
		from  *[]string
		to    *[]mail.Member
	}{{"forward", in.Forward, &to.Forward}, {"send_as", in.SendAs, &to.SendAs}} {
		if list.from != nil {
			if *list.to, err = readMembers(list.field, *list.from); err != nil {
				return err
			}
		}
	}
	if in.Copies != nil {
		if to.Copies, err = readCopies(*in.Copies); err != nil {
			return err
		}
	}
	err = s.opt.Addresses.ChangeRules(r.Context(), account.ID, func(rules *mail.Rules) {
		if in.Forward != nil {
			rules.Forward = to.Forward
		}
		if in.Keep != nil {
			rules.Keep = *in.Keep
		}
		if in.LocalOnly != nil {
			rules.LocalOnly = *in.LocalOnly
		}
		if in.SendAs != nil {
			rules.SendAs = to.SendAs
		}
		if in.Copies != nil {
			rules.Copies = to.Copies
		}
	})
	if err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "rules changed", slog.String("account", account.Address.String()), slog.String("by", who.Address.String()))
	return s.replyRules(w, r, account.ID)
}
