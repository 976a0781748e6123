package update

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// stateFile is on the data disk, beside the box's other settings.
const stateFile = "update.json"

// stateVersion is the form of the file.
const stateVersion = 1

// maxState bounds the file, in bytes: twenty outcomes are below 8 KiB.
const maxState = 64 << 10

// maxOutcomes are kept, the newest.
const maxOutcomes = 20

// FirstSchema is the form of the data of the first version; so is that of a disk that says nothing.
const FirstSchema = 1

// State is what the box knows of its updates, whichever version runs. The JSON names are on disk for ever.
type State struct {
	V int `json:"v"`
	// Floor is the lowest version that may run, "" any.
	Floor Version `json:"floor,omitempty"`
	// Schema is the newest form that the data may have taken.
	Schema int `json:"schema"`
	// Knows is which forms the blessed versions know, by version: those that can be gone back to.
	Knows map[Version]Schema `json:"knows,omitempty"`
	// Trial is the version that was installed last and has not been blessed or given up; nil: none.
	Trial *Trial `json:"trial,omitempty"`
	// Outcomes say what became of updates, oldest first.
	Outcomes []Outcome `json:"outcomes,omitempty"`
}

// Trial is an update that has to prove itself.
type Trial struct {
	Version Version   `json:"version"`
	From    Version   `json:"from"` // what ran before
	Floor   Version   `json:"floor,omitempty"`
	Schema  Schema    `json:"schema"`
	Began   time.Time `json:"began"`
}

// Outcome is how an update, or a way back, ended.
type Outcome struct {
	Time    time.Time `json:"time"`
	From    Version   `json:"from"`
	To      Version   `json:"to"`
	Blessed bool      `json:"blessed"`          // To runs, and has proved itself
	Reason  string    `json:"reason,omitempty"` // of what failed, in a sentence
}

// schema is the form of the data.
func (s *State) schema() int { return max(s.Schema, FirstSchema) }

// Known says whether there is a state, or that of a new box would be read.
func Known(box durable.FS) (bool, error) {
	_, err := box.Stat(stateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// ReadState reads the state from the box's settings. None is the state of a new box.
func ReadState(box durable.FS) (State, error) {
	text, err := durable.ReadFile(box, stateFile, maxState)
	if errors.Is(err, fs.ErrNotExist) {
		return State{V: stateVersion, Schema: FirstSchema}, nil
	}
	if err != nil {
		return State{}, err
	}
	var s State
	if err := json.Unmarshal(text, &s); err != nil {
		return State{}, fmt.Errorf("update: %s: %w", stateFile, err)
	}
	if s.V != stateVersion {
		return State{}, fmt.Errorf("update: %s has version %d, want %d", stateFile, s.V, stateVersion)
	}
	return s, nil
}

// Write makes the state durable.
func (s *State) Write(box durable.FS) error {
	s.V = stateVersion
	if n := len(s.Outcomes); n > maxOutcomes {
		s.Outcomes = s.Outcomes[n-maxOutcomes:]
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return durable.ReplaceBytes(box, stateFile, 0o644, append(text, '\n'))
}

// end notes how the trial ended and forgets it.
func (s *State) end(o Outcome) {
	o.From, o.To = s.Trial.From, s.Trial.Version
	s.Outcomes = append(s.Outcomes, o)
	s.Trial = nil
}
