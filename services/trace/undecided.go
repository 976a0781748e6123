package trace

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// How many messages that the box has refused are kept with all their steps. Nobody was
// told that such a message would arrive, and anybody can send as many as the line
// carries: in ninety days these and the strangers of handler.go fill some half of
// DefaultBytes, however many there were.
const (
	refusedBurst  = 1000 // a bad evening, whole
	refusedMinute = 8    // a million in ninety days
	// A single peer has no more than a part of that: whose message is refused while
	// somebody else sends a flood still finds it.
	peerBurst  = 30
	peerMinute = 2
	// maxPeers are told apart; more than that begin anew together.
	maxPeers = 1024
	// maxSummaries are the peers that a summary names, those with the most first; all
	// others are one more line.
	maxSummaries = 8
	// sumEvery is what a summary is about at least.
	sumEvery = 5 * time.Minute
)

const (
	// maxUndecided messages are being looked at at once: more than there are connections.
	maxUndecided = 2048
	// decideTime is how long that takes at most; then what is known of it is kept.
	decideTime = 15 * time.Minute
	// maxBefore is how many steps a message has before it is decided about.
	maxBefore = 32
)

// undecided keeps the steps of messages that have come and are not acknowledged yet, so
// that those of one that is refused can be left out together. A crash loses them, and
// nobody was told of such a message.
type undecided struct {
	add func(Step)

	mu      sync.Mutex
	steps   map[mail.ID][]Step
	refused *meter
	peers   map[string]*meter
	left    map[string]*leftOut // by peer, since from
	from    time.Time
}

// leftOut is what is not kept of one peer.
type leftOut struct {
	messages int
	last     Step
}

func newUndecided(add func(Step)) *undecided {
	return &undecided{add: add, steps: map[mail.ID][]Step{}, refused: newMeter(refusedBurst, refusedMinute), peers: map[string]*meter{}, left: map[string]*leftOut{}}
}

// isRefused says whether a message ends with this step, and nobody was told that it would
// arrive.
func (s *Step) isRefused() bool {
	switch s.What {
	case "message refused", "message not delivered", "a message was not finished":
		return true
	}
	return false
}

// take adds a step, or keeps it until it is known what becomes of its message.
func (u *undecided) take(s Step) {
	for _, s := range u.decide(s) {
		u.add(s)
	}
}

// decide gives the steps that are to be added now.
func (u *undecided) decide(s Step) []Step {
	u.mu.Lock()
	defer u.mu.Unlock()
	before := u.steps[s.ID]
	if s.isRefused() {
		delete(u.steps, s.ID)
		if peer := peerOf(before, &s); !u.allows(peer, s.At) {
			u.leaveOut(peer, s)
			return nil
		}
		return append(before, s)
	}
	verb := s.Get("verb")
	begins := verb == "receive" || before != nil && verb == "judge"
	if !begins || len(before) == maxBefore {
		delete(u.steps, s.ID)
		return append(before, s)
	}
	var old []Step
	if before == nil && len(u.steps) >= maxUndecided {
		old = u.overdue(s.At)
		if len(u.steps) >= maxUndecided {
			return append(old, s)
		}
	}
	u.steps[s.ID] = append(before, s)
	return old
}

// peerOf is who has sent a message.
func peerOf(before []Step, s *Step) string {
	for _, b := range before {
		if peer := b.Get("peer"); peer != "" {
			return peer
		}
	}
	return s.Get("peer")
}

func (u *undecided) allows(peer string, now time.Time) bool {
	m := u.peers[peer]
	if m == nil {
		if len(u.peers) >= maxPeers {
			clear(u.peers)
		}
		m = newMeter(peerBurst, peerMinute)
		u.peers[peer] = m
	}
	return m.allows(now) && u.refused.allows(now)
}

func (u *undecided) leaveOut(peer string, s Step) {
	if u.from.IsZero() {
		u.from = s.At
	}
	l := u.left[peer]
	if l == nil && len(u.left) >= maxPeers {
		peer = ""
		l = u.left[peer]
	}
	if l == nil {
		l = &leftOut{}
		u.left[peer] = l
	}
	l.messages++
	l.last = s
}

// overdue gives what waits for too long.
func (u *undecided) overdue(now time.Time) (list []Step) {
	for id, steps := range u.steps {
		if now.Sub(steps[0].At) > decideTime {
			list = append(list, steps...)
			delete(u.steps, id)
		}
	}
	return list
}

// sum adds a summary of what was left out, if it is of sumEvery at least, and what waits
// for too long.
func (u *undecided) sum(now time.Time) {
	u.mu.Lock()
	list := u.overdue(now)
	if !u.from.IsZero() && now.Sub(u.from) >= sumEvery {
		list = append(list, u.summary(now)...)
	}
	u.mu.Unlock()
	for _, s := range list {
		u.add(s)
	}
}

// end adds all that there is.
func (u *undecided) end(now time.Time) {
	u.mu.Lock()
	var list []Step
	for _, steps := range u.steps {
		list = append(list, steps...)
	}
	clear(u.steps)
	list = append(list, u.summary(now)...)
	u.mu.Unlock()
	for _, s := range list {
		u.add(s)
	}
}

// summary is what was left out, and forgets it.
func (u *undecided) summary(now time.Time) (list []Step) {
	peers := slices.SortedFunc(maps.Keys(u.left), func(a, b string) int {
		return cmp.Or(cmp.Compare(u.left[b].messages, u.left[a].messages), cmp.Compare(a, b))
	})
	others, since := 0, u.from
	for i, peer := range peers {
		if i >= maxSummaries || peer == "" {
			others += u.left[peer].messages
			continue
		}
		l := u.left[peer]
		list = append(list, summed(now, since, l.messages, Pair{"peer", peer}, Pair{"from", l.last.Get("from")}, Pair{"err", l.last.Get("err")}))
	}
	if others > 0 {
		list = append(list, summed(now, since, others))
	}
	clear(u.left)
	u.from = time.Time{}
	return list
}

// manyRefused is what a summary is called.
const manyRefused = "many messages refused"

// summed is a step of a thing of its own, to be found like a message.
func summed(now, since time.Time, messages int, about ...Pair) Step {
	s := Step{ID: mail.NewID(now), At: now, What: manyRefused, Pairs: []Pair{
		{"verb", "accept"}, {"messages", strconv.Itoa(messages)}, {"since", since.UTC().Format(time.RFC3339)},
	}}
	for _, p := range about {
		if p.Value != "" {
			s.Pairs = append(s.Pairs, p)
		}
	}
	return s
}
