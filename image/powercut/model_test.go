package powercut

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// place is where a letter stands: in a mailbox, once.
type place struct{ mailbox, name string }

// entry is what is known of it there.
type entry struct {
	uid   uint32 // 0: not told yet
	flags string // sorted, spaces between
}

// account is what an account holds. Only one IMAP session at a time changes an account, besides deliveries.
type account map[place]entry

// kind is what an operation does.
type kind string

const (
	deliver kind = "deliver" // by SMTP, into INBOX
	add     kind = "append"
	flag    kind = "store"
	copied  kind = "copy"
	moved   kind = "move"
	expunge kind = "expunge"
	learn   kind = "learn" // changes nothing: from now on the UIDs of what was delivered are known
)

// operation is one thing asked of the box.
type operation struct {
	kind    kind
	account string
	mailbox string
	to      string   // copied, moved
	names   []string // letters, by UID where they have one
	uids    []uint32 // as the box told, for each name: of what is new, or learned; nil before
	mode    string   // flag: "+", "-" or "="
	flags   []string // flag, add
}

func (o operation) String() string {
	return fmt.Sprintf("%s %s %s %s%v %q", o.kind, o.mailbox, o.to, o.mode, o.flags, o.names)
}

// apply returns the account after the operation.
func (a account) apply(o operation) account {
	a = maps.Clone(a)
	for i, name := range o.names {
		at := place{o.mailbox, name}
		var uid uint32
		if o.uids != nil {
			uid = o.uids[i]
		}
		switch o.kind {
		case deliver:
			a[at] = entry{}
		case add:
			a[at] = entry{uid, join(o.flags)}
		case flag:
			a[at] = entry{a[at].uid, changed(a[at].flags, o.mode, o.flags)}
		case copied:
			a[place{o.to, name}] = entry{uid, a[at].flags}
		case moved:
			a[place{o.to, name}] = entry{uid, a[at].flags}
			delete(a, at)
		case expunge:
			delete(a, at)
		case learn:
			a[at] = entry{uid, a[at].flags}
		}
	}
	return a
}

func join(flags []string) string { return strings.Join(slices.Sorted(slices.Values(flags)), " ") }

func changed(old, mode string, flags []string) string {
	set := make(map[string]bool)
	if mode != "=" {
		for _, f := range strings.Fields(old) {
			set[f] = true
		}
	}
	for _, f := range flags {
		if mode == "-" {
			delete(set, f)
		} else {
			set[f] = true
		}
	}
	return join(slices.Collect(maps.Keys(set)))
}

// record is an operation with the moments, in moves of the disk, at which it was asked for and answered.
type record struct {
	operation
	asked, answered int64     // answered is never when it was not
	when            time.Time // it was asked for
}

// never is later than every moment.
const never = 1<<63 - 1

// history is what was asked and answered from one start of the box on. Any goroutine may use it.
type history struct {
	moves func() int64

	mu       sync.Mutex
	start    map[string]account
	asked    []*record
	answered []*record // in the order of the answers
	now      map[string]account
	highest  map[string]uint32 // UID given out so far, by account and mailbox
	problems []problem
	last     time.Time // of what was asked or answered
}

func newHistory(start map[string]account, moves func() int64) *history {
	h := &history{moves: moves, start: start, now: maps.Clone(start), highest: make(map[string]uint32)}
	for name, a := range start {
		for at, e := range a {
			box := name + " " + at.mailbox
			h.highest[box] = max(h.highest[box], e.uid)
		}
	}
	return h
}

// follow takes over which UIDs were given out before: they are never given out again.
func (h *history) follow(before *history) {
	before.mu.Lock()
	defer before.mu.Unlock()
	for box, uid := range before.highest {
		h.highest[box] = max(h.highest[box], uid)
	}
}

// ask notes that an operation is about to be asked for.
func (h *history) ask(o operation) *record {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = time.Now()
	r := &record{o, h.moves(), never, h.last}
	h.asked = append(h.asked, r)
	return r
}

// answer notes that it was acknowledged, with these UIDs.
func (h *history) answer(r *record, uids []uint32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = time.Now()
	if uids != nil && len(uids) != len(r.names) {
		h.problems = append(h.problems, problem{wrongUID, fmt.Sprintf("%s: %s was answered with %d UIDs", r.account, r, len(uids))})
		uids = nil
	}
	r.uids, r.answered = uids, h.moves()
	h.answered = append(h.answered, r)
	h.now[r.account] = h.now[r.account].apply(r.operation)
	switch r.kind {
	case add, copied, moved: // never into INBOX, where deliveries get UIDs that nobody is told
		box := r.account + " " + cmp.Or(r.to, r.mailbox)
		for _, uid := range uids {
			if uid <= h.highest[box] {
				h.problems = append(h.problems, problem{wrongUID, fmt.Sprintf("%s: %s got UID %d, and %d was given out before", r.account, r, uid, h.highest[box])})
			}
			h.highest[box] = max(h.highest[box], uid)
		}
	}
}

