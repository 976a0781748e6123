package trace

import (
	"encoding/binary"
	"slices"
	"strconv"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// continues is the name of the pair that a part begins with: its value is how many pairs
// behind it the first part has too.
const continues = "continues"

// maxRepeated is how many pairs each part has again of the first, so that somebody who
// looks for a recipient and a word of the subject finds both in one step.
const maxRepeated = 8

// parts cuts a step whose pairs don't fit into one into several with the same ID and time:
// all but the first have no What. What is beyond maxParts is left out.
func (s Step) parts() []Step {
	if len(s.Of) > maxOf {
		var list []Step
		for of := range slices.Chunk(s.Of, maxOf) {
			part := s
			part.Of = of
			list = append(list, part)
		}
		return list
	}
	fits := s.fitting()
	if fits == len(s.Pairs) {
		return []Step{s}
	}
	var again []Pair
	for _, p := range s.Pairs[:fits] {
		if p.Name != "to" && p.Name != "account" && searched(p.Name) && len(again) < maxRepeated {
			again = append(again, p)
		}
	}
	again = slices.Insert(again, 0, Pair{continues, strconv.Itoa(len(again))})
	list, rest := []Step{{ID: s.ID, At: s.At, What: s.What, Pairs: s.Pairs[:fits]}}, s.Pairs[fits:]
	for len(rest) > 0 && len(list) < maxParts {
		part := Step{ID: s.ID, At: s.At, Pairs: append(slices.Clip(again), rest...)}
		fits := part.fitting()
		part.Pairs = part.Pairs[:fits]
		list, rest = append(list, part), rest[fits-len(again):]
	}
	return list
}

// fitting is how many of a step's pairs encode keeps; more than maxRepeated+1 of them
// always fit.
func (s *Step) fitting() int {
	size := stepHead + textSize(s.What, maxValue) + len(s.Of)*(len(s.ID)+binary.MaxVarintLen32)
	for i, p := range s.Pairs {
		if i == maxPairs || size > maxPairsAt {
			return i
		}
		size += textSize(p.Name, maxName) + textSize(p.Value, maxValue)
	}
	return len(s.Pairs)
}

// textSize is the most that appendText adds for a text: what is no UTF-8 grows threefold.
func textSize(s string, most int) int { return min(3*len(s), most) + binary.MaxVarintLen16 }

// whole are the steps of a message, from the first on, each with what its parts say.
func whole(list []placed) []placed {
	steps := make([]placed, 0, len(list))
	for _, p := range list {
		if p.What != "" || len(p.Pairs) == 0 || p.Pairs[0].Name != continues {
			steps = append(steps, p)
			continue
		}
		n, err := strconv.Atoi(p.Pairs[0].Value)
		if err != nil || n < 0 || n >= len(p.Pairs) {
			continue
		}
		i := len(steps) - 1
		for i >= 0 && (steps[i].What == "" || !steps[i].At.Equal(p.At)) {
			i--
		}
		if i >= 0 {
			steps[i].Pairs = append(steps[i].Pairs, p.Pairs[1+n:]...)
		}
	}
	return steps
}

// isOf says whether a step is of a message.
func (s *Step) isOf(id mail.ID) bool {
	if len(s.Of) == 0 {
		return s.ID == id
	}
	return slices.ContainsFunc(s.Of, func(m mail.Traced) bool { return m.ID == id })
}

// one is a step as it is of one of its messages.
func (s *Step) one(id mail.ID) Step {
	if len(s.Of) == 0 {
		return *s
	}
	c := Step{ID: id, At: s.At, What: s.What, Pairs: slices.Clone(s.Pairs)}
	for _, m := range s.Of {
		if m.ID == id && m.UID != 0 {
			c.Pairs = append(c.Pairs, Pair{"uid", strconv.FormatUint(uint64(m.UID), 10)})
		}
	}
	return c
}
