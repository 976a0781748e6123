package tlsrpt

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/sanduk-mail/sanduk/services/message"
)

// Reporter is who sends reports.
type Reporter struct {
	Organization string // its name
	Email        string // its address for questions
	Domain       string // which reports; Email's as a rule
}

// ID names the report for ever: the same day and domain give the same one.
func (r *Report) ID(by Reporter) string {
	return r.Day.UTC().Format("20060102") + "." + r.Domain + "@" + by.Domain
}

// The fields of RFC 8460 §4.4.
type (
	reportJSON struct {
		Organization string       `json:"organization-name"`
		Range        rangeJSON    `json:"date-range"`
		Contact      string       `json:"contact-info"`
		ID           string       `json:"report-id"`
		Policies     []policyJSON `json:"policies"`
	}
	rangeJSON struct {
		Start string `json:"start-datetime"`
		End   string `json:"end-datetime"`
	}
	policyJSON struct {
		Policy struct {
			Type   string   `json:"policy-type"`
			Text   []string `json:"policy-string,omitempty"`
			Domain string   `json:"policy-domain"`
			MX     []string `json:"mx-host,omitempty"`
		} `json:"policy"`
		Summary struct {
			Good int `json:"total-successful-session-count"`
			Bad  int `json:"total-failure-session-count"`
		} `json:"summary"`
		Failures []failureJSON `json:"failure-details,omitempty"`
	}
	failureJSON struct {
		Result string `json:"result-type"`
		Server string `json:"receiving-mx-hostname,omitempty"`
		Addr   string `json:"receiving-ip,omitempty"`
		Count  int    `json:"failed-session-count"`
		Reason string `json:"failure-reason-code,omitempty"`
	}
)

func (r *Report) end() time.Time { return r.Day.UTC().AddDate(0, 0, 1).Add(-time.Second) }

// JSON writes the report.
func (r *Report) JSON(by Reporter) ([]byte, error) {
	j := reportJSON{
		Organization: by.Organization, Contact: by.Email, ID: r.ID(by),
		Range: rangeJSON{r.Day.UTC().Format(time.RFC3339), r.end().Format(time.RFC3339)},
	}
	for _, p := range r.Policies {
		var q policyJSON
		q.Policy.Type, q.Policy.Text, q.Policy.Domain, q.Policy.MX = p.Kind, p.Text, r.Domain, p.MX
		q.Summary.Good, q.Summary.Bad = p.Good, p.Bad
		for _, f := range p.Failures {
			failure := failureJSON{Result: f.Result, Server: f.Server, Count: f.Count, Reason: f.Reason}
			if f.Addr.IsValid() {
				failure.Addr = f.Addr.String()
			}
			q.Failures = append(q.Failures, failure)
		}
		j.Policies = append(j.Policies, q)
	}
	text, err := json.MarshalIndent(j, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write TLS report for %s: %w", r.Domain, err)
	}
	return text, nil
}

// Packed is the report as it goes out: JSON, packed with gzip (RFC 8460 §5.2).
func (r *Report) Packed(by Reporter) ([]byte, error) {
	text, err := r.JSON(by)
	if err != nil {
		return nil, err
	}
	return message.Gzip("", text), nil
}

// MediaType is that of a packed report (RFC 8460 §6.5).
const MediaType = "application/tlsrpt+gzip"

// Message writes the report as a message to one recipient, lines ending in CRLF (RFC
// 8460 §5.3). Whoever sends it signs it, as §3 demands.
func (r *Report) Message(by Reporter, to string, now time.Time) ([]byte, error) {
	packed, err := r.Packed(by)
	if err != nil {
		return nil, err
	}
	id := r.ID(by)
	letter := message.Letter{
		Header: []string{
			"From: " + by.Email,
			"To: " + to,
			"Subject: Report Domain: " + r.Domain,
			"\tSubmitter: " + by.Domain,
			"\tReport-ID: <" + id + ">",
			"Date: " + now.Format("Mon, 2 Jan 2006 15:04:05 -0700"),
			"Message-ID: <tlsrpt." + id + ">",
			"Auto-Submitted: auto-generated",
			"TLS-Report-Domain: " + r.Domain,
			"TLS-Report-Submitter: " + by.Domain,
		},
		Kind: "report; report-type=\"tlsrpt\"", Boundary: fmt.Sprintf("=_tlsrpt_%d", r.Day.Unix()),
		Text: []string{
			"This is a TLS report about mail sent to " + r.Domain + ",",
			"for " + r.Day.UTC().Format("2 January 2006") + " (UTC), from " + by.Domain + ".",
		},
		FileType: MediaType, FileName: fmt.Sprintf("%s!%s!%d!%d.json.gz", by.Domain, r.Domain, r.Day.Unix(), r.end().Unix()), File: packed,
	}
	return letter.Encode(), nil
}
