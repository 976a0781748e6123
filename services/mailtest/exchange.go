package mailtest

import "strings"

// Exchange is what a client sends over one connection without waiting, and what the dialogue has the server answer to
// it: for whoever plays a dialogue against another server, which may answer otherwise.
type Exchange struct {
	Line     int // of its first step in the file, from 1
	Conn     int
	Send     []byte // empty when the server speaks first
	StartTLS bool   // the client starts TLS; nothing is sent then
	Close    bool   // the client closes the connection
	Wants    []string
	Patterns []string // of the same length: where Wants has a regexp, it; else ""
	Skips    bool     // "..." stands among the answers: there are more than Wants has
	Ends     bool     // the server closes the connection at the end
}

// Exchanges are the dialogue's steps. Steps without a client or a server in them (wait, stop) are left out, and so is
// that the server says nothing.
func (d *Dialogue) Exchanges() []Exchange {
	var all []Exchange
	current := make(map[int]int) // the exchange of each connection, in all
	for _, s := range d.steps {
		if s.verb == "wait" || s.verb == "stop" || s.verb == "S-" {
			continue
		}
		at, known := current[s.conn]
		client := s.verb[0] == 'C'
		if !known || client && (len(all[at].Wants) > 0 || all[at].Skips || all[at].Ends || all[at].StartTLS || s.verb == "C+" || s.verb == "C.") {
			at = len(all)
			all = append(all, Exchange{Line: s.line, Conn: s.conn})
			current[s.conn] = at
		}
		all[at].add(s)
	}
	return all
}

func (e *Exchange) add(s step) {
	switch s.verb {
	case "C":
		e.Send = append(append(e.Send, s.text...), '\r', '\n')
	case "C8":
		b, _ := parseBytes(s.text) // Parse has read them
		e.Send = append(e.Send, b...)
	case "C+":
		e.StartTLS = true
	case "C.":
		e.Close = true
	case "S.":
		e.Ends = true
	case "S":
		if s.text == "..." {
			e.Skips = true
			return
		}
		pattern, _ := s.pattern()
		e.Wants, e.Patterns = append(e.Wants, s.text), append(e.Patterns, pattern)
	case "S8":
		b, _ := parseBytes(s.text)
		for line := range strings.SplitSeq(strings.TrimSuffix(string(b), "\r\n"), "\r\n") {
			e.Wants, e.Patterns = append(e.Wants, line), append(e.Patterns, "")
		}
	}
}
