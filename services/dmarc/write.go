package dmarc

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/message"
	"github.com/sanduk-mail/sanduk/services/resolver"
)

// Reporter is who sends reports.
type Reporter struct {
	Organization string // its name
	Email        string // its address for questions
	Domain       string // which reports; Email's as a rule
}

// ID names the report for ever: the same day and domain give the same one, so that
// a report that is sent twice is known to be one.
func (r *Report) ID(by Reporter) string {
	return r.Day.UTC().Format("20060102") + "." + r.Published.Domain + "@" + by.Domain
}

// XML writes the report.
func (r *Report) XML(by Reporter) ([]byte, error) {
	f := feedback{Version: "1.0"}
	f.Metadata = feedbackMetadata{Organization: by.Organization, Email: by.Email, ID: r.ID(by)}
	f.Metadata.Range.Begin, f.Metadata.Range.End = r.Day.Unix(), r.Day.AddDate(0, 0, 1).Unix()-1
	if r.LeftOut > 0 {
		f.Metadata.Errors = []string{fmt.Sprintf("%d more messages are not in this report", r.LeftOut)}
	}
	p := r.Published
	f.Published = feedbackPublished{
		Domain: p.Domain, DKIM: mode(p.StrictDKIM), SPF: mode(p.StrictSPF), Policy: string(p.Policy),
		Subdomains: string(p.Subdomains), Percentage: "100", Failures: p.Failures,
	}
	if p.Subdomains == NoPolicy {
		f.Published.Subdomains = string(p.Policy)
	}
	for _, row := range r.Rows {
		var rec feedbackRecord
		rec.Row.Source, rec.Row.Count = row.Source.String(), row.Count
		rec.Row.Evaluated.Disposition = string(row.Disposition)
		rec.Row.Evaluated.DKIM, rec.Row.Evaluated.SPF = passed(row.DKIMAligned), passed(row.SPFAligned)
		if row.Override != "" {
			rec.Row.Evaluated.Reasons = []feedbackReason{{row.Override, row.Comment}}
		}
		rec.Identifiers.EnvelopeFrom, rec.Identifiers.HeaderFrom = row.EnvelopeFrom, row.HeaderFrom
		rec.Results.DKIM, rec.Results.SPF = row.DKIM, []SPFResult{row.SPF}
		f.Records = append(f.Records, rec)
	}
	text, err := xml.MarshalIndent(f, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write DMARC report for %s: %w", p.Domain, err)
	}
	return append([]byte(xml.Header), append(text, '\n')...), nil
}

func mode(strict bool) string {
	if strict {
		return "s"
	}
	return "r"
}

func passed(ok bool) string {
	if ok {
		return "pass"
	}
	return "fail"
}

// Recipients are the addresses that the report may be sent to: those of the same
// organization, and those whose domain agrees in DNS (RFC 9990 §4). An error is
// temporary: then none is given.
func (r *Report) Recipients(ctx context.Context, dns DNS) ([]string, error) {
	org, err := OrganizationalDomain(ctx, dns, r.Published.Domain)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, address := range r.Published.Reports {
		domain, err := ascii(address[strings.LastIndexByte(address, '@')+1:])
		if err != nil {
			continue
		}
		agrees, err := agreed(ctx, dns, r.Published.Domain, org, domain)
		if err != nil {
			return nil, err
		}
		if agrees {
			list = append(list, address)
		}
	}
	return list, nil
}

// agreed says whether a domain takes reports about another.
func agreed(ctx context.Context, dns DNS, about, organization, to string) (bool, error) {
	if org, err := OrganizationalDomain(ctx, dns, to); err != nil || org == organization {
		return err == nil, err
	}
	answer, err := dns.TXT(ctx, about+"._report._dmarc."+to)
	if errors.Is(err, resolver.ErrNone) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("does %s take reports about %s: %w", to, about, err)
	}
	for _, text := range answer.Records {
		if _, err := ParseRecord(text); err == nil {
			return true, nil
		}
	}
	return false, nil
}

// Message writes the report as a message to one recipient, lines ending in CRLF
// (RFC 9990 §3.5.2). Whoever sends it signs it.
func (r *Report) Message(by Reporter, to string, now time.Time) ([]byte, error) {
	text, err := r.XML(by)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%s!%s!%d!%d.xml", by.Domain, r.Published.Domain, r.Day.Unix(), r.Day.AddDate(0, 0, 1).Unix()-1)
	id := r.ID(by)
	letter := message.Letter{
		Header: []string{
			"From: " + by.Email,
			"To: " + to,
			"Subject: Report Domain: " + r.Published.Domain + " Submitter: " + by.Domain,
			"\tReport-ID: <" + id + ">",
			"Date: " + now.Format("Mon, 2 Jan 2006 15:04:05 -0700"),
			"Message-ID: <dmarc." + id + ">",
			"Auto-Submitted: auto-generated",
		},
		Kind: "mixed", Boundary: "=_" + strings.NewReplacer("@", "_", ".", "_").Replace(id)[:min(40, len(id))],
		Text: []string{
			"This is a DMARC aggregate report about " + r.Published.Domain + ",",
			"for " + r.Day.UTC().Format("2 January 2006") + " (UTC), from " + by.Domain + ".",
		},
		FileType: "application/gzip", FileName: name + ".gz", File: message.Gzip(name, text),
	}
	return letter.Encode(), nil
}
