package tlsrpt

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"
)

// Bounds of reports that others send: they come from anybody, packed. Those of large
// providers about an office have a few kilobytes.
const (
	maxPacked   = 1 << 20
	maxUnpacked = 8 << 20
	maxDepth    = 8 // of JSON; a report has six
	// maxNodes are objects and lists, since an empty one of three bytes becomes a struct of
	// two hundred; a report has one for each way in which a server failed.
	maxNodes = 20_000
	// maxTokens of all kinds: an empty text of three bytes takes sixteen.
	maxTokens = 400_000
	// maxSessions of one count: whoever writes a larger number makes it up, and sums of
	// these stay exact.
	maxSessions = 1_000_000_000
)

// ErrReport says that bytes are no report that can be read.
var ErrReport = errors.New("not a TLS report that can be read")

// Received is a report that somebody sent.
type Received struct {
	Organization, Contact, ID string
	Begin, End                time.Time
	Policies                  []ReceivedPolicy
}

// ReceivedPolicy is how sessions went under one policy of a domain.
type ReceivedPolicy struct {
	Domain string
	Policy
}

// ReadReport reads a report: JSON, or JSON packed with gzip (RFC 8460 §4, §5.2). What it
// says of failures is cut to maxText bytes each. The error is ErrReport.
func ReadReport(data []byte) (*Received, error) {
	if len(data) > maxPacked {
		return nil, fmt.Errorf("%w: it is too large", ErrReport)
	}
	var j readJSON
	if err := measure(data); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReport, err)
	}
	text, err := unpack(data)
	if err == nil {
		err = json.NewDecoder(text).Decode(&j)
	}
	if err == nil && len(j.Policies) == 0 {
		err = errors.New("it has no policies")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReport, err)
	}
	return j.received(), nil
}

// unpack gives a reader of the JSON that knows its bound.
func unpack(data []byte) (io.Reader, error) {
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return bytes.NewReader(data), nil
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.LimitReader(z, maxUnpacked), nil
}

// measure looks how deep the JSON is and how much there is in it, before anything is made
// of it: a small packed file can hold more than the box has memory for.
func measure(data []byte) error {
	text, err := unpack(data)
	if err != nil {
		return err
	}
	depth, nodes := 0, 0
	d := json.NewDecoder(text)
	for tokens := 0; ; tokens++ {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			nodes++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth > maxDepth {
			return errors.New("it is too deep")
		}
		if nodes > maxNodes || tokens > maxTokens {
			return fmt.Errorf("it has more than %d objects and lists, or %d parts", maxNodes, maxTokens)
		}
		if depth == 0 {
			return nil // what stands behind it is not read
		}
	}
}

// readJSON is a report as others write it.
type readJSON struct {
	Organization string    `json:"organization-name"`
	Range        rangeJSON `json:"date-range"`
	Contact      string    `json:"contact-info"`
	ID           string    `json:"report-id"`
	Policies     []struct {
		Policy struct {
			Type   string `json:"policy-type"`
			Text   texts  `json:"policy-string"`
			Domain string `json:"policy-domain"`
			MX     texts  `json:"mx-host"`
		} `json:"policy"`
		Summary struct {
			Good int `json:"total-successful-session-count"`
			Bad  int `json:"total-failure-session-count"`
		} `json:"summary"`
		Failures []failureJSON `json:"failure-details"`
	} `json:"policies"`
}

// texts are several, or one that some write alone.
type texts []string

// UnmarshalJSON reads them.
func (t *texts) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte(`"`)) {
		*t = make(texts, 1)
		return json.Unmarshal(text, &(*t)[0])
	}
	return json.Unmarshal(text, (*[]string)(t))
}

func (j *readJSON) received() *Received {
	r := &Received{Organization: cut(j.Organization), Contact: cut(j.Contact), ID: cut(j.ID)}
	r.Begin, _ = time.Parse(time.RFC3339, j.Range.Start) // some write none; the rest still counts
	r.End, _ = time.Parse(time.RFC3339, j.Range.End)
	r.Begin, r.End = r.Begin.UTC(), r.End.UTC()
	for _, p := range j.Policies {
		q := ReceivedPolicy{Domain: cut(p.Policy.Domain), Policy: Policy{Kind: cut(p.Policy.Type), Text: p.Policy.Text, MX: p.Policy.MX, Good: sessions(p.Summary.Good), Bad: sessions(p.Summary.Bad)}}
		for _, f := range p.Failures {
			failure := Failure{Result: cut(f.Result), Server: cut(f.Server), Reason: cut(f.Reason), Count: sessions(f.Count)}
			failure.Addr, _ = netip.ParseAddr(f.Addr)
			q.Failures = append(q.Failures, failure)
		}
		r.Policies = append(r.Policies, q)
	}
	return r
}

func sessions(n int) int { return min(max(0, n), maxSessions) }

// cut is a text as far as it is shown, whole characters.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	n := maxText
	for s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}
