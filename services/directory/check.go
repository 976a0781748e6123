package directory

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/journal"
)

// Report is what Check found.
type Report struct {
	Accounts int // that are there
	Removed  int
	Tokens   int
	Problems []string // one sentence each; empty when all is well
	Unsigned []string // domains whose signing is left to their provider, which is no problem
	Locked   int      // people among these whose password is of no use: the box key is another
}

// Check proves that the directory is what it should be: index and memory agree
// with each other and with the journal read from its beginning, every credential
// record opens for its account, and somebody can look after the box. Changes
// wait meanwhile, readers don't. The error is the disk's or ctx's.
func (d *Directory) Check(ctx context.Context) (Report, error) {
	if err := d.begin(ctx); err != nil {
		return Report{}, err
	}
	defer d.end()
	v := d.current.Load()
	report := Report{Problems: slices.Clone(d.odd), Tokens: len(v.tokens), Accounts: len(v.addresses), Removed: len(v.accounts) - len(v.addresses)}

	fromJournal := emptyState()
	err := d.journal.Replay(ctx, journal.FamilyDirectory, 1, func(r journal.Record) error {
		if next, err := d.replay(fromJournal, r); err == nil {
			fromJournal = next
		} else {
			report.problem("a change to the list of people (of %s) does not fit what came before it in the log: %v", r.Time.UTC().Format("2 January 2006, 15:04 UTC"), err)
		}
		return nil
	})
	if err != nil {
		return report, fmt.Errorf("directory: check: %w", err)
	}
	report.compare("the log", fromJournal, v.state)

	indexed, _, err := d.index.load()
	if err != nil {
		report.problem("the list of people (mail/directory.db) can't be read: %v", err)
	} else {
		report.compare("the list of people (mail/directory.db)", indexed, v.state)
	}
	for err := range d.index.pages() {
		report.problem("the list of people (mail/directory.db) is damaged: %v", err)
	}
	report.invariants(d.key, v.state)
	slices.Sort(report.Unsigned)
	report.Problems = slices.Compact(slices.Sorted(slices.Values(report.Problems)))
	return report, nil
}

func (r *Report) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

// pages yields what bbolt finds wrong with the file's structure.
func (ix *Index) pages() func(yield func(error) bool) {
	return func(yield func(error) bool) {
		err := ix.view(func(tx *bbolt.Tx) error {
			going := true
			for err := range tx.Check() { // must be drained
				going = going && yield(err)
			}
			return nil
		})
		if err != nil {
			yield(err)
		}
	}
}

// compare says where what one source has differs from what is in use.
func (r *Report) compare(source string, got, want *state) {
	a, b := got.flat(), want.flat()
	for _, key := range slices.Sorted(maps.Keys(b)) {
		switch text, found := a[key]; {
		case !found:
			r.problem("%s: not in %s", key, source)
		case !bytes.Equal(text, b[key]):
			r.problem("%s says something else of %s than is in use", source, key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(a)) {
		if _, found := b[key]; !found {
			r.problem("%s has %s, which is not in use", source, key)
		}
	}
	if got.next != want.next {
		r.problem("%s would give the next person the number %d, not %d", source, got.next, want.next)
	}
}

// flat is the state as text, entry by entry, for comparing and for tests.
func (s *state) flat() map[string][]byte {
	flat := map[string][]byte{}
	add := func(key string, value any) {
		text, err := json.Marshal(value)
		if err != nil {
			text = []byte(err.Error()) // differs from every good one
		}
		flat[key] = text
	}
	if s.box != nil {
		add("the box's settings", s.box)
	}
	for id, a := range s.accounts {
		add(fmt.Sprintf("%s (%s)", a.address(), id), a)
	}
	for name, r := range s.domains {
		add("domain "+string(name), r)
	}
	for address, r := range s.listings {
		add("address "+address.String(), r)
	}
	for id, r := range s.rules {
		add(fmt.Sprintf("rules of %s", id), r)
	}
	for name, r := range s.signing {
		add("signing keys of "+string(name), r)
	}
	for name, r := range s.content {
		add("content rules of "+string(name), r)
	}
	for name, r := range s.spares {
		add("spare server of "+string(name), r)
	}
	for id, l := range s.limits {
		add(fmt.Sprintf("what %s may send", id), l)
	}
	for key, r := range s.routes {
		add("route "+key, r)
	}
	if s.blockLists != nil {
		add("block lists", s.blockLists)
	}
	if s.admission != nil {
		add("whom the box lets in", s.admission)
	}
	for name, r := range s.reporting {
		add("reports to "+string(name), r)
	}
	for key, r := range s.sizes {
		add(fmt.Sprintf("size bound %q", key), r)
	}
	if s.trace != nil {
		add("what Received says", s.trace)
	}
	for id := range s.shares.given {
		add(fmt.Sprintf("what %s shares", id), s.shares.records(id))
	}
	for hash, t := range s.tokens {
		add(fmt.Sprintf("token %x", hash[:4]), t)
	}
	return flat
}

// invariants checks what must hold of any state.
func (r *Report) invariants(key *auth.Key, s *state) {
	if s.box == nil {
		if len(s.accounts) > 0 || len(s.tokens) > 0 {
			r.problem("there are people on a box that is not set up")
		}
		return
	}
	if _, err := s.box.open(key); err != nil {
		r.Locked++
		r.problem("the password at the provider can't be used: %v", err)
	}
	if a := s.accounts[s.keeper]; a == nil || !a.Admin || !a.Removed.IsZero() {
		r.problem("nobody is an administrator")
	}
	for id, a := range s.accounts {
		if !a.Removed.IsZero() {
			continue
		}
		if s.addresses[a.address()] != id {
			r.problem("%s (%s) can't be found by this address", a.address(), id)
		}
		if !s.owns(a.Domain) {
			r.problem("%s (%s) is in none of the office's domains", a.address(), id)
		}
		if err := auth.CheckRecord(key, a.address(), a.Credential); err != nil {
			r.Locked++
			r.problem("%s (%s) can't log in: %v", a.address(), id, err)
		}
	}
	for address := range s.listings {
		if s.addresses[address] != 0 {
			r.problem("%s is somebody's own address and something else at once", address)
		}
		if !s.owns(domain.Name(address.Domain)) {
			r.problem("%s is in none of the office's domains", address)
		}
	}
	for name, d := range s.domains {
		if d.AliasOf == "" != s.owns(name) || d.AliasOf != "" && !s.owns(d.AliasOf) {
			r.problem("domain %s is neither one of the office's nor another name of one", name)
		}
	}
	if err := s.circle(); err != nil {
		r.problem("%v", err)
	}
	for _, record := range s.signing {
		if record.Provider {
			r.Unsigned = append(r.Unsigned, string(record.Domain))
		}
		if len(record.Keys) == 0 {
			continue
		}
		if _, err := record.open(key.Open); err != nil {
			r.Locked++
			r.problem("mail can't be signed: %v", err)
		}
	}
	for _, record := range s.routes {
		if _, err := record.open(key); err != nil {
			r.Locked++
			r.problem("mail to %s can't be sent: %v", cmp.Or(string(record.Domain), "other servers"), err)
		}
	}
	for _, problem := range s.oddShares() {
		r.problem("%s", problem)
	}
	for hash, t := range s.tokens {
		if _, err := s.live(t.Owner); err != nil {
			r.problem("token %x belongs to nobody", hash[:4])
		}
	}
}
