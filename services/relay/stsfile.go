package relay

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// PolicyFile keeps what domains have promised by MTA-STS over a restart: else whoever
// could make a box start again could have it forget the promises, too (RFC 8461 §10.2).
type PolicyFile interface {
	// Load gives what was last saved; nothing, if nothing ever was.
	Load() ([]byte, error)
	// Save puts the bytes in place of those, or leaves them as they are.
	Save(text []byte) error
}

const (
	stsFileVersion = 1
	// maxPolicyFile bounds the file: that of 2,000 domains with a dozen servers each.
	maxPolicyFile = 4 << 20
	// maxKeptPolicy is of what size a policy is kept, of the longest that are seen.
	maxKeptPolicy = 8 << 10
	// policySaveDelay is how long new policies are gathered before they are written.
	policySaveDelay = 10 * time.Second
)

// stsFile is what is in a PolicyFile, as JSON.
type stsFile struct {
	Version  int         `json:"version"`
	Policies []keptEntry `json:"policies"`
}

// keptEntry is a policy of a domain.
type keptEntry struct {
	Domain  mail.Hop  `json:"domain"`
	ID      string    `json:"id"`
	Fetched time.Time `json:"fetched"`
	Lines   []string  `json:"lines"`
}

// loadPolicies takes in what was known before the start. What can't be read is as if it
// had not been kept.
func (c *Client) loadPolicies() error {
	text, err := c.options.Policies.Load()
	if err != nil || len(text) == 0 {
		return err
	}
	list, err := decodePolicies(text, time.Now())
	if err != nil {
		return err
	}
	c.sts.mu.Lock()
	defer c.sts.mu.Unlock()
	c.sts.domains, c.sts.kept = map[mail.Hop]*stsEntry{}, map[mail.Hop]keptEntry{}
	for _, k := range list {
		p, err := parsePolicy(strings.Join(k.Lines, "\n"))
		if err != nil {
			return err // decodePolicies has read it
		}
		c.sts.domains[k.Domain] = &stsEntry{policy: p, id: k.ID, fetched: k.Fetched}
		c.sts.kept[k.Domain] = k
	}
	return nil
}

// decodePolicies reads a file, and leaves out what doesn't hold any more.
func decodePolicies(text []byte, now time.Time) ([]keptEntry, error) {
	if len(text) > maxPolicyFile {
		return nil, fmt.Errorf("relay: MTA-STS policies: %d bytes are too many", len(text))
	}
	var f stsFile
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("relay: MTA-STS policies: %w", err)
	}
	if f.Version != stsFileVersion {
		return nil, fmt.Errorf("relay: MTA-STS policies: version %d: %w", f.Version, mail.ErrNewer)
	}
	var list []keptEntry
	for _, k := range f.Policies[:min(len(f.Policies), maxPolicies)] {
		p, err := parsePolicy(strings.Join(k.Lines, "\n"))
		if err != nil || fold(k.Domain) != k.Domain || k.Fetched.After(now) || now.Sub(k.Fetched) >= p.age {
			continue
		}
		list = append(list, k)
	}
	return list, nil
}

// encodePolicies writes a file: as many of the newest as fit.
func encodePolicies(kept map[mail.Hop]keptEntry) []byte {
	list := slices.SortedFunc(maps.Values(kept), func(a, b keptEntry) int { return b.Fetched.Compare(a.Fetched) })
	size := 100
	for i, k := range list {
		// What JSON makes of a line is at most six times as long.
		one := 200 + len(k.Domain) + len(k.ID)
		for _, line := range k.Lines {
			one += 6*len(line) + 4
		}
		if size += one; size > maxPolicyFile || i == maxPolicies {
			list = list[:i]
			break
		}
	}
	text, err := json.Marshal(stsFile{stsFileVersion, list})
	if err != nil {
		panic(err) // strings and times: it can't fail
	}
	return text
}

// keep has a policy that was fetched written soon.
func (c *Client) keep(hop mail.Hop, p *stsPolicy, id string, fetched time.Time) {
	if c.options.Policies == nil {
		return
	}
	size := 0
	for _, line := range p.lines {
		size += len(line)
	}
	s := &c.sts
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		s.kept = map[mail.Hop]keptEntry{}
	}
	delete(s.kept, hop)
	if size <= maxKeptPolicy {
		s.kept[hop] = keptEntry{hop, id, fetched.Round(0), p.lines}
	}
	for victim := range s.kept {
		if len(s.kept) <= maxPolicies {
			break
		}
		delete(s.kept, victim)
	}
	if s.saving == nil {
		s.saving = time.AfterFunc(policySaveDelay, c.savePolicies)
	}
}

// savePolicies writes what is known, if it has changed since.
func (c *Client) savePolicies() {
	s := &c.sts
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	if s.saving == nil {
		s.mu.Unlock()
		return
	}
	s.saving.Stop()
	s.saving = nil
	text := encodePolicies(s.kept)
	s.mu.Unlock()
	if err := c.options.Policies.Save(text); err != nil {
		c.options.Log.Warn("MTA-STS policies can't be written; they are fetched again after a restart", "verb", "relay", "err", err)
	}
}
