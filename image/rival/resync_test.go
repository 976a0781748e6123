package rival

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// What happens while a program is away: of 50 changes 30 are of flags, 10 messages go and 10 come.
const (
	marked  = 30
	removed = 10
	added   = 10
)

// reconnected is how long the SELECT of a program takes that was there before, and now asks for what has changed since
// (RFC 7162 §3.2.5).
func (s *side) reconnected(b *testing.B, who int) time.Duration {
	b.Helper()
	away := s.imap(b, who)
	away.do("ENABLE QRESYNC")
	before := away.lines("SELECT INBOX")
	away.close()
	validity, modSeq := code(b, before, "UIDVALIDITY"), code(b, before, "HIGHESTMODSEQ")

	other := s.imap(b, who)
	defer other.close()
	other.do("SELECT INBOX")
	flag := "+FLAGS" // another than the last time, else nothing changes
	if strings.Contains(strings.Join(other.lines("FETCH 501 FLAGS"), ""), `\Flagged`) {
		flag = "-FLAGS"
	}
	for i := range marked {
		other.do(fmt.Sprintf(`STORE %d %s (\Flagged)`, 501+i*1000, flag))
	}
	for i := range removed {
		other.do(fmt.Sprintf(`STORE %d +FLAGS (\Deleted)`, 50_000+i*1000))
	}
	other.do("EXPUNGE")
	for i := range added {
		text := letter(i)
		other.do(fmt.Sprintf("APPEND INBOX (\\Seen) {%d+}\r\n%s", len(text), text))
	}

	back := s.imap(b, who)
	defer back.close()
	back.do("ENABLE QRESYNC")
	began := time.Now()
	news := back.lines(fmt.Sprintf("SELECT INBOX (QRESYNC (%s %s))", validity, modSeq))
	took := time.Since(began)
	changed, vanished := 0, false
	for _, line := range news {
		if strings.Contains(line, " FETCH (") {
			changed++
		}
		vanished = vanished || strings.HasPrefix(line, "* VANISHED (EARLIER) ")
	}
	if changed != marked+added || !vanished {
		b.Fatalf("after %d changes and %d removals: %d told, removals: %v", marked+added, removed, changed, vanished)
	}
	return took
}

// lines gives a command and reads the lines of the answer.
func (r *reader) lines(command string) (all []string) {
	r.b.Helper()
	r.send("x1 " + command + "\r\n")
	for {
		line := r.line()
		if !strings.HasPrefix(line, "x1 ") {
			all = append(all, line)
			continue
		}
		if !strings.HasPrefix(line, "x1 OK") {
			r.b.Fatalf("%s: %s", command, line)
		}
		return all
	}
}

// code is the number of a response code.
func code(b *testing.B, lines []string, name string) string {
	b.Helper()
	for _, line := range lines {
		if _, after, found := strings.Cut(line, "["+name+" "); found {
			number, _, _ := strings.Cut(after, "]")
			return number
		}
	}
	b.Fatalf("no %s in %q", name, lines)
	return ""
}
