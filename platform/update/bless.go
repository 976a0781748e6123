package update

import (
	"fmt"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// Begin notes in the state that an update was installed, before [Commit] puts it on trial: whichever version starts next
// can then say what became of it.
func (s *State) Begin(m *Manifest, running Version, now time.Time) {
	s.Trial = &Trial{Version: m.Version, From: running, Floor: m.Floor, Schema: m.Schema, Began: now}
}

// Running returns the entry of the version that runs; ok is false when the box wasn't started from the boot partition.
func Running(list []Entry, running Version) (e Entry, ok bool) {
	for _, e := range find(list, running) {
		if e.Size > 0 {
			return e, true
		}
	}
	return Entry{}, false
}

// Settle is called once in each start, with the entries as they stand: where a version was on trial and another one
// runs, it was given up, and the state says so. It reports whether the state has changed.
func (s *State) Settle(list []Entry, running Version, now time.Time) bool {
	switch e, ok := Running(list, running); {
	case s.Trial == nil:
		return false
	case s.Trial.Version != running:
		// A trial that never began (the power failed before Commit) is no failure of the version.
		reason := fmt.Sprintf("Version %s didn't start properly. The box has returned to %s by itself; all mail is there.", s.Trial.Version, running)
		if len(find(list, s.Trial.Version)) == 0 {
			reason = fmt.Sprintf("Installing version %s was interrupted. Install it again.", s.Trial.Version)
		}
		s.end(Outcome{Time: now, Reason: reason})
		return true
	case ok && !e.Counted:
		s.bless(running, now) // the power failed between the new name and the state
		return true
	}
	return false
}

// Bless makes the version that runs one that the loader always starts, and writes the state: floor and schema are from
// now on its own. Nothing happens where it is blessed already.
func Bless(esp, box durable.FS, s *State, running Version, now time.Time) error {
	list, err := List(esp)
	if err != nil {
		return err
	}
	if e, ok := Running(list, running); ok && e.Counted {
		e.Counted = false
		if err := rename(esp, find(list, running)[0], e.name()); err != nil {
			return err
		}
	}
	if s.Trial == nil || s.Trial.Version != running {
		return nil
	}
	s.bless(running, now)
	return s.Write(box)
}

func (s *State) bless(running Version, now time.Time) {
	t := *s.Trial
	if s.Floor == "" || t.Floor.Compare(s.Floor) > 0 {
		s.Floor = t.Floor
	}
	s.Schema = max(s.schema(), t.Schema.Writes)
	s.Know(running, t.Schema)
	s.end(Outcome{Time: now, Blessed: true})
}

// Know remembers which forms of the data a version knows.
func (s *State) Know(v Version, schema Schema) {
	if s.Knows == nil {
		s.Knows = map[Version]Schema{}
	}
	s.Knows[v] = schema
}

// Previous is the version that GoBack would start.
func (s *State) Previous(list []Entry, running Version) (Entry, error) {
	var refused error
	for _, e := range list {
		if e.Version == running || e.Counted || !e.bootable() {
			continue
		}
		schema, known := s.Knows[e.Version]
		switch {
		case s.Floor != "" && e.Version.Compare(s.Floor) < 0:
			refused = &Error{Reason: Downgrade, Text: fmt.Sprintf("Version %s is here, but versions before %s can't be used on this box any more.", e.Version, s.Floor)}
		case known && !schema.Can(s.schema()) || !known && s.schema() > FirstSchema:
			refused = &Error{Reason: Downgrade, Text: fmt.Sprintf("Version %s is here, but it can't read the mail as version %s keeps it.", e.Version, running)}
		default:
			return e, nil
		}
	}
	if refused == nil {
		refused = &Error{Reason: NoOther, Text: "There is no other version on this box to go back to."}
	}
	return Entry{}, refused
}

// GoBack makes the loader start the previous version from the next start on, and returns it.
func GoBack(esp, box durable.FS, s *State, running Version, now time.Time) (Version, error) {
	list, err := List(esp)
	if err != nil {
		return "", err
	}
	to, err := s.Previous(list, running)
	if err != nil {
		return "", err
	}
	// The reason is written first: after the rename the next start may be the other version's.
	s.Trial = nil
	s.Outcomes = append(s.Outcomes, Outcome{Time: now, From: running, To: to.Version, Blessed: true, Reason: "Somebody chose the previous version."})
	if err := s.Write(box); err != nil {
		return "", err
	}
	for _, e := range slices.DeleteFunc(list, func(e Entry) bool {
		return e.Version == to.Version || e.Counted && e.Left == 0 && e.Done == 0 || e.Version.Compare(to.Version) < 0
	}) {
		left := Entry{Version: e.Version, Counted: true}
		if err := rename(esp, e, left.name()); err != nil {
			return "", err
		}
	}
	return to.Version, nil
}
