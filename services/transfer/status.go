package transfer

import (
	"strconv"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// statusField reports whether a header field is not the sender's but a note of
// the program that wrote the mbox.
func statusField(name string) bool {
	switch strings.ToLower(name) {
	case "status", "x-status", "x-keywords", "x-uid", "x-imap", "x-imapbase",
		"x-mozilla-status", "x-mozilla-status2", "x-mozilla-keys":
		return true
	}
	return false
}

// status gathers what those fields say.
type status struct {
	flags mail.Flags
	gone  bool
}

// Bits of X-Mozilla-Status.
const (
	mozillaRead      = 0x0001
	mozillaReplied   = 0x0002
	mozillaMarked    = 0x0004
	mozillaExpunged  = 0x0008
	mozillaForwarded = 0x1000
)

// note takes one field.
func (s *status) note(name, value string) {
	switch strings.ToLower(name) {
	case "status":
		if strings.Contains(value, "R") {
			s.flags.System |= mail.Seen
		}
	case "x-status":
		for letter, flag := range map[string]mail.SystemFlags{"A": mail.Answered, "F": mail.Flagged, "T": mail.Draft, "D": mail.Deleted} {
			if strings.Contains(value, letter) {
				s.flags.System |= flag
			}
		}
	case "x-keywords", "x-mozilla-keys":
		s.flags = s.flags.Union(mail.NewFlags(keywords(strings.Fields(value))...))
	case "x-imap":
		s.gone = true // the notes of a c-client program, in the form of a message
	case "x-mozilla-status":
		s.mozilla(value)
	}
}

func (s *status) mozilla(value string) {
	bits, err := strconv.ParseUint(strings.TrimSpace(value), 16, 32)
	if err != nil {
		return
	}
	for bit, flag := range map[uint64]mail.SystemFlags{mozillaRead: mail.Seen, mozillaReplied: mail.Answered, mozillaMarked: mail.Flagged} {
		if bits&bit != 0 {
			s.flags.System |= flag
		}
	}
	if bits&mozillaForwarded != 0 {
		s.flags = s.flags.Union(mail.NewFlags("$Forwarded"))
	}
	s.gone = s.gone || bits&mozillaExpunged != 0
}

// keywords are those that IMAP can carry (RFC 9051's flag-keyword is an atom),
// as many as a message may have.
func keywords(words []string) []string {
	var kept []string
	for _, w := range words {
		atom := !strings.ContainsFunc(w, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`(){%*"\]`, r) })
		if w != "" && atom && len(w) <= mail.MaxKeyword && len(kept) < mail.MaxKeywords {
			kept = append(kept, w)
		}
	}
	return kept
}

// statusFields are the fields that say the same, as this package writes them.
func statusFields(f mail.Flags) string {
	var b strings.Builder
	b.WriteString("Status: ")
	if f.Has(mail.Seen) {
		b.WriteByte('R')
	}
	b.WriteString("O\n")
	letters := ""
	for _, l := range []struct {
		flag   mail.SystemFlags
		letter string
	}{{mail.Answered, "A"}, {mail.Flagged, "F"}, {mail.Draft, "T"}, {mail.Deleted, "D"}} {
		if f.Has(l.flag) {
			letters += l.letter
		}
	}
	if letters != "" {
		b.WriteString("X-Status: " + letters + "\n")
	}
	if len(f.Keywords) > 0 {
		b.WriteString("X-Keywords: " + strings.Join(f.Keywords, " ") + "\n")
	}
	return b.String()
}

// fromDate reads the date of a From_ line: asctime's form, with or without
// seconds, and with a zone before or behind the year. Without zone it is UTC,
// as most programs mean it. The zero time if there is none.
func fromDate(line string) time.Time {
	words := strings.Fields(line)
	if len(words) > 9 {
		words = words[len(words)-9:]
	}
	zone := time.UTC
	var clock, day, year, month string
	for i, w := range words {
		switch {
		case len(w) == 3 && i+2 < len(words) && month == "" && isMonth(w):
			month, day = w, words[i+1]
		case clock == "" && month != "" && strings.Contains(w, ":"):
			clock = w
		case clock != "" && len(w) == 5 && (w[0] == '+' || w[0] == '-'):
			if t, err := time.Parse("-0700", w); err == nil {
				_, seconds := t.Zone()
				zone = time.FixedZone("", seconds)
			}
		case clock != "" && len(w) == 4 && isNumber(w):
			year = w
		}
	}
	if strings.Count(clock, ":") == 1 {
		clock += ":00"
	}
	t, err := time.ParseInLocation("2 Jan 2006 15:04:05", strings.Join([]string{day, month, year, clock}, " "), zone)
	if err != nil {
		return time.Time{}
	}
	return t
}

func isMonth(w string) bool {
	_, err := time.Parse("Jan", w)
	return err == nil
}

func isNumber(w string) bool {
	_, err := strconv.ParseUint(w, 10, 32)
	return err == nil
}
