package trace

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Bounds of one question.
const (
	maxTerms = 8
	// MaxFound is how many messages one answer has.
	MaxFound = 200
	// maxLooked are steps looked at for one answer: whoever wants more asks on.
	maxLooked = 100_000
	// lookCost is how many of these a look counts whose message is looked for in all pieces,
	// to see whether it is within what may be told.
	lookCost = 20
)

// Query is what somebody looks for. All that is said must hold.
type Query struct {
	Text        string    // words of addresses, subject, message ID, host: as beginnings of words in one step
	From, Until time.Time // when the step was; zero: at any time
	After       Place     // the Next of the answer before; zero: from the newest on
	Limit       int       // messages, at most MaxFound; 0: that many
	// Within bounds what is found, and what it is found by.
	Within Within
}

// Place is where an answer ended.
type Place struct{ segment, step uint32 } // the steps before this one are next; segments count from 1

// String is what ParsePlace reads; "" for none.
func (p Place) String() string {
	if p == (Place{}) {
		return ""
	}
	return fmt.Sprintf("%d.%d", p.segment, p.step)
}

// ErrPlace is of a place that no answer has given.
var ErrPlace = errors.New("trace: this is not a place in a list of messages")

// ParsePlace reads what String wrote.
func ParsePlace(text string) (p Place, err error) {
	if text == "" {
		return p, nil
	}
	a, b, _ := strings.Cut(text, ".")
	segment, err1 := strconv.ParseUint(a, 10, 32)
	step, err2 := strconv.ParseUint(b, 10, 32)
	if err1 != nil || err2 != nil || segment == 0 {
		return p, ErrPlace
	}
	return Place{uint32(segment), uint32(step)}, nil
}

// Message is one with all its steps, from the first on.
type Message struct {
	ID    mail.ID
	Steps []Step
}

// piece is a segment or the current file.
type piece interface {
	open(b *Book) error
	close() error
	span() (first, last time.Time)
	list(t token) ([]uint32, error)
	step(number uint32) (Step, error)
	// when is a step's time alone, for less.
	when(number uint32) (time.Time, bool)
}

// search is one question that is being answered. Its user holds Book.disk.
type search struct {
	b      *Book
	pieces []piece  // from the oldest on
	number []uint32 // theirs
	terms  []term
	q      Query
	looked int
	newest map[mail.ID]placeIn // of messages that were looked at as a whole, the newest step that holds: a letter to thousands has a step for each try
	within [][]uint32          // by piece, the steps that may name somebody within; nil: not looked up yet
}

// placeIn is where a step stands: in which of the pieces, and as which of its steps.
type placeIn struct {
	piece  int
	number uint32
}

// nowhere is the place of a step that there isn't.
func nowhere() placeIn { return placeIn{piece: -1} }

// Find gives messages, the one with the newest step first, and where the next begin; a
// zero Place means that there are no more.
func (b *Book) Find(ctx context.Context, q Query) (found []Message, next Place, err error) {
	if q.Limit <= 0 || q.Limit > MaxFound {
		q.Limit = MaxFound
	}
	s, done, err := b.begin(q)
	if err != nil {
		return nil, Place{}, err
	}
	defer func() { err = errors.Join(err, done()) }()
	for i, p := range slices.Backward(s.pieces) {
		if s.number[i]+1 > q.After.segment && q.After != (Place{}) || !s.overlaps(p) {
			continue
		}
		candidates, all, err := s.candidates(i)
		if err != nil {
			return nil, Place{}, err
		}
		for n := all - 1; n >= 0; n-- {
			at := candidates(n)
			place := Place{s.number[i] + 1, at}
			if place.segment == q.After.segment && at >= q.After.step {
				continue
			}
			if s.looked++; s.looked > maxLooked || len(found) == q.Limit {
				return found, Place{place.segment, at + 1}, nil
			}
			if err := ctx.Err(); err != nil {
				return nil, Place{}, err
			}
			if when, ok := p.when(at); ok && !s.inTime(when) {
				continue
			}
			m, err := s.messageAt(i, at)
			if err != nil {
				return nil, Place{}, err
			}
			if m != nil {
				found = append(found, *m)
			}
		}
	}
	return found, Place{}, nil
}

// Steps gives one message; its Steps are none if nothing is known of it.
func (b *Book) Steps(ctx context.Context, id mail.ID) (Message, error) {
	return b.StepsWithin(ctx, id, Within{})
}

