package web

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// addressJSON is an alias, shared address or group as the API shows it.
type addressJSON struct {
	Address string   `json:"address"`
	Kind    string   `json:"kind"` // alias, shared, group
	Name    string   `json:"name"`
	Members []string `json:"members"`
	Who     string   `json:"who,omitempty"` // of groups: anybody, office, members, named
	Named   []string `json:"named,omitempty"`
}

func kindText(k mail.ListingKind) string {
	switch k {
	case mail.ListingAlias:
		return "alias"
	case mail.ListingShared:
		return "shared"
	}
	return "group"
}

func whoText(w mail.Who) string {
	return [...]string{mail.WhoAnybody: "anybody", mail.WhoOffice: "office", mail.WhoMembers: "members", mail.WhoNamed: "named"}[w]
}

// readWho reads who may send to a group; "" is anybody.
func readWho(text string) (mail.Who, error) {
	for _, w := range []mail.Who{mail.WhoAnybody, mail.WhoOffice, mail.WhoMembers, mail.WhoNamed} {
		if text == whoText(w) || text == "" {
			return w, nil
		}
	}
	return 0, &Problem{Status: http.StatusBadRequest, Field: "who", Message: "Who may send to a group is anybody, office, members or named."}
}

func showMembers(list []mail.Member) []string {
	shown := make([]string, len(list)) // [], not null
	for i, m := range list {
		shown[i] = m.Address.String()
	}
	return shown
}

func readMembers(field string, list []string) ([]mail.Member, error) {
	members := make([]mail.Member, len(list))
	for i, text := range list {
		a, err := mail.ParseAddress(text)
		if err != nil {
			return nil, &Problem{Status: http.StatusBadRequest, Field: field, Message: "“" + text + "” is not a mail address.", Cause: err}
		}
		members[i].Address = a
	}
	return members, nil
}

func showListing(l mail.Listing) addressJSON {
	shown := addressJSON{Address: l.Address.String(), Kind: kindText(l.Kind), Name: l.Name, Members: showMembers(l.Members)}
	if l.Kind == mail.ListingGroup {
		shown.Who = whoText(l.Who)
	}
	if l.Who == mail.WhoNamed {
		shown.Named = showMembers(l.Named)
	}
	return shown
}

// aliasesAnswer is what getAliases gives.
type aliasesAnswer struct {
	Aliases []addressJSON `json:"aliases"`
}

// groupsAnswer is what getGroups gives.
type groupsAnswer struct {
	Groups []addressJSON `json:"groups"`
}

// getAliases is GET /api/aliases: aliases and shared addresses.
func (s *Server) getAliases(w http.ResponseWriter, r *http.Request, who caller) error {
	shown, err := s.listings(r.Context(), who, false)
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, aliasesAnswer{shown})
	return nil
}

// getGroups is GET /api/groups.
func (s *Server) getGroups(w http.ResponseWriter, r *http.Request, who caller) error {
	shown, err := s.listings(r.Context(), who, true)
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, groupsAnswer{shown})
	return nil
}

func (s *Server) listings(ctx context.Context, who caller, groups bool) ([]addressJSON, error) {
	all, err := s.opt.Addresses.Listings(ctx)
	if err != nil {
		return nil, err
	}
	shown := []addressJSON{}
	for _, l := range all {
		if (l.Kind == mail.ListingGroup) == groups && who.looksAfter(l.Address) {
			shown = append(shown, showListing(l))
		}
	}
	return shown, nil
}

// putListingBody is what putListing takes.
type putListingBody struct {
	Kind    string   `json:"kind"`
	Name    string   `json:"name"`
	Members []string `json:"members"`
	Who     string   `json:"who"`
	Named   []string `json:"named"`
}

// putAlias is PUT /api/aliases/{address}, putGroup PUT /api/groups/{address}.
func (s *Server) putAlias(w http.ResponseWriter, r *http.Request, who caller) error {
	return s.putListing(w, r, who, false)
}

func (s *Server) putGroup(w http.ResponseWriter, r *http.Request, who caller) error {
	return s.putListing(w, r, who, true)
}

// deleteAlias is DELETE /api/aliases/{address}, deleteGroup DELETE /api/groups/{address}.
func (s *Server) deleteAlias(w http.ResponseWriter, r *http.Request, who caller) error {
	return s.deleteListing(w, r, who, false)
}

func (s *Server) deleteGroup(w http.ResponseWriter, r *http.Request, who caller) error {
	return s.deleteListing(w, r, who, true)
}

// putListing makes an address, or makes it what is given: 200 and the address.
func (s *Server) putListing(w http.ResponseWriter, r *http.Request, who caller, group bool) error {
	var in putListingBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	address, err := parseAddress(r.PathValue("address"))
	if err != nil {
		return mail.ErrAddress
	}
	if !who.looksAfter(address) {
		return problemNotYours()
	}
	l := mail.Listing{Address: address, Name: in.Name, Kind: mail.ListingGroup}
	switch {
	case group && in.Kind != "" && in.Kind != "group", !group && in.Kind != "" && in.Kind != "alias" && in.Kind != "shared":
		return &Problem{Status: http.StatusBadRequest, Field: "kind", Message: "Here are aliases and shared addresses under /api/aliases, and groups under /api/groups."}
	case in.Kind == "shared":
		l.Kind = mail.ListingShared
	case !group:
		l.Kind = mail.ListingAlias
	}
	if l.Members, err = readMembers("members", in.Members); err != nil {
		return err
	}
	if l.Named, err = readMembers("named", in.Named); err != nil {
		return err
	}
	if l.Who, err = readWho(in.Who); err != nil {
		return err
	}
	if l, err = s.opt.Addresses.SetListing(r.Context(), l); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "address set", slog.String("address", l.Address.String()), slog.String("kind", kindText(l.Kind)), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusOK, showListing(l))
	return nil
}

// deleteListing ends an address: 204.
func (s *Server) deleteListing(w http.ResponseWriter, r *http.Request, who caller, groups bool) error {
	address, err := parseAddress(r.PathValue("address"))
	if err != nil {
		return mail.ErrNoSuchAddress
	}
	if !who.looksAfter(address) {
		return problemNotYours()
	}
	all, err := s.opt.Addresses.Listings(r.Context())
	if err != nil {
		return err
	}
	for _, l := range all {
		if l.Address != address || (l.Kind == mail.ListingGroup) != groups {
			continue
		}
		if err := s.opt.Addresses.RemoveListing(r.Context(), address); err != nil {
			return err
		}
		s.log.LogAttrs(r.Context(), slog.LevelInfo, "address removed", slog.String("address", address.String()), slog.String("by", who.Address.String()))
		s.reply(w, r, http.StatusNoContent, nil)
		return nil
	}
	return mail.ErrNoSuchAddress
}
