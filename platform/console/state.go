package console

import "strings"

// Health is how the box is, in one word.
type Health int

const (
	Starting Health = iota
	SetUp           // waits for its first set-up
	Running         // everything is as it should be
	Degraded        // works, but something needs a person
	Recovery        // does not serve mail: the data disk needs a decision
	Stopping        // on its way down
)

// State is everything a console shows. The zero value of a field means that
// there is nothing to show. Text may hold any characters: what the console's
// font lacks is replaced.
type State struct {
	Product string // "Sanduk"
	Version string // "1.2.0"
	Host    string // full host name, "mail.example.test"

	Health Health
	// Headline replaces the sentence that belongs to Health.
	Headline string
	// Problems are sentences for the person in front: what is, then what to do.
	// They are shown in the order given, as many as fit.
	Problems []string
	// Progress says what is being done now: "Starting mail: 3 of 5".
	Progress string

	// URLs to open, best first.
	URLs []string
	// Code is the set-up code in words, shown while not set up; in recovery it is the one
	// that the page asks for.
	Code string
	// QR is the text of the square code, usually the first URL with "#" and the
	// code behind it. It is left out where it does not fit.
	QR string
	// Fingerprint of the certificate, as the page shows it: "7F:2A:…".
	Fingerprint string

	Network []string // one line per card
	Disk    string   // "1.8 TB, healthy"
	Mail    string   // "Mail today: 132 in, 45 out, 0 waiting"

	// Keys are the keys that work here, in the order to show them.
	Keys []Key
	// View is what this terminal alone shows; see [Console.Overlay].
	View
}

// mail is the line about mail, or nothing where the headline says it already.
func (s State) mail() string {
	said := strings.TrimRight(s.Mail, ".")
	if said != "" && strings.HasPrefix(s.headline(), said) {
		return ""
	}
	return s.Mail
}

// headline is the sentence about the box's health.
func (s State) headline() string {
	if s.Headline != "" {
		return s.Headline
	}
	switch s.Health {
	case Starting:
		return "Starting. This takes less than a minute."
	case SetUp:
		if len(s.URLs) == 0 {
			return "Not set up yet."
		}
		return "Not set up yet. Open this on a computer in this network:"
	case Running:
		return "Everything is running."
	case Degraded:
		return "Running, but something needs your attention."
	case Recovery:
		return "Mail is stopped until you decide what to do."
	case Stopping:
		return "Stopping. Please wait before you unplug the box."
	}
	return ""
}
