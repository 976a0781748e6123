package powercut

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Files of a recording, in the directory that is kept when the test fails, or that SANDUK_RECORDING names: then the
// recording that is there is cut instead of a new one.
const (
	firstFile   = "first.img" // the disk at the beginning
	traceFile   = "trace"
	historyFile = "history.json"
)

// kept is a history as it is written down: that of a box that held nothing at the beginning.
type kept struct {
	Seed    uint64
	Last    time.Time
	Records []keptRecord // in the order of asking
}

type keptRecord struct {
	Kind                 kind
	Account, Mailbox, To string   `json:",omitempty"`
	Names                []string `json:",omitempty"`
	UIDs                 []uint32 `json:",omitempty"`
	Mode                 string   `json:",omitempty"`
	Flags                []string `json:",omitempty"`
	Asked, Answered      int64
	When                 time.Time
	Order                int // among the answers; -1: there was none
}

func (h *history) save(name string, seed uint64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	order := make(map[*record]int)
	for i, r := range h.answered {
		order[r] = i
	}
	k := kept{Seed: seed, Last: h.last}
	for _, r := range h.asked {
		n, ok := order[r]
		if !ok {
			n = -1
		}
		k.Records = append(k.Records, keptRecord{r.kind, r.account, r.mailbox, r.to, r.names, r.uids, r.mode, r.flags, r.asked, r.answered, r.when, n})
	}
	data, err := json.Marshal(k)
	if err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o600)
}

// loadHistory reads what save wrote.
func loadHistory(name string) (*history, uint64, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, 0, err
	}
	var k kept
	if err := json.Unmarshal(data, &k); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", name, err)
	}
	h := newHistory(empty(), func() int64 { return never - 1 })
	order := make(map[*record]int)
	for _, r := range k.Records {
		o := operation{r.Kind, r.Account, r.Mailbox, r.To, r.Names, r.UIDs, r.Mode, r.Flags}
		asked := &record{o, r.Asked, r.Answered, r.When}
		h.asked = append(h.asked, asked)
		if r.Order >= 0 {
			order[asked] = r.Order
			h.answered = append(h.answered, asked)
		}
	}
	h.last = k.Last
	slices.SortFunc(h.answered, func(a, b *record) int { return order[a] - order[b] })
	return h, k.Seed, nil
}

// recording is a proof without a machine.
func recording(dir string) (*proof, error) {
	h, seed, err := loadHistory(filepath.Join(dir, historyFile))
	if err != nil {
		return nil, err
	}
	return &proof{dir: dir, first: filepath.Join(dir, firstFile), trace: filepath.Join(dir, traceFile), h: h, seed: seed}, nil
}