// StepsWithin is Steps of what is within; none also where there are others only.
func (b *Book) StepsWithin(ctx context.Context, id mail.ID, w Within) (m Message, err error) {
	s, done, err := b.begin(Query{Within: w})
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, done()) }()
	m.ID = id
	steps, err := s.steps(ctx, id)
	if err == nil {
		steps, err = s.goOn(ctx, steps)
	}
	m.Steps = w.view(steps).tell(steps)
	return m, err
}

// begin makes everything that has been added be found. done is to be called.
func (b *Book) begin(q Query) (*search, func() error, error) {
	b.undecided.sum(time.Now())
	if err := b.write(false); err != nil {
		b.opts.Log.Warn("the newest steps are not looked at", "err", err)
	}
	b.disk.Lock()
	s := &search{b: b, q: q, terms: terms(q.Text), newest: map[mail.ID]placeIn{}}
	for _, p := range b.segments {
		s.pieces, s.number = append(s.pieces, p), append(s.number, p.number)
	}
	s.pieces, s.number = append(s.pieces, b.current), append(s.number, b.current.number)
	s.within = make([][]uint32, len(s.pieces))
	return s, func() (err error) { // until then each piece that was looked into holds a block, 64 KiB
		defer b.disk.Unlock()
		for _, p := range s.pieces {
			err = errors.Join(err, p.close())
		}
		return err
	}, nil
}

// overlaps says whether a piece has steps of the time that is asked for.
func (s *search) overlaps(p piece) bool {
	first, last := p.span()
	return (s.q.From.IsZero() || !last.Before(s.q.From)) && (s.q.Until.IsZero() || first.Before(s.q.Until))
}

// candidates are the steps of a piece that may be what is looked for, from the oldest
// on: the i-th of so many.
func (s *search) candidates(i int) (at func(int) uint32, n int, err error) {
	p := s.pieces[i]
	if err := p.open(s.b); err != nil {
		s.b.opts.Log.Error("a piece of the trace can't be read and is left out", "segment", s.number[i], "err", err)
		return nil, 0, nil
	}
	if len(s.terms) == 0 && s.q.Within.Limited {
		list, err := s.withinPiece(i)
		return func(i int) uint32 { return list[i] }, len(list), err
	}
	if len(s.terms) == 0 {
		n := 0
		switch p := p.(type) {
		case *segment:
			n = int(p.steps)
		case *current:
			n = p.steps
		}
		return func(i int) uint32 { return uint32(i) }, n, nil
	}
	var both []uint32
	for k, t := range s.terms {
		list, err := p.list(t.token())
		if err != nil {
			return nil, 0, err
		}
		if k == 0 {
			both = slices.Clone(list)
		} else {
			both = intersect(both, list)
		}
	}
	return func(i int) uint32 { return both[i] }, len(both), nil
}

// intersect keeps of a, in its place, what is in b too; both are sorted.
func intersect(a, b []uint32) []uint32 {
	kept := a[:0]
	for _, n := range a {
		i, found := slices.BinarySearch(b, n)
		if b = b[i:]; found {
			kept = append(kept, n)
		}
	}
	return kept
}

// inTime says whether a step of this time may be what is looked for.
func (s *search) inTime(at time.Time) bool {
	return (s.q.From.IsZero() || !at.Before(s.q.From)) && (s.q.Until.IsZero() || at.Before(s.q.Until))
}

// holds says whether a step is what is looked for. Where not all may be told, whoever looks
// for nothing finds messages by the steps that name somebody within.
func (s *search) holds(step *Step) bool {
	if s.q.Within.Limited && len(s.terms) == 0 && !s.q.Within.names(step) {
		return false
	}
	return len(step.Of) == 0 && s.inTime(step.At) && !slices.ContainsFunc(s.terms, func(t term) bool { return !t.isIn(step) })
}

// messageAt gives the message of a step if that is what is looked for, and the newest of
// the message's steps that is: so each message is found once.
func (s *search) messageAt(i int, at uint32) (*Message, error) {
	step, err := s.pieces[i].step(at)
	if err != nil {
		s.b.opts.Log.Error("a step in the trace is damaged and is left out", "segment", s.number[i], "err", err)
		return nil, nil
	}
	here := placeIn{i, at}
	if !s.holds(&step) {
		return nil, nil
	}
	newest, known := s.newest[step.ID]
	if known && newest != here {
		return nil, nil
	}
	if within, err := s.mayBeWithin(i, step.ID); err != nil || !within {
		s.newest[step.ID] = nowhere()
		return nil, err
	}
	steps, err := s.steps(context.Background(), step.ID)
	if err != nil {
		return nil, err
	}
	all, err := s.goOn(context.Background(), slices.Clone(steps))
	if err != nil {
		return nil, err
	}
	v := s.q.Within.view(all)
	if !known {
		newest = s.newestOf(v, steps)
		s.newest[step.ID] = newest
	}
	if newest != here {
		return nil, nil
	}
	return &Message{ID: step.ID, Steps: v.tell(all)}, nil
}

