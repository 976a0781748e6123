package supervise

import (
	"slices"
	"time"
)

// UnitStatus is a unit as the page and the console show it.
type UnitStatus struct {
	Unit     UnitName  `json:"unit"`
	State    State     `json:"state"`
	Required bool      `json:"required"`
	Degraded bool      `json:"degraded"` // failed several times in a row, or for good
	Text     string    `json:"text,omitempty"`
	LastEnd  string    `json:"last_end,omitempty"` // how the last process ended
	Starts   int       `json:"starts"`
	Pid      int       `json:"pid,omitempty"`
	Since    time.Time `json:"since"`
}

// Status returns all units in start order.
func (s *Supervisor) Status() []UnitStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.snapshot)
}

// Degraded says whether any unit needs attention.
func (s *Supervisor) Degraded() bool {
	return slices.ContainsFunc(s.Status(), func(u UnitStatus) bool { return u.Degraded })
}

// publish makes the loop's state visible to Status.
func (s *Supervisor) publish() {
	list := make([]UnitStatus, 0, len(s.order))
	for _, u := range s.order {
		st := UnitStatus{
			Unit: u.spec.Name, State: u.state, Required: u.spec.Required,
			Degraded: u.failures >= degradedAfter || u.state == Failed,
			Text:     u.status, LastEnd: u.lastEnd, Starts: u.starts, Since: u.since,
		}
		if u.process != nil {
			st.Pid = u.process.Pid()
		}
		list = append(list, st)
	}
	s.mu.Lock()
	s.snapshot = list
	s.mu.Unlock()
}
