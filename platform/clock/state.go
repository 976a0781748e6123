package clock

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// maxState bounds the State file.
const maxState = 4 << 10

// State says how far the clock is to be trusted; netd writes it to clock.json in
// its run directory. Without the file, nothing is to be trusted yet.
type State struct {
	Trusted bool `json:"trusted"`
	// At is when a majority of servers was heard last.
	At time.Time `json:"at,omitzero"`
	// Server is the one the time was taken from, Servers how many agreed.
	Server  string `json:"server,omitempty"`
	Servers int    `json:"servers,omitempty"`
	Stratum uint8  `json:"stratum,omitempty"`
	// Offset is how far off the clock was then, in milliseconds; positive: late.
	OffsetMS int64 `json:"offset_ms"`
	// Problem says why the clock is not trusted, in the reader's words.
	Problem string `json:"problem,omitempty"`
}

// ReadState reads clock.json.
func ReadState(name string) (State, error) {
	f, err := os.Open(name)
	if err != nil {
		return State{}, fmt.Errorf("read clock state: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxState))
	if err != nil {
		return State{}, fmt.Errorf("read clock state: %w", err)
	}
	var s State
	if err := json.Unmarshal(b, &s); err != nil {
		return State{}, fmt.Errorf("read clock state: %w", err)
	}
	return s, nil
}

// WriteState replaces clock.json in one step.
func WriteState(name string, s State) error {
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write clock state: %w", err)
	}
	return replace(name, append(b, '\n'))
}
