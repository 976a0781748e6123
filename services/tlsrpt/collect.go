package tlsrpt

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of what is collected: a report is a courtesy, and must not cost the office its
// memory.
const (
	maxDays     = 3 // that wait to be reported
	maxDomains  = 2000
	maxPolicies = 5   // of one domain in one day
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
	days map[string]map[string]*Report // by day, then domain
}

// NewCollector makes an empty one.
func NewCollector() *Collector { return &Collector{days: map[string]map[string]*Report{}} }

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
	day := s.At.UTC().Format(time.DateOnly)
	domains := c.days[day]
	if domains == nil {
		if len(c.days) >= maxDays {
			delete(c.days, slices.Min(slices.Collect(maps.Keys(c.days))))
		}
		domains = map[string]*Report{}
		c.days[day] = domains
	}
	name := strings.ToLower(s.Domain)
	r := domains[name]
	if r == nil {
		if len(domains) >= maxDomains {
			return nil
		}
		r = &Report{Domain: name, Day: s.At.UTC().Truncate(24 * time.Hour)}
		domains[name] = r
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
	today := now.UTC().Format(time.DateOnly)
	return c.reports(func(day string) bool { return day < today })
}

// reports are copies: sessions go on being counted.
func (c *Collector) reports(wanted func(day string) bool) []*Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []*Report
	for day, domains := range c.days {
		if !wanted(day) {
			continue
		}
		for _, r := range domains {
			clone := *r
			clone.Policies = slices.Clone(r.Policies)
			for i := range clone.Policies {
				clone.Policies[i].Failures = slices.Clone(clone.Policies[i].Failures)
			}
			list = append(list, &clone)
		}
	}
	slices.SortFunc(list, func(a, b *Report) int {
		return cmp.Or(a.Day.Compare(b.Day), strings.Compare(a.Domain, b.Domain))
	})
	return list
}

// Done forgets a report that has been sent, or that nobody wants.
func (c *Collector) Done(r *Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	day := r.Day.UTC().Format(time.DateOnly)
	delete(c.days[day], r.Domain)
	if len(c.days[day]) == 0 {
		delete(c.days, day)
	}
}

// collectorVersion begins an encoded Collector; JSON follows.
const collectorVersion = 1

// ErrCollector says that bytes are no Collector, or of a later version.
var ErrCollector = errors.New("not collected TLS results that this version can read")

// Encode gives everything collected, to be stored.
func (c *Collector) Encode() []byte {
	text, err := json.Marshal(c.reports(func(string) bool { return true }))
	if err != nil {
		panic(err) // strings, numbers and addresses only
	}
	return append([]byte{collectorVersion}, text...)
}

// DecodeCollector reads what Encode gave. The error is ErrCollector.
func DecodeCollector(data []byte) (*Collector, error) {
	var list []*Report
	if len(data) == 0 || data[0] != collectorVersion {
		return nil, ErrCollector
	}
	if err := json.Unmarshal(data[1:], &list); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCollector, err)
	}
	c := NewCollector()
	for _, r := range list {
		if r == nil {
			return nil, ErrCollector
		}
		day := r.Day.UTC().Format(time.DateOnly)
		if c.days[day] == nil {
			c.days[day] = map[string]*Report{}
		}
		c.days[day][r.Domain] = r
	}
	return c, nil
}
