package directory

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// MaxSteps is how often mail may be passed on inside the office: a group in a
// group, a person who forwards. Deliverers stop behind it, too.
const MaxSteps = 8

// circle finds mail that would come back to where it was, or be passed on more
// than MaxSteps times. Removed accounts count as if they were there: they may
// come back. The error is a *mail.RuleError that shows the way.
func (s *state) circle() error {
	w := walker{state: s, steps: map[node]int{}, on: map[node]bool{}}
	// In order, so that the same circle is always shown the same way.
	for _, a := range slices.SortedFunc(maps.Keys(s.listings), compareAddresses) {
		if _, err := w.walk(node{address: a}); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.rules)) {
		if _, err := w.walk(node{account: id}); err != nil {
			return err
		}
	}
	return nil
}

// node is a place that passes mail on: an account, or else an entry's address.
type node struct {
	account mail.AccountID
	address mail.Address
}

type walker struct {
	*state
	steps map[node]int // known: the most steps from here
	on    map[node]bool
	path  []node
}

// walk is the most steps that mail takes from a place.
func (w *walker) walk(at node) (int, error) {
	if n, known := w.steps[at]; known {
		return n, nil
	}
	w.path = append(w.path, at)
	if w.on[at] || len(w.path) > MaxSteps+1 {
		return 0, &mail.RuleError{Text: "Mail would go round in circles, or be passed on too often: " + w.way(), Err: mail.ErrCircle}
	}
	w.on[at] = true
	most := 0
	for _, m := range w.next(at) {
		to, ours := w.place(m)
		if !ours {
			continue
		}
		n, err := w.walk(to)
		if err != nil {
			return 0, err
		}
		if most = max(most, n+1); len(w.path)-1+most > MaxSteps {
			return 0, &mail.RuleError{Text: fmt.Sprintf("Mail would be passed on more than %d times: %s and so on", MaxSteps, w.way()), Err: mail.ErrCircle}
		}
	}
	delete(w.on, at)
	w.path = w.path[:len(w.path)-1]
	w.steps[at] = most
	return most, nil
}

// next lists to whom mail for a place is passed on.
func (w *walker) next(at node) []memberRecord {
	if r := w.rules[at.account]; r != nil {
		return r.Forward
	}
	if e := w.listings[at.address]; e != nil {
		return e.Members
	}
	return nil
}

// place is where a member's mail goes in the office.
func (w *walker) place(m memberRecord) (node, bool) {
	if m.Account != 0 {
		return node{account: m.Account}, true
	}
	address, err := domain.Address(m.address())
	if err != nil {
		return node{}, false
	}
	address.Domain = string(w.home(domain.Name(address.Domain)))
	if id, e, _ := w.find(address); e != nil {
		return node{address: e.address()}, true
	} else if id != 0 {
		return node{account: id}, true
	}
	if d := w.domains[domain.Name(address.Domain)]; d != nil && d.CatchAll != 0 {
		return node{account: d.CatchAll}, true
	}
	return node{}, false
}

func (w *walker) way() string {
	words := make([]string, len(w.path))
	for i, at := range w.path {
		words[i] = at.address.String()
		if a := w.accounts[at.account]; a != nil {
			words[i] = a.address().String()
		}
	}
	return strings.Join(words, " → ")
}
