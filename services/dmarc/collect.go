package dmarc

import (
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

// Bounds of what is collected. Over them outcomes are counted as left out: a
// report is a courtesy, and must not cost the office its memory.
const (
	maxDomains = 2000 // for each day
	maxRows    = 500  // for each domain and day
	maxDays    = 3    // that wait to be reported
	// maxTotal rows of all domains and days: some twenty megabytes. Whoever makes rows
	// up, by a new selector in each message, comes to this one first.
	maxTotal = 20_000
)

// Observation is the outcome for one message, to be reported.
type Observation struct {
	At           time.Time
	Source       netip.Addr
	HeaderFrom   string // domains
	EnvelopeFrom string
	Verdict      *Verdict
	Disposition  Policy // what was done
	Override     string // why it was not what was asked for: a word of RFC 7489's PolicyOverrideType; "" if it was
	Comment      string // to it
	DKIM         []Signature
	SPF          SPFResult
}

// Signature is a DKIM result, as a report gives it.
type Signature struct {
	Domain   string `xml:"domain" json:"d"`
	Selector string `xml:"selector,omitempty" json:"s,omitempty"`
	Result   string `xml:"result" json:"r"`
}

// SPFResult is an SPF result, as a report gives it.
type SPFResult struct {
	Domain string `xml:"domain" json:"d"`
	Scope  string `xml:"scope,omitempty" json:"s,omitempty"` // "mfrom" or "helo"
	Result string `xml:"result" json:"r"`
}

// Row is messages that had the same outcome.
type Row struct {
	Source       netip.Addr  `json:"ip"`
	HeaderFrom   string      `json:"hf"`
	EnvelopeFrom string      `json:"ef,omitempty"`
	Disposition  Policy      `json:"do"`
	DKIMAligned  bool        `json:"da,omitempty"`
	SPFAligned   bool        `json:"sa,omitempty"`
	Override     string      `json:"ov,omitempty"`
	Comment      string      `json:"co,omitempty"`
	DKIM         []Signature `json:"dk,omitempty"`
	SPF          SPFResult   `json:"sp"`
}

// Published is the policy that a report is about.
type Published struct {
	Domain     string   `json:"d"`
	Policy     Policy   `json:"p"`
	Subdomains Policy   `json:"sp,omitempty"`
	StrictDKIM bool     `json:"ad,omitempty"`
	StrictSPF  bool     `json:"as,omitempty"`
	Failures   string   `json:"fo,omitempty"`
	Reports    []string `json:"rua"`
}

// Report is one domain's outcomes of one day (UTC).
type Report struct {
	Published Published
	Day       time.Time // its beginning
	Rows      []Counted
	LeftOut   int // messages over the bounds
}

// Counted is a row, and how many messages it stands for.
type Counted struct {
	Row
	Count int `json:"n"`
}

// Collector gathers outcomes by domain and day.
type Collector struct {
	mu   sync.Mutex
	days map[string]map[string]*tally // by day, then policy domain
	rows int                          // in all of them
}

// tally is a report that is being gathered.
type tally struct {
	published Published
	rows      map[string]*Counted // by the row's JSON
	leftOut   int
}

// NewCollector makes an empty one.
func NewCollector() *Collector {
	return &Collector{days: make(map[string]map[string]*tally)}
}

// Add counts one message. Domains that want no reports are passed over.
func (c *Collector) Add(o Observation) {
	found := o.Verdict.Found
	if found.Record == nil || len(found.Record.Reports) == 0 || o.Verdict.Word == TempError {
		return
	}
	row := Row{
		Source: o.Source.Unmap().WithZone(""), HeaderFrom: o.HeaderFrom, EnvelopeFrom: o.EnvelopeFrom, Disposition: o.Disposition,
		DKIMAligned: o.Verdict.DKIMAligned, SPFAligned: o.Verdict.SPFAligned, Override: o.Override, Comment: o.Comment,
		DKIM: slices.Clone(o.DKIM), SPF: o.SPF,
	}
	key, err := json.Marshal(row)
	if err != nil {
		return // an address without a text form: nobody's
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tally(o.At, found)
	if t == nil {
		return
	}
	switch counted := t.rows[string(key)]; {
	case counted != nil:
		counted.Count++
	case len(t.rows) < maxRows && c.rows < maxTotal:
		t.rows[string(key)] = &Counted{row, 1}
		c.rows++
	default:
		t.leftOut++
	}
}

// tally finds or makes the tally of a policy's domain and day; nil over the
// bounds.
func (c *Collector) tally(at time.Time, found Found) *tally {
	day := at.UTC().Format(time.DateOnly)
	domains := c.days[day]
	if domains == nil {
		if len(c.days) >= maxDays {
			oldest := slices.Min(slices.Collect(maps.Keys(c.days)))
			for _, t := range c.days[oldest] {
				c.rows -= len(t.rows)
			}
			delete(c.days, oldest)
		}
		domains = make(map[string]*tally)
		c.days[day] = domains
	}
	t := domains[found.Domain]
	if t == nil && len(domains) < maxDomains {
		r := found.Record
		t = &tally{published: Published{found.Domain, r.Policy, r.Subdomains, r.StrictDKIM, r.StrictSPF, r.Failures, r.Reports}, rows: make(map[string]*Counted)}
		domains[found.Domain] = t
	}
	return t
}

// Due gives the reports of the days that are over, in order, and forgets none:
// Done does, when they have been sent.
func (c *Collector) Due(now time.Time) []*Report {
	today := now.UTC().Format(time.DateOnly)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reports(func(day string) bool { return day < today })
}

func (c *Collector) reports(wanted func(day string) bool) []*Report {
	var list []*Report
	for day, domains := range c.days {
		if !wanted(day) {
			continue
		}
		begin, err := time.Parse(time.DateOnly, day)
		if err != nil {
			continue // it was written by Format
		}
		for _, t := range domains {
			r := &Report{Published: t.published, Day: begin, LeftOut: t.leftOut}
			for _, row := range t.rows {
				r.Rows = append(r.Rows, *row)
			}
			slices.SortFunc(r.Rows, func(a, b Counted) int {
				if a.Count != b.Count {
					return b.Count - a.Count
				}
				return a.Source.Compare(b.Source)
			})
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b *Report) int {
		if n := a.Day.Compare(b.Day); n != 0 {
			return n
		}
		return strings.Compare(a.Published.Domain, b.Published.Domain)
	})
	return list
}

// Done forgets a report that has been sent, or that nobody wants.
func (c *Collector) Done(r *Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	day := r.Day.Format(time.DateOnly)
	if t := c.days[day][r.Published.Domain]; t != nil {
		c.rows -= len(t.rows)
	}
	delete(c.days[day], r.Published.Domain)
	if len(c.days[day]) == 0 {
		delete(c.days, day)
	}
}

// collectorVersion begins an encoded Collector; JSON follows.
const collectorVersion = 1

// ErrCollector says that bytes are no Collector, or of a later version.
var ErrCollector = errors.New("not collected DMARC results that this version can read")

// Encode gives everything collected, to be stored.
func (c *Collector) Encode() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
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
			c.days[day] = make(map[string]*tally)
		}
		t := &tally{published: r.Published, rows: make(map[string]*Counted), leftOut: r.LeftOut}
		for _, row := range r.Rows {
			key, err := json.Marshal(row.Row)
			if err != nil {
				return nil, ErrCollector
			}
			t.rows[string(key)] = &Counted{row.Row, row.Count}
			c.rows++
		}
		c.days[day][r.Published.Domain] = t
	}
	return c, nil
}
