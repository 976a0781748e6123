package transfer

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Files of a Maildir folder besides its messages.
const (
	keywordsFile = "dovecot-keywords" // "0 $Forwarded": the first letter, a, means this keyword
	folderFile   = "sanduk-folder.json"
	keysDir      = "sanduk-keywords" // keywords of messages that the letters can't hold
)

// maxLetters is how many keywords a folder can have as letters, a to z.
const maxLetters = 26

// infoMark separates a name from its flags (maildir(5)).
const infoMark = ":2,"

// maildirName is what the file name of a message says.
type maildirName struct {
	base    string // without the flags
	letters string

	received time.Time // when it was delivered; zero if the name doesn't say
	number   uint64    // for the order of messages

	own  bool // this package wrote it: received is the internal date, exactly
	raw  bool // with own: a plain LF at the end of the first line is the message's
	keys bool // with own: keysDir has its keywords
}

// parseMaildirName reads "1700000000.M20046P2137.host,S=4542:2,Sa". Programs on
// other systems write other marks than the colon, which they can't use.
func parseMaildirName(name string) maildirName {
	n := maildirName{base: name}
	for _, mark := range []string{infoMark, ";2,", "!2,", "-2,", "\uf0222,"} {
		if i := strings.LastIndex(name, mark); i > 0 {
			n.base, n.letters = name[:i], name[i+len(mark):]
			break
		}
	}
	unique, _, _ := strings.Cut(n.base, ",")
	parts := strings.SplitN(unique, ".", 3)
	seconds, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil || seconds <= 0 || seconds > 1<<36 {
		return n
	}
	n.received = time.Unix(seconds, 0).UTC()
	n.number = uint64(seconds) * 1_000_000
	if len(parts) < 3 {
		return n
	}
	micro, number := micros(parts[1])
	n.number += micro
	if host, found := strings.CutPrefix(parts[2], "sanduk"); found {
		n.parseOwn(host, seconds, micro, number)
	}
	return n
}

// micros reads "M20046P2137": microseconds and what stands behind the P.
func micros(text string) (micro, number uint64) {
	text, found := strings.CutPrefix(text, "M")
	if !found {
		return 0, 0
	}
	m, p, _ := strings.Cut(text, "P")
	micro, err := strconv.ParseUint(m, 10, 64)
	if err != nil || micro >= 1_000_000 {
		return 0, 0
	}
	number, _ = strconv.ParseUint(p, 10, 32) // other programs write more there
	return micro, number
}

// parseOwn reads the rest of a name that this package made.
func (n *maildirName) parseOwn(host string, seconds int64, micro, number uint64) {
	words := strings.Split(host, "-")
	zone, err := time.Parse("Z0700", strings.Replace(words[0], "_", "-", 1))
	if err != nil {
		return
	}
	_, east := zone.Zone() // not Location, which may be this machine's, with its summer time
	n.own = true
	n.received = time.Unix(seconds, int64(micro)*1000).In(time.FixedZone("", east))
	n.number = number
	for _, w := range words[1:] {
		n.raw = n.raw || w == "raw"
		n.keys = n.keys || w == "keys"
	}
}

// ownMaildirName names a message of a mailbox: by when it was received, its UID
// and the time's zone, so that reading the name gives the same date, the same
// order, and the same name each time.
func ownMaildirName(row mail.Row, raw, keys bool, letters string) (base, name string) {
	zone := strings.Replace(row.Internal.Format("Z0700"), "-", "_", 1)
	// A time before 1970 has no name; there was no mail either.
	at := time.UnixMilli(max(row.Internal.UnixMilli(), 1000))
	base = fmt.Sprintf("%d.M%dP%d.sanduk%s", at.Unix(), at.Nanosecond()/1000, row.UID, zone)
	if raw {
		base += "-raw"
	}
	if keys {
		base += "-keys"
	}
	base += fmt.Sprintf(",S=%d", row.Size)
	return base, base + infoMark + letters
}