// account is what one holds as far as has been acknowledged.
func (h *history) account(name string) account {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now[name]
}

// count is how many operations were acknowledged.
func (h *history) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.answered)
}

// expectation is what an account may hold at some moment.
type expectation struct {
	states   []account       // one of these: without and with the operation that was under way
	optional map[string]bool // letters that may have been delivered
}

// at gives what is to be expected when the disk stops after so many moves.
func (h *history) at(moves int64) map[string]expectation {
	h.mu.Lock()
	defer h.mu.Unlock()
	states := maps.Clone(h.start)
	for _, r := range h.answered {
		if r.answered > moves {
			break // moves only grow
		}
		states[r.account] = states[r.account].apply(r.operation)
	}
	want := make(map[string]expectation)
	for name, state := range states {
		want[name] = expectation{[]account{state}, make(map[string]bool)}
	}
	for _, r := range h.asked {
		if r.asked > moves || r.answered <= moves {
			continue
		}
		e := want[r.account]
		if r.kind == deliver {
			e.optional[r.names[0]] = true
			continue
		}
		open := r.operation
		open.uids = nil
		e.states = append(e.states, states[r.account].apply(open))
		want[r.account] = e
	}
	return want
}

// final is what is to be expected after the end.
func (h *history) final() map[string]expectation { return h.at(never - 1) }

// fault is a kind of problem.
type fault string

const (
	lost     fault = "lost"    // acknowledged, and not there
	torn     fault = "torn"    // there, and not what was sent
	unflag   fault = "flags"   // with other flags than acknowledged
	twice    fault = "twice"   // there more than once
	risen    fault = "risen"   // there, and expunged, moved away or never sent
	wrongUID fault = "UID"     // not the UID or UIDVALIDITY that was told
	broken   fault = "broken"  // the box or the file system does not come up as it should
	damage   fault = "invalid" // the store's own check finds something
	unfound  fault = "unfound" // a search does not find it
)

type problem struct {
	fault fault
	text  string
}

func (p problem) String() string { return string(p.fault) + ": " + p.text }

// found is one message that was read.
type found struct {
	mailbox  string
	validity uint32
	uid      uint32
	name     string // of the letter
	flags    string
	why      string // it is not whole; empty: it is
	word     string // of its text, and of no other's
}

// compare gives what is wrong with what was read of an account, for the expectation that fits best.
func (e expectation) compare(name string, got []found) []problem {
	var best []problem
	for i, state := range e.states {
		p := state.compare(name, got, e.optional)
		if i == 0 || len(p) < len(best) {
			best = p
		}
	}
	return best
}

func (a account) compare(name string, got []found, optional map[string]bool) []problem {
	var problems []problem
	report := func(f fault, format string, args ...any) {
		problems = append(problems, problem{f, name + ": " + fmt.Sprintf(format, args...)})
	}
	there := make(map[place]bool)
	for _, g := range got {
		at := place{g.mailbox, g.name}
		if g.why != "" {
			report(torn, "%s UID %d (%s): %s", g.mailbox, g.uid, g.name, g.why)
			if g.name == "" {
				continue
			}
		}
		if there[at] {
			report(twice, "%s in %s", g.name, g.mailbox)
			continue
		}
		there[at] = true
		want, ok := a[at]
		switch {
		case !ok && g.mailbox == inbox && optional[g.name]:
		case !ok:
			report(risen, "%s in %s, UID %d", g.name, g.mailbox, g.uid)
		case want.uid != 0 && want.uid != g.uid:
			report(wrongUID, "%s in %s has UID %d, told was %d", g.name, g.mailbox, g.uid, want.uid)
		case want.flags != g.flags:
			report(unflag, "%s in %s has %q, acknowledged was %q", g.name, g.mailbox, g.flags, want.flags)
		}
	}
	for at := range a {
		if !there[at] {
			report(lost, "%s in %s", at.name, at.mailbox)
		}
	}
	return problems
}

// hold makes an account of what was read, to start from.
func hold(got []found) account {
	a := make(account)
	for _, g := range got {
		a[place{g.mailbox, g.name}] = entry{g.uid, g.flags}
	}
	return a
}

// tally tells how many problems there are of each kind.
func tally(problems []problem) string {
	n := make(map[fault]int)
	for _, p := range problems {
		n[p.fault]++
	}
	var parts []string
	for _, f := range slices.Sorted(maps.Keys(n)) {
		parts = append(parts, fmt.Sprintf("%d %s", n[f], f))
	}
	return cmp.Or(strings.Join(parts, ", "), "none")
}
