package journal_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
)

// allLive has every body live.
type allLive struct{ refs []journal.BodyRef }

func (o allLive) Live(_ context.Context, note func(journal.BodyRef)) error {
	for _, r := range o.refs {
		note(r)
	}
	return nil
}

// TestLives has a journal cut off again and again, also while it recovers, each life
// going on where the one before was: what was acknowledged in any of them is there
// once, in its order, and nothing is called damaged.
func TestLives(t *testing.T) {
	t.Parallel()
	seeds := uint64(30)
	if os.Getenv("SANDUK_LONG") != "" {
		seeds = 500
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 21))
		opts := ringOptions()
		opts.Segment = []int64{4000, 20000, 1 << 20}[r.IntN(3)]
		opts.Ring = []int64{8, 16, 40}[r.IntN(3)] * 4096
		disk := crashfs.New()
		var sure []string // acknowledged, or seen by a recovery
		n := 0
		for life := range 6 {
			what := fmt.Sprintf("seed %d, life %d", seed, life)
			j, err := journal.Open(disk, opts)
			if err != nil {
				t.Fatalf("%s: Open: %v", what, err)
			}
			opened := disk.Ops()
			records := replay(t, j, 1)
			got := strings.Fields(payloads(records))
			if !strings.HasPrefix(strings.Join(got, " ")+" ", strings.Join(append(sure, ""), " ")) || j.Damage() != nil {
				t.Fatalf("%s: records %v, damage %+v; want first %v", what, got, j.Damage(), sure)
			}
			seen := map[string]bool{}
			for i, p := range got {
				if seen[p] || i >= len(sure) && (len(p) == 0 || p[0] != 'p') {
					t.Fatalf("%s: %q is there twice, or is nothing", what, p)
				}
				seen[p] = true
			}
			var live []journal.BodyRef
			for _, rec := range records {
				if rec.Body != (journal.BodyRef{}) {
					live = append(live, rec.Body)
					if text := readBody(t, j, rec.Body); !strings.HasPrefix(text, string(rec.Payload)+" ") {
						t.Fatalf("%s: body of %s is %.20q", what, rec.Payload, text)
					}
				}
			}
			recovered := got // what anybody has seen
			type ack struct {
				ops     int
				payload string
			}
			var acks []ack
			for range r.IntN(25) {
				n++
				p := fmt.Sprintf("p%d", n)
				var bodies []*journal.Staged
				switch r.IntN(4) {
				case 0:
					bodies = append(bodies, stage(t, j, p+" "+noise(uint64(n), r.IntN(6000))))
				case 1:
					if r.IntN(4) == 0 {
						bodies = append(bodies, stage(t, j, p+" "+noise(uint64(n), 300<<10)))
					}
				}
				slot := mustPut(t, j, p, bodies...)
				acks = append(acks, ack{disk.Ops(), p})
				if len(bodies) > 0 {
					live = append(live, slot.Bodies...)
				}
				if r.IntN(10) == 0 && len(bodies) > 0 {
					_ = readBody(t, j, slot.Bodies[0])
				}
				if r.IntN(12) == 0 {
					if _, err := j.Compact(t.Context(), journal.Compaction{Owners: []journal.Owner{allLive{live}}, Share: 1e-9}); err != nil {
						t.Fatalf("%s: Compact: %v", what, err)
					}
				}
			}
			if r.IntN(5) == 0 {
				if err := j.Close(); err != nil {
					t.Fatalf("%s: Close: %v", what, err)
				}
			}
			point := r.IntN(disk.Ops() + 1)
			if r.IntN(3) == 0 && opened > 0 { // the recovery is cut short
				point = r.IntN(opened + 1)
			}
			chance := []crashfs.Chance{crashfs.Nothing(), crashfs.Everything(), crashfs.Some(r.Uint64())}[r.IntN(3)]
			next := disk.Crash(point, chance)
			if point >= opened {
				sure = recovered
			}
			for _, a := range acks {
				if a.ops <= point {
					sure = append(sure[:len(sure):len(sure)], a.payload)
				}
			}
			_ = j.Close()
			j.Release()
			disk = next
		}
	}
}