// systemLetters are the flags of maildir(5), in the order of the alphabet, which
// it asks for. P (passed) is the keyword $Forwarded.
func systemLetters(f mail.Flags) string {
	var b strings.Builder
	for _, l := range []struct {
		letter byte
		set    bool
	}{
		{'D', f.Has(mail.Draft)}, {'F', f.Has(mail.Flagged)}, {'P', f.HasKeyword(forwarded)},
		{'R', f.Has(mail.Answered)}, {'S', f.Has(mail.Seen)}, {'T', f.Has(mail.Deleted)},
	} {
		if l.set {
			b.WriteByte(l.letter)
		}
	}
	return b.String()
}

const forwarded = "$Forwarded"

// flagsOf reads the letters with the folder's keywords.
func flagsOf(letters string, known []string) mail.Flags {
	var f mail.Flags
	var words []string
	for _, c := range []byte(letters) {
		switch c {
		case 'D':
			f.System |= mail.Draft
		case 'F':
			f.System |= mail.Flagged
		case 'P':
			words = append(words, forwarded)
		case 'R':
			f.System |= mail.Answered
		case 'S':
			f.System |= mail.Seen
		case 'T':
			f.System |= mail.Deleted
		default:
			if i := int(c) - 'a'; i >= 0 && i < len(known) && known[i] != "" {
				words = append(words, known[i])
			}
		}
	}
	return f.Union(mail.NewFlags(keywords(words)...))
}

// parseKeywords reads a dovecot-keywords file.
func parseKeywords(text string) []string {
	known := make([]string, maxLetters)
	for line := range strings.Lines(text) {
		number, word, _ := strings.Cut(strings.TrimSpace(line), " ")
		if i, err := strconv.Atoi(number); err == nil && i >= 0 && i < maxLetters {
			known[i] = word
		}
	}
	return known
}

// date decides when a message of another program's Maildir was received. That
// program sets the file's time; where a copy has lost it the file is younger
// than its name says.
func (n maildirName) date(modified time.Time) time.Time {
	switch {
	case n.own:
		return n.received
	case n.received.IsZero(), !modified.IsZero() && modified.Before(n.received):
		return modified
	}
	return n.received
}

// maildirLevels are the levels of a folder of Maildir++: ".Customers.M&APw-ller".
func maildirLevels(dir string) []string {
	var levels []string
	for level := range strings.SplitSeq(strings.TrimPrefix(dir, "."), ".") {
		levels = append(levels, decodeLevel(level))
	}
	return levels
}

// decodeLevel reads a level as other programs or this package write it.
func decodeLevel(level string) string {
	if decoded, err := wire.DecodeUTF7(level); err == nil && strings.Contains(level, "&") {
		level = decoded
	}
	return unescape(level)
}

// escape writes a level of a folder's name so that every file system, and
// Maildir++ with its dots between levels, can hold it: as % and two hexadecimal
// digits. "cur", "new" and "tmp" would pass for parts of a Maildir.
func escape(level string) string {
	var b strings.Builder
	if level == "cur" || level == "new" || level == "tmp" {
		return fmt.Sprintf("%%%02X", level[0]) + level[1:]
	}
	for i, c := range []byte(level) {
		edge := i == 0 || i == len(level)-1
		if strings.IndexByte(`%./\:*?"<>|`, c) >= 0 || c < ' ' || c == 0x7f || c == ' ' && edge {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// FileName is a name for a file or directory that every file system can hold, from an
// address or the like.
func FileName(text string) string {
	var l layout
	return l.fit(strings.ReplaceAll(escape(text), "%2E", "."), text, false)
}

// unescape reads what escape wrote, and leaves other uses of % as they are.
func unescape(level string) string {
	for _, word := range []string{"cur", "new", "tmp"} {
		if level == escape(word) {
			return word
		}
	}
	var b strings.Builder
	for i := 0; i < len(level); i++ {
		if level[i] == '%' && i+2 < len(level) {
			c, err := strconv.ParseUint(level[i+1:i+3], 16, 8)
			if err == nil && escape(string(rune(c))) == level[i:i+3] {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(level[i])
	}
	return b.String()
}
