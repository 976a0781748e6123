package update

import "fmt"

// Admit is called once in each start, after Settle and before a service touches the data. It refuses a version that can't
// read what is there: one that was flashed over the disk of a newer one, which no Judge has seen. A version that is not
// on trial writes its own form from now on; it reports whether that has changed the state, which the caller must make
// durable first. Else a power cut would leave data in a form that nothing speaks of.
func (s *State) Admit(running Version, knows Schema, onTrial bool) (changed bool, err error) {
	if !knows.Can(s.schema()) {
		return false, &Error{Reason: Downgrade, Text: fmt.Sprintf("The mail on this disk is in a form that version %s can't read. "+
			"Nothing was changed. Install the version that ran here before, or a newer one: the mail stays.", running)}
	}
	if onTrial || knows.Writes <= s.schema() {
		return false, nil
	}
	s.Schema = knows.Writes
	s.Know(running, knows)
	return true, nil
}
