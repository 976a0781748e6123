package journal

import (
	"context"
	"fmt"
)

// Owner names bodies of the log in an index of its own, as the store does.
type Owner interface {
	// Live calls note for every body that the owner may ever ask for again. One
	// that it leaves out must be one that it can't come to name later, whatever is
	// committed meanwhile; only bodies staged after the call need not be told of.
	// An owner that can't tell returns an error: then nothing is dropped.
	Live(ctx context.Context, note func(BodyRef)) error
}

// ordinals is a set of the ordinals of one segment.
type ordinals []uint64

func (o ordinals) has(n uint32) bool {
	return int(n/64) < len(o) && o[n/64]&(1<<(n%64)) != 0
}

func (o *ordinals) add(n uint32) {
	for int(n/64) >= len(*o) {
		*o = append(*o, 0)
	}
	(*o)[n/64] |= 1 << (n % 64)
}

// living asks all owners which bodies are alive. The segments whose bodies are
// judged by it were sealed before the call: what is staged or committed later is
// not in them.
func (j *Journal) living(ctx context.Context, owners []Owner) (map[uint32]*ordinals, error) {
	live := map[uint32]*ordinals{}
	note := func(ref BodyRef) {
		if ref.Ordinal > maxOrdinal {
			return // no segment has it
		}
		o := live[ref.Segment]
		if o == nil {
			o = &ordinals{}
			live[ref.Segment] = o
		}
		o.add(ref.Ordinal)
	}
	// First those that wait for their record: what isn't among them has been
	// named already, so that the owners, who are asked after it, know it.
	j.mu.Lock()
	for ref := range j.staged {
		note(ref)
	}
	j.mu.Unlock()
	for _, owner := range owners {
		if err := owner.Live(ctx, note); err != nil {
			return nil, fmt.Errorf("ask which bodies are alive: %w", err)
		}
	}
	return live, nil
}

// named says that a durable record names the bodies: it has been applied.
func (j *Journal) named(bodies []*Staged) {
	if len(bodies) == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, b := range bodies {
		delete(j.staged, b.ref) // a small one was never in it
	}
}
