package dmarc

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/daybook"
)

// Bounds of what is collected. Over them outcomes are counted as left out: a
// report is a courtesy, and must not cost the office its memory.
const (
	maxRows = 500 // for each domain and day; daybook bounds these
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
	book daybook.Book[tally] // by policy domain
	rows int                 // in all of it
}

// tally is a report that is being gathered.
type tally struct {
	published Published
	rows      map[string]*Counted // by the row's JSON
	leftOut   int
}

// NewCollector makes an empty one.
func NewCollector() *Collector { return &Collector{} }

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
	return c.book.Entry(at, found.Domain, func() *tally {
		r := found.Record
		return &tally{published: Published{found.Domain, r.Policy, r.Subdomains, r.StrictDKIM, r.StrictSPF, r.Failures, r.Reports}, rows: make(map[string]*Counted)}
	}, func(t *tally) { c.rows -= len(t.rows) })
}

// Due gives the reports of the days that are over, in order, and forgets none:
// Done does, when they have been sent.
func (c *Collector) Due(now time.Time) []*Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	return reports(c.book.Before(now))
}

// reports are copies: outcomes go on being counted.
func reports(tallies []daybook.Dated[tally]) []*Report {
	var list []*Report
	for _, d := range tallies {
		r := &Report{Published: d.Entry.published, Day: d.Day, LeftOut: d.Entry.leftOut}
		for _, row := range d.Entry.rows {
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
	return list
}

// Done forgets a report that has been sent, or that nobody wants.
func (c *Collector) Done(r *Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.book.Remove(r.Day, r.Published.Domain); t != nil {
		c.rows -= len(t.rows)
	}
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
		return nil, fmt.Errorf("DMARC results: %w", err)
	}
	c := NewCollector()
	for _, r := range list {
		t := &tally{published: r.Published, rows: make(map[string]*Counted), leftOut: r.LeftOut}
		for _, row := range r.Rows {
			key, err := json.Marshal(row.Row)
			if err != nil {
				return nil, fmt.Errorf("DMARC results: %w: %w", daybook.ErrVersion, err)
			}
			t.rows[string(key)] = &Counted{row.Row, row.Count}
			c.rows++
		}
		c.book.Put(r.Day, r.Published.Domain, t)
	}
	return c, nil
}