// newestOf is the newest step of a message that holds by what is seen of it: what isn't
// seen is no word to find a message by.
func (s *search) newestOf(v *view, steps []placed) placeIn {
	newest, at := placed{}, nowhere()
	for _, p := range steps {
		if p.shared {
			continue
		}
		if seen, ok := v.step(&p); ok && s.holds(&seen) && p.isBehind(newest) {
			newest, at = p, placeIn{p.piece, p.number}
		}
	}
	return at
}

// mayBeWithin says whether a message that has a step in a piece may be told of, by tokens
// alone: most are not, where somebody asks who may see little.
func (s *search) mayBeWithin(piece int, id mail.ID) (bool, error) {
	if !s.q.Within.Limited {
		return true, nil
	}
	if found, err := s.namesWithin(piece, id); found || err != nil {
		return found, err
	}
	s.looked += lookCost
	for i := s.firstPiece(id); i < len(s.pieces); i++ {
		if i == piece || s.pieces[i].open(s.b) != nil {
			continue
		}
		if found, err := s.namesWithin(i, id); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// namesWithin says whether a message may have a step in a piece that names somebody within.
func (s *search) namesWithin(piece int, id mail.ID) (bool, error) {
	own, err := s.pieces[piece].list(hash(string(id[:])))
	if err != nil || len(own) == 0 {
		return false, err
	}
	within, err := s.withinPiece(piece)
	return len(intersect(slices.Clone(own), within)) > 0, err
}

// withinPiece are the steps of an open piece that may name somebody within.
func (s *search) withinPiece(piece int) ([]uint32, error) {
	if s.within[piece] != nil {
		return s.within[piece], nil
	}
	all := []uint32{}
	for _, t := range s.q.Within.tokens() {
		list, err := s.pieces[piece].list(t)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	slices.Sort(all)
	s.within[piece] = slices.Compact(all)
	return s.within[piece], nil
}

// maxGoesOn is how often a message goes on under another ID: one may wait, be put off, and
// wait again.
const maxGoesOn = 8

// goOn adds to the steps of a message those under the IDs that it has had later, but for
// the ones by which it got them.
func (s *search) goOn(ctx context.Context, list []placed) ([]placed, error) {
	seen := map[string]bool{}
	for i := 0; i < len(list) && len(seen) < maxGoesOn; i++ {
		text := list[i].Get(goesOn)
		id, err := mail.ParseID(text)
		if text == "" || err != nil || seen[text] {
			continue
		}
		seen[text] = true
		more, err := s.steps(ctx, id)
		if err != nil {
			return nil, err
		}
		what := list[i].What
		list = append(list, slices.DeleteFunc(more, func(p placed) bool { return p.What == what || p.What == "" })...)
	}
	if len(seen) > 0 {
		slices.SortStableFunc(list, func(a, b placed) int { return a.At.Compare(b.At) })
	}
	return list, nil
}

// placed is a step with its place.
type placed struct {
	Step
	piece  int
	number uint32
	shared bool // it is of other messages too
}

func (p placed) isBehind(o placed) bool {
	return p.piece > o.piece || p.piece == o.piece && p.number >= o.number
}

// early is how long before the time in its ID a message's first step may be, by a clock
// that was set back meanwhile.
const early = 48 * time.Hour

// firstPiece is the one in which a message's first step may stand. Pieces are in the order
// of writing, whatever the clock did: only those before it are passed over.
func (s *search) firstPiece(id mail.ID) int {
	for i, p := range s.pieces[:len(s.pieces)-1] {
		if _, last := p.span(); !last.Before(id.Time().Add(-early)) {
			return i
		}
	}
	return len(s.pieces) - 1
}

// steps are those of a message, by their time.
func (s *search) steps(ctx context.Context, id mail.ID) (list []placed, err error) {
	t := hash(string(id[:]))
	first := s.firstPiece(id)
	for i, p := range s.pieces {
		if i < first {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := p.open(s.b); err != nil {
			continue // said by candidates
		}
		numbers, err := p.list(t)
		if err != nil {
			return nil, err
		}
		for _, n := range numbers {
			if step, err := p.step(n); err == nil && step.isOf(id) {
				list = append(list, placed{step.one(id), i, n, len(step.Of) > 0})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b placed) int { return a.At.Compare(b.At) })
	return list, nil
}
