package trust

import (
	"github.com/sanduk-mail/sanduk/services/message"
	"github.com/sanduk-mail/sanduk/services/resolver"
)

// authorDomain is the one domain of a message's author; if there is none, a
// reason for people. It reads From with the very parser that shows it to people,
// so that nobody is shown another author than the one that was judged.
func authorDomain(fields []string) (domain, reason string) {
	switch {
	case len(fields) == 0:
		return "", "The message names no author (From)"
	case len(fields) > 1:
		return "", "The message names its author (From) more than once, so nobody can vouch for it"
	}
	s := message.NewScanner(message.Limits{})
	_, _ = s.Write([]byte("From: " + fields[0] + "\r\n\r\n")) // it never fails
	for _, a := range s.Finish().Envelope.From {
		if a.Kind != message.Mailbox {
			continue
		}
		name, err := resolver.Canonical(a.Host)
		if err != nil {
			return "", "The message's author (From) can't be read"
		}
		if domain != "" && domain != name {
			return "", "The message names authors (From) of several domains, so nobody can vouch for it"
		}
		domain = name
	}
	if domain == "" {
		return "", "The message's author (From) can't be read"
	}
	return domain, ""
}
