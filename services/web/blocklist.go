package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// BlockLists are the lists of bad senders that are asked, and who gets daily reports.
// Errors: domain.ErrName, mail.ErrTooMany, a *mail.RuleError, or the box's own trouble.
type BlockLists interface {
	BlockLists() mail.BlockLists
	SetBlockLists(ctx context.Context, b mail.BlockLists) error
	// Troubles are the lists that don't answer now.
	Troubles() []mail.ListTrouble
	// CheckList asks a list for its test entries (RFC 5782 §5); "": it works.
	CheckList(ctx context.Context, zone string) (trouble string)
	Reporting() []mail.Reporting
	SetReporting(ctx context.Context, r mail.Reporting) error
}

type blockListJSON struct {
	Zone    string `json:"zone"`
	Action  string `json:"action"` // refuse, junk
	Trouble string `json:"trouble,omitempty" etag:"-"`
}

type reportingJSON struct {
	Domain string `json:"domain"` // "": all others
	DMARC  bool   `json:"dmarc"`
	TLS    bool   `json:"tls"`
}

// getBlockListsAnswer is what getBlockLists gives.
type getBlockListsAnswer struct {
	Lists []blockListJSON `json:"lists"`
	Allow []string        `json:"allow"`
}

// getBlockLists is GET /api/blocklists.
func (s *Server) getBlockLists(w http.ResponseWriter, r *http.Request, _ caller) error {
	b := s.opt.BlockLists.BlockLists()
	trouble := map[string]string{}
	for _, t := range s.opt.BlockLists.Troubles() {
		trouble[t.Zone] = t.Reason
	}
	lists := make([]blockListJSON, len(b.Lists))
	for i, l := range b.Lists {
		lists[i] = blockListJSON{l.Zone, "junk", trouble[l.Zone]}
		if l.Refuse {
			lists[i].Action = "refuse"
		}
	}
	s.reply(w, r, http.StatusOK, getBlockListsAnswer{lists, networks(b.Allow)})
	return nil
}

// networks are addresses and networks as people write them.
func networks(list []netip.Prefix) []string {
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = p.String()
		if p.IsSingleIP() {
			texts[i] = p.Addr().String()
		}
	}
	return texts
}

// parseNetworks reads them.
func parseNetworks(field string, texts []string) ([]netip.Prefix, error) {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if addr, addrErr := netip.ParseAddr(text); err != nil && addrErr == nil && addr.Zone() == "" {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return nil, &Problem{Status: http.StatusBadRequest, Field: field, Message: "“" + text + "” is not the address of a server.", WhatToDo: "Write it like 192.0.2.7 or 2001:db8::7.", Cause: err}
		}
		list[i] = prefix
	}
	return list, nil
}

// putBlockListsBody is what putBlockLists takes.
type putBlockListsBody struct {
	Lists []blockListJSON `json:"lists"`
	Allow []string        `json:"allow"`
}

// putBlockLists is PUT /api/blocklists: 204. All of it is replaced.
func (s *Server) putBlockLists(w http.ResponseWriter, r *http.Request, who caller) error {
	var in putBlockListsBody
	if err := decodeUpTo(w, r, &in, maxContent); err != nil {
		return err
	}
	var b mail.BlockLists
	for _, l := range in.Lists {
		if l.Action != "refuse" && l.Action != "junk" {
			return &Problem{Status: http.StatusBadRequest, Field: "action", Message: "What is done with mail from servers on a list is “refuse” or “junk”."}
		}
		b.Lists = append(b.Lists, mail.BlockList{Zone: l.Zone, Refuse: l.Action == "refuse"})
	}
	var err error
	if b.Allow, err = parseNetworks("allow", in.Allow); err != nil {
		return err
	}
	if err := s.opt.BlockLists.SetBlockLists(r.Context(), b); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "block lists set", slog.Int("lists", len(b.Lists)), slog.Int("allowed", len(b.Allow)), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}

// testBlockListBody is what testBlockList takes.
type testBlockListBody struct {
	Zone string `json:"zone"`
}

// testBlockListAnswer is what testBlockList gives.
type testBlockListAnswer struct {
	Works   bool   `json:"works"`
	Trouble string `json:"trouble"`
}

// testBlockList is POST /api/blocklists/test.
func (s *Server) testBlockList(w http.ResponseWriter, r *http.Request, _ caller) error {
	var in testBlockListBody
	if err := decode(w, r, &in); err != nil {
		return err
	}
	trouble := s.opt.BlockLists.CheckList(r.Context(), in.Zone)
	s.reply(w, r, http.StatusOK, testBlockListAnswer{trouble == "", trouble})
	return nil
}

// getReportsAnswer is what getReports gives.
type getReportsAnswer struct {
	Reports []reportingJSON `json:"reports"`
}

// getReports is GET /api/reports.
func (s *Server) getReports(w http.ResponseWriter, r *http.Request, _ caller) error {
	list := []reportingJSON{}
	for _, d := range s.opt.BlockLists.Reporting() {
		list = append(list, reportingJSON(d))
	}
	s.reply(w, r, http.StatusOK, getReportsAnswer{list})
	return nil
}

// putReports is PUT /api/reports: 204. Without a domain it is for all that have no
// setting of their own.
func (s *Server) putReports(w http.ResponseWriter, r *http.Request, who caller) error {
	var in reportingJSON
	if err := decode(w, r, &in); err != nil {
		return err
	}
	if err := s.opt.BlockLists.SetReporting(r.Context(), mail.Reporting(in)); err != nil {
		return err
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "reports to other domains set", slog.String("domain", in.Domain), slog.Bool("dmarc", in.DMARC), slog.Bool("tls", in.TLS), slog.String("by", who.Address.String()))
	s.reply(w, r, http.StatusNoContent, nil)
	return nil
}
