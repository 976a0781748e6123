package pop3d

import (
	"context"
	"strings"
)

// languages are those of the texts behind +OK and -ERR, with their names in
// themselves. RFC 6856 §3.2: i-default is always among them.
func languages() [][2]string {
	return [][2]string{{"en", "English"}, {"i-default", "Default language"}}
}

// lang is RFC 6856 §3's LANG: with a language it chooses that one, with "*" the
// one that the server likes best, and without any it lists them.
func lang(_ context.Context, s *session, arg string) error {
	wanted := strings.TrimSpace(arg)
	if wanted == "" {
		s.wire.ok("languages follow")
		lines := s.wire.lines()
		for _, l := range languages() {
			lines.line(l[0] + " " + l[1])
		}
		return lines.close()
	}
	for _, l := range languages() {
		if wanted == "*" || strings.EqualFold(wanted, l[0]) {
			s.wire.ok("%s %s", l[0], "these texts are in English")
			return nil
		}
	}
	return &Error{Text: "These texts can't be had in that language"}
}
