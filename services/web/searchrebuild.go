package web

import (
	"cmp"
	"log/slog"
	"net/http"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/search"
)

// rebuild is the making of one account's search index as the API shows it.
type rebuild struct {
	Address  string              `json:"address"`
	State    search.RebuildState `json:"state"`
	Messages int64               `json:"messages"` // of Total
	Total    int64               `json:"total"`
	Seconds  float64             `json:"seconds,omitempty"` // when it has ended
	Problem  *Problem            `json:"problem,omitempty"` // when it has failed
}

// postSearchRebuildBody is what postSearchRebuild takes.
type postSearchRebuildBody struct {
	Address string `json:"address"`
}

// postSearchRebuild is POST /api/search/rebuild: 202, and what GET tells.
func (s *Server) postSearchRebuild(w http.ResponseWriter, r *http.Request, who caller) error {
	var in postSearchRebuildBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if s.opt.Search == nil {
		return errNoSearch()
	}
	var ids []mail.AccountID
	if in.Address != "" {
		account, err := s.reach(r.Context(), &who, in.Address)
		if err != nil {
			return err
		}
		ids = append(ids, account.ID)
	} else {
		accounts, err := s.opt.Accounts.Accounts(r.Context())
		if err != nil {
			return err
		}
		for _, a := range accounts {
			ids = append(ids, a.ID)
		}
	}
	s.opt.Search.Rebuild(ids...)
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "search index is made anew", slog.String("of", cmp.Or(in.Address, "everybody")), slog.String("by", who.Address.String()))
	return s.replyRebuilds(w, r, http.StatusAccepted)
}

// getSearchRebuild is GET /api/search/rebuild.
func (s *Server) getSearchRebuild(w http.ResponseWriter, r *http.Request, _ caller) error {
	if s.opt.Search == nil {
		return errNoSearch()
	}
	return s.replyRebuilds(w, r, http.StatusOK)
}

// rebuildsAnswer is what getSearchRebuild and postSearchRebuild give.
type rebuildsAnswer struct {
	Accounts []rebuild `json:"accounts"`
}

func (s *Server) replyRebuilds(w http.ResponseWriter, r *http.Request, status int) error {
	accounts, err := s.opt.Accounts.Accounts(r.Context())
	if err != nil {
		return err
	}
	addresses := map[mail.AccountID]string{}
	for _, a := range accounts {
		addresses[a.ID] = a.Address.String()
	}
	list := []rebuild{}
	for _, b := range s.opt.Search.Rebuilds() {
		address, ok := addresses[b.Account]
		if !ok {
			continue // removed meanwhile
		}
		one := rebuild{Address: address, State: b.State, Messages: b.Messages, Total: b.Total, Seconds: b.Took.Seconds()}
		if b.Err != nil {
			one.Problem = problem(b.Err)
		}
		list = append(list, one)
	}
	s.reply(w, r, status, rebuildsAnswer{list})
	return nil
}

func errNoSearch() error {
	return &Problem{Status: http.StatusNotFound, Message: "This box doesn't search mail on its pages."}
}
