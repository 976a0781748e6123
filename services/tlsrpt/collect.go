package tlsrpt

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/daybook"
)

// Bounds of what is collected: a report is a courtesy, and must not cost the office its
// memory.
const (
	maxPolicies = 5   // of one domain in one day; daybook bounds these
	maxFailures = 100 // of one policy
	maxText     = 300 // bytes of a reason
)

// Session is one outcome.
type Session struct {
	At     time.Time
	Domain string     // whose policy it was
	Kind   string     // "sts", "tlsa" or "no-policy-found" (RFC 8460 §4.2)
	Policy []string   // its lines or records
	MX     []string   // the host patterns of an MTA-STS policy
	Result string     // "" is success; else a result-type (RFC 8460 §4.3)
	Server string     // the MX host; "" where none was reached
	Addr   netip.Addr // its address; invalid where none was reached
	Reason string     // more about a failure
}

// Report is one domain's sessions of one day (UTC).
type Report struct {
	Domain   string    `json:"domain"`
	Day      time.Time `json:"day"` // its beginning
	Policies []Policy  `json:"policies"`
}

// Policy is one policy, and how the sessions under it went.
type Policy struct {
	Kind     string    `json:"kind"`
	Text     []string  `json:"text,omitempty"`
	MX       []string  `json:"mx,omitempty"`
	Good     int       `json:"good"`
	Bad      int       `json:"bad"`
	Failures []Failure `json:"failures,omitempty"`
}

// Failure is sessions that failed in the same way.
type Failure struct {
	Result string     `json:"result"`
	Server string     `json:"server,omitempty"`
	Addr   netip.Addr `json:"addr,omitzero"`
	Reason string     `json:"reason,omitempty"`
	Count  int        `json:"count"`
}

// Collector gathers sessions by domain and day.
type Collector struct {
	mu   sync.Mutex
	book daybook.Book[Report] // by domain
}

// NewCollector makes an empty one.
func NewCollector() *Collector { return &Collector{} }

// Note counts a session. It does not wait.
func (c *Collector) Note(s Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.policy(&s)
	if p == nil {
		return
	}
	if s.Result == "" {
		p.Good++
		return
	}
	p.Bad++
	f := Failure{Result: s.Result, Server: s.Server, Addr: s.Addr.Unmap().WithZone(""), Reason: s.Reason[:min(len(s.Reason), maxText)]}
	for i := range p.Failures {
		if have := p.Failures[i]; have.Result == f.Result && have.Server == f.Server && have.Addr == f.Addr {
			p.Failures[i].Count++ // the reason of the first stands for all
			return
		}
	}
	if len(p.Failures) < maxFailures {
		f.Count = 1
		p.Failures = append(p.Failures, f)
	}
}

// policy finds or makes what a session is counted under; nil over the bounds.
func (c *Collector) policy(s *Session) *Policy {
	name := strings.ToLower(s.Domain)
	r := c.book.Entry(s.At, name, func() *Report {
		return &Report{Domain: name, Day: s.At.UTC().Truncate(24 * time.Hour)}
	}, func(*Report) {})
	if r == nil {
		return nil
	}
	for i := range r.Policies {
		if p := &r.Policies[i]; p.Kind == s.Kind && slices.Equal(p.Text, s.Policy) {
			return p
		}
	}
	if len(r.Policies) >= maxPolicies {
		return nil
	}
	r.Policies = append(r.Policies, Policy{Kind: s.Kind, Text: slices.Clone(s.Policy), MX: slices.Clone(s.MX)})
	return &r.Policies[len(r.Policies)-1]
}

// Due gives the reports of the days that are over, in order, and forgets none: Done
// does, when they have been sent.
func (c *Collector) Due(now time.Time) []*Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	return reports(c.book.Before(now))
}

// reports are copies: sessions go on being counted.
func reports(kept []daybook.Dated[Report]) []*Report {
	var list []*Report
	for _, d := range kept {
		clone := *d.Entry
		clone.Policies = slices.Clone(clone.Policies)
		for i := range clone.Policies {
			clone.Policies[i].Failures = slices.Clone(clone.Policies[i].Failures)
		}
		list = append(list, &clone)
	}
	return list
}

// Done forgets a report that has been sent, or that nobody wants.
func (c *Collector) Done(r *Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.book.Remove(r.Day, r.Domain)
}

// Encode gives everything collected, to be stored.
func (c *Collector) Encode() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return daybook.Encode(reports(c.book.All()))
}

// DecodeCollector reads what Encode gave. The error is daybook.ErrVersion.
func DecodeCollector(data []byte) (*Collector, error) {
	list, err := daybook.Decode[Report](data)
	if err != nil {
		return nil, fmt.Errorf("TLS results: %w", err)
	}
	c := NewCollector()
	for _, r := range list {
		c.book.Put(r.Day, r.Domain, r)
	}
	return c, nil
}
