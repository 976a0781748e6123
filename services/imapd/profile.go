package imapd

import (
	"slices"
	"strings"
)

// profile is what the server leaves out for a client with a known bug, which names
// itself in ID. RFC 2971 §3 forbids decisions by what ID says, so that nobody hides a
// server's own faults behind it. An entry is made only where a client fails on what is
// right by the letter, its name says surely which it is, and it can do without; any
// other name changes nothing.
type profile struct {
	name    string   // the value of ID's "name", whole, in lower case
	bug     string   // what it does, and where that is written down
	without []string // capabilities in upper case that are neither advertised nor enabled
}

func profiles() []profile {
	return []profile{
		{
			name: "microsoft office 365",
			bug: "Outlook's own servers, which fetch for it, enable UIDONLY and then FETCH by sequence number, which RFC 9586 §3 has us refuse: " +
				"no mail arrives. https://github.com/modern-email/defects/issues/49",
			without: []string{"UIDONLY"},
		},
	}
}

// withoutFor is what is left out for a client of this name.
func withoutFor(name string) []string {
	name = strings.ToLower(name)
	for _, p := range profiles() {
		if p.name == name {
			return p.without
		}
	}
	return nil
}

// leftOut reports whether this client does without a capability.
func (s *session) leftOut(capability string) bool { return slices.Contains(s.without, capability) }
