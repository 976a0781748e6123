package dmarc

import "encoding/xml"

// feedback is a report as XML (RFC 7489 appendix C).
type feedback struct {
	XMLName   xml.Name          `xml:"feedback"`
	Version   string            `xml:"version"`
	Metadata  feedbackMetadata  `xml:"report_metadata"`
	Published feedbackPublished `xml:"policy_published"`
	Records   []feedbackRecord  `xml:"record"`
}

type feedbackMetadata struct {
	Organization string `xml:"org_name"`
	Email        string `xml:"email"`
	Contact      string `xml:"extra_contact_info,omitempty"`
	ID           string `xml:"report_id"`
	Range        struct {
		Begin int64 `xml:"begin"`
		End   int64 `xml:"end"`
	} `xml:"date_range"`
	Errors []string `xml:"error,omitempty"`
}

type feedbackPublished struct {
	Domain     string `xml:"domain"`
	DKIM       string `xml:"adkim,omitempty"`
	SPF        string `xml:"aspf,omitempty"`
	Policy     string `xml:"p"`
	Subdomains string `xml:"sp,omitempty"`
	Percentage string `xml:"pct,omitempty"`
	Failures   string `xml:"fo,omitempty"`
}

type feedbackRecord struct {
	Row struct {
		Source    string `xml:"source_ip"`
		Count     int    `xml:"count"`
		Evaluated struct {
			Disposition string           `xml:"disposition"`
			DKIM        string           `xml:"dkim"`
			SPF         string           `xml:"spf"`
			Reasons     []feedbackReason `xml:"reason,omitempty"`
		} `xml:"policy_evaluated"`
	} `xml:"row"`
	Identifiers struct {
		EnvelopeFrom string `xml:"envelope_from"`
		HeaderFrom   string `xml:"header_from"`
	} `xml:"identifiers"`
	Results struct {
		DKIM []Signature `xml:"dkim,omitempty"`
		SPF  []SPFResult `xml:"spf"`
	} `xml:"auth_results"`
}

type feedbackReason struct {
	Type    string `xml:"type"`
	Comment string `xml:"comment,omitempty"`
}
