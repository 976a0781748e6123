package web

import (
	"cmp"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/dmarc"
	"github.com/sanduk-mail/sanduk/services/tlsrpt"
)

// Bounds of a report that is read for somebody who looks at it.
const (
	maxAboutUs = 1 << 20 // packed; those of large providers about an office have some ten kilobytes
	maxSources = 50      // servers that are named; more are counted
	// maxCounted messages of one row: whoever writes a larger number makes it up, and sums
	// of these stay exact in a browser.
	maxCounted = 1_000_000_000
)

// aboutUsJSON is what another server has seen of mail in a domain's name, or of its way to
// the domain.
type aboutUsJSON struct {
	By      string       `json:"by"`
	ID      string       `json:"id"`
	From    time.Time    `json:"from"`
	To      time.Time    `json:"to"`
	Domain  string       `json:"domain"`
	Policy  string       `json:"policy"`
	Sources []sourceJSON `json:"sources"` // most mail first
	More    int          `json:"more"`    // servers that aren't named
	Proved  int          `json:"proved"`
	Failed  int          `json:"failed"`
	// TLS is there of a TLS report, and then nothing of mail in the domain's name.
	TLS *reachedJSON `json:"tls,omitempty"`
}

// reachedJSON is how safely another server reached those of a domain (RFC 8460).
type reachedJSON struct {
	Good     int           `json:"good"`     // sessions that were encrypted as the domain asks
	Failed   int           `json:"failed"`   // that were not
	Failures []failureJSON `json:"failures"` // of these, the most first
	More     int           `json:"more"`     // kinds that aren't named
}

// failureJSON is sessions that failed in one way at one server.
type failureJSON struct {
	Result string `json:"result"` // RFC 8460 §4.3, such as certificate-expired
	Server string `json:"server"` // "": the report names none
	Count  int    `json:"count"`
}

// sourceJSON is a server that sent mail in the domain's name.
type sourceJSON struct {
	Address string `json:"address"` // "": the report names none
	Proved  int    `json:"proved"`  // messages that showed whose they are, by DKIM or SPF
	Failed  int    `json:"failed"`
	Stopped int    `json:"stopped"` // of those: refused, or put with the junk
}

// postAboutUs is POST /api/reports/read. Nothing of it is kept.
func (s *Server) postAboutUs(w http.ResponseWriter, r *http.Request, _ caller) error {
	unreadable := &Problem{Status: http.StatusBadRequest, Field: "file", Message: "This is no report that can be read.", WhatToDo: "Take what is attached to the report’s mail: a file that ends in .xml, .json, .gz or .zip."}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAboutUs))
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		unreadable.Status, unreadable.Cause = http.StatusRequestEntityTooLarge, err
		return unreadable
	}
	if err != nil {
		return err
	}
	if report, err := tlsrpt.ReadReport(data); err == nil {
		s.reply(w, r, http.StatusOK, reachedUs(report))
		return nil
	}
	report, err := dmarc.ReadReport(data)
	if err != nil {
		unreadable.Cause = err
		return unreadable
	}
	s.reply(w, r, http.StatusOK, aboutUs(report))
	return nil
}

// aboutUs counts a report's rows by server.
func aboutUs(r *dmarc.Received) aboutUsJSON {
	out := aboutUsJSON{By: r.Organization, ID: r.ID, From: r.Begin, To: r.End, Domain: r.Report.Published.Domain, Policy: string(r.Report.Published.Policy)}
	by := map[string]sourceJSON{}
	for _, row := range r.Report.Rows {
		var address string
		if row.Source.IsValid() {
			address = row.Source.String()
		}
		n, at := min(row.Count, maxCounted), by[address]
		at.Address = address
		if row.DKIMAligned || row.SPFAligned {
			at.Proved += n
			out.Proved += n
		} else {
			at.Failed += n
			out.Failed += n
			if row.Disposition == dmarc.Quarantine || row.Disposition == dmarc.Reject {
				at.Stopped += n
			}
		}
		by[address] = at
	}
	out.Sources = slices.SortedFunc(maps.Values(by), func(a, b sourceJSON) int {
		return cmp.Or(cmp.Compare(b.Proved+b.Failed, a.Proved+a.Failed), cmp.Compare(a.Address, b.Address))
	})
	if len(out.Sources) > maxSources {
		out.Sources, out.More = out.Sources[:maxSources], len(out.Sources)-maxSources
	}
	return out
}

// reachedUs counts a TLS report's failures by kind and server.
func reachedUs(r *tlsrpt.Received) aboutUsJSON {
	out := aboutUsJSON{By: r.Organization, ID: r.ID, From: r.Begin, To: r.End, Domain: r.Policies[0].Domain, Sources: []sourceJSON{}, TLS: &reachedJSON{}}
	type kind struct{ result, server string }
	by := map[kind]int{}
	for _, p := range r.Policies {
		out.TLS.Good += p.Good
		out.TLS.Failed += p.Bad
		for _, f := range p.Failures {
			by[kind{f.Result, f.Server}] += f.Count
		}
	}
	out.TLS.Failures = make([]failureJSON, 0, len(by))
	for k, n := range by {
		out.TLS.Failures = append(out.TLS.Failures, failureJSON{k.result, k.server, n})
	}
	slices.SortFunc(out.TLS.Failures, func(a, b failureJSON) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Result, b.Result), cmp.Compare(a.Server, b.Server))
	})
	if n := len(out.TLS.Failures); n > maxSources {
		out.TLS.Failures, out.TLS.More = out.TLS.Failures[:maxSources], n-maxSources
	}
	return out
}
