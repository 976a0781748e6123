package console

import "strings"

// Facts says the same as [Render] in short lines, one fact each, without the
// name in front: "setup code olive-harbor-seven-42", "open https://192.0.2.1".
// The words before the fact are stable: scripts and people search for them.
func Facts(s State) []string {
	var facts []string
	add := func(lead, text string) {
		if text = strings.TrimSpace(drawable(text)); text != "" {
			facts = append(facts, strings.TrimSpace(lead+" "+text))
		}
	}
	add("version", s.Version)
	add("host", s.Host)
	add("state", s.word())
	add("", s.Headline)
	for _, p := range s.Problems {
		add("attention:", p)
	}
	add("progress:", s.Progress)
	for _, u := range s.URLs {
		add("open", u)
	}
	if s.Health == Recovery {
		add("code", s.Code)
	} else {
		add("setup code", s.Code)
	}
	add("certificate", s.Fingerprint)
	for _, n := range s.Network {
		add("network", n)
	}
	add("disk", s.Disk)
	add("mail:", s.mail())
	add("", s.Prompt)
	return facts
}

func (s State) word() string {
	switch s.Health {
	case Starting:
		return "starting"
	case SetUp:
		return "not set up"
	case Running:
		return "running"
	case Degraded:
		return "degraded"
	case Recovery:
		return "recovery"
	case Stopping:
		return "stopping"
	}
	return ""
}
