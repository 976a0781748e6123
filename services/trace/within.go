package trace

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sanduk-mail/sanduk/services/domain"
)

// Within bounds what is told: of messages from or to addresses in some domains, what
// concerns these. The zero value bounds nothing.
type Within struct {
	Limited bool
	Domains []string // canonical; none: nothing is told
}

// has says whether an address is in the domains. What is no address is in none.
func (w *Within) has(address string) bool {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return false
	}
	name, err := domain.Canonical(address[at+1:])
	return err == nil && slices.Contains(w.Domains, string(name))
}

// tokens are those that a step with an address in the domains has one of. Clients write a
// domain in either of its forms.
func (w *Within) tokens() (list []token) {
	for _, name := range w.Domains {
		list = append(list, term(name).token(), term(fold(domain.Name(name).Unicode())).token())
	}
	return list
}

// names says whether a step names somebody in the domains: one who sends, gets or has the
// message. What else stands in a step, such as the author, anybody can write. A summary
// counts the messages of all.
func (w *Within) names(s *Step) bool {
	return s.What != manyRefused && slices.ContainsFunc(s.Pairs, func(p Pair) bool {
		switch p.Name {
		case "from", "login", "to", "account":
			return w.has(p.Value)
		}
		return false
	})
}

// view is what somebody sees of one message.
type view struct {
	*Within
	there  bool            // anything at all
	sends  bool            // the message is from the domains
	wrote  map[string]bool // then: to whom it was written
	items  map[string]bool // of the queue, those with a recipient that is seen
	hidden int             // recipients outside that were tried and are not seen
}

// view looks through all steps of a message.
func (w *Within) view(steps []placed) *view {
	v := &view{Within: w}
	if !w.Limited {
		return v
	}
	v.wrote, v.items = map[string]bool{}, map[string]bool{}
	var written []string
	for _, s := range steps {
		if s.shared || s.What == manyRefused {
			continue
		}
		v.there = v.there || w.names(&s.Step)
		v.sends = v.sends || w.has(s.Get("from")) || w.has(s.Get("login"))
		if s.Get("from") != "" {
			written = append(written, s.All("to")...)
		}
	}
	if v.sends {
		for _, to := range written {
			v.wrote[to] = true
		}
	}
	hidden := map[string]bool{}
	for _, s := range steps {
		if item := s.Get("item"); item != "" && slices.ContainsFunc(s.All("to"), v.meets) {
			v.items[item] = true
		}
		if s.Get("verb") == "attempt" && !v.meets(s.Get("to")) {
			hidden[s.Get("to")] = true
		}
	}
	v.hidden = len(hidden)
	return v
}

// meets says whether a recipient is seen: one in the domains, or one whom somebody there
// has written to.
func (v *view) meets(address string) bool { return v.wrote[address] || v.has(address) }

// step is what is seen of a step; false: nothing.
func (v *view) step(s *placed) (Step, bool) {
	switch {
	case !v.Limited:
		return s.Step, true
	case !v.there || s.What == manyRefused:
		return Step{}, false
	case s.shared:
		return s.Step, v.owns(s)
	}
	return v.bounded(&s.Step)
}

// owns says whether what programs do with mail is done in the mail of somebody in the
// domains. Whom others have opened a folder to, and what they read there, is theirs.
func (v *view) owns(s *placed) bool {
	if owner := s.Get("owner"); owner != "" {
		return v.has(owner)
	}
	return v.has(s.Get("account"))
}

// bounded leaves out of a step who isn't seen, and what is said of them.
func (v *view) bounded(s *Step) (Step, bool) {
	c := *s
	c.Pairs = nil
	left, strange := 0, false // how many there were that are left out; somebody of other domains handed it in
	kept := map[string]int{}
	for _, p := range s.Pairs {
		seen := true
		switch p.Name {
		case "to", "instead":
			seen = v.meets(p.Value)
		case "account":
			seen = v.has(p.Value)
		case "login":
			seen = v.has(p.Value)
			strange = strange || !seen
			continue
		}
		if !seen {
			left++
			continue
		}
		kept[p.Name]++
	}
	people := kept["to"] + kept["account"] + kept["instead"]
	if people == 0 && (left > 0 || s.Get("item") != "" && !v.items[s.Get("item")]) {
		return c, false
	}
	for _, p := range s.Pairs {
		switch p.Name {
		case "to", "instead":
			if !v.meets(p.Value) {
				continue
			}
		case "account":
			if !v.has(p.Value) {
				continue
			}
		case "login", "peer", "program", "helo":
			if strange {
				continue
			}
		case "folder":
			if kept["account"] == 0 {
				continue
			}
		case "err", "why": // may name the others
			if left > 0 {
				continue
			}
		case "recipients":
			if !v.sends && kept["to"] == 0 {
				continue
			}
			if !v.sends {
				p.Value = strconv.Itoa(kept["to"])
			}
		case "mailboxes":
			p.Value = strconv.Itoa(kept["account"])
		case "outside":
			p.Value = strconv.Itoa(v.outside(s, p.Value))
		}
		c.Pairs = append(c.Pairs, p)
	}
	return c, true
}

// outside is how many recipients on other servers are seen, of so many: those whom somebody
// in the domains has written to, and not whom others pass their mail on to.
func (v *view) outside(s *Step, said string) int {
	if !v.sends {
		return 0
	}
	n, err := strconv.Atoi(said)
	if err != nil {
		return 0
	}
	others := 0
	for _, to := range s.All("to") {
		if !v.has(to) {
			others++
		}
	}
	return max(0, min(n-v.hidden, others))
}

// tell gives the steps that are seen.
func (v *view) tell(list []placed) []Step {
	steps := make([]Step, 0, len(list))
	for _, p := range whole(list) {
		if s, seen := v.step(&p); seen {
			steps = append(steps, s)
		}
	}
	return steps
}
