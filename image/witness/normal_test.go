package witness

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	chosen = regexp.MustCompile(`(UIDVALIDITY|APPENDUID|COPYUID) \S+?([ \])])`)
	modseq = regexp.MustCompile(`(HIGHESTMODSEQ |MODSEQ \(?)\d+`)
	status = regexp.MustCompile(`^(\S+ (?:OK|NO|BAD|BYE|PREAUTH))( \[[^\]]*\])?.*$`)
	named  = regexp.MustCompile(`^\* (FLAGS|OK \[PERMANENTFLAGS) .*`)
	words  = regexp.MustCompile(` ?\$\w+`)
	flags  = regexp.MustCompile(`((?:FLAGS|PERMANENTFLAGS) )\(([^()]*)\)`)
	fetch  = regexp.MustCompile(`^(\* \d+ FETCH )\((.*)\)$`)
	list   = regexp.MustCompile(`^(\* (?:LIST|LSUB) )\(([^()]*)\)(.*)$`)
	group  = regexp.MustCompile(`\(\?P<\w+>([^()]*)\)`)
	escape = regexp.MustCompile(`\\([\\.+*?()|\[\]{}^$/])`)
)

// plain is a line that a regular expression matches, as far as one can be told: patterns of dialogues are texts with
// ".*" and "\d+" in them.
func plain(pattern string) string {
	pattern = group.ReplaceAllString(pattern, "$1")
	for _, any := range []string{`\d+`, `.*`, `.+`} {
		pattern = strings.ReplaceAll(pattern, any, "1")
	}
	return escape.ReplaceAllString(pattern, "$1")
}

// normal is a line without what differs between servers and says nothing: texts for people, numbers that a server
// chooses, the order of flags and of FETCH items.
func normal(line string) string {
	line = strings.ToValidUTF8(line, "?")
	if m := status.FindStringSubmatch(line); m != nil {
		line = m[1] + m[2]
	} else if strings.HasPrefix(line, "+ ") {
		return "+"
	}
	line = chosen.ReplaceAllString(line, "$1 #$2")
	line = modseq.ReplaceAllString(line, "$1#")
	if named.MatchString(line) { // which keywords a mailbox has had is not looked at
		line = strings.ReplaceAll(words.ReplaceAllString(line, ""), "( ", "(")
	}
	line = flags.ReplaceAllStringFunc(line, func(found string) string {
		m := flags.FindStringSubmatch(found)
		return m[1] + "(" + sorted(strings.Fields(m[2])) + ")"
	})
	if m := fetch.FindStringSubmatch(line); m != nil {
		line = m[1] + "(" + sorted(items(m[2])) + ")"
	}
	if m := list.FindStringSubmatch(line); m != nil {
		line = m[1] + "(" + sorted(strings.Fields(m[2])) + ")" + strings.ReplaceAll(m[3], `"`, "")
	}
	return strings.ReplaceAll(strings.TrimRight(line, " "), "|", `\x7c`)
}

func sorted(words []string) string {
	slices.Sort(words)
	return strings.Join(words, " ")
}

// items takes the pairs of a FETCH response apart.
func items(text string) (all []string) {
	depth, from, words := 0, 0, 0
	quoted := false
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(' || c == '[':
			depth++
		case c == ')' || c == ']':
			depth--
		case c == ' ' && depth == 0:
			if words++; words%2 == 0 {
				all = append(all, text[from:i])
				from = i + 1
			}
		}
	}
	return append(all, text[from:])
}

func sortedKeys(m map[string]int) []string { return slices.Sorted(maps.Keys(m)) }

func TestNormal(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{`a OK [READ-WRITE] SELECT completed`, `a OK [READ-WRITE]`},
		{`* OK [UIDVALIDITY 12345] UIDs are valid`, `* OK [UIDVALIDITY #]`},
		{`c OK [APPENDUID 123 5] done`, `c OK [APPENDUID # 5]`},
		{`* 3 FETCH (UID 3 FLAGS (\Seen \Answered) ENVELOPE ("a b" (NIL) NIL))`, `* 3 FETCH (ENVELOPE ("a b" (NIL) NIL) FLAGS (\Answered \Seen) UID 3)`},
		{`* LIST (\Sent \HasNoChildren) "/" "Sent"`, `* LIST (\HasNoChildren \Sent) / Sent`},
		{`+ idling`, `+`},
		{plain(`\* OK \[UIDVALIDITY (?P<v>\d+)\] .*`), `* OK [UIDVALIDITY #]`},
		{plain(`\* OK \[UIDNEXT \d+\] .*`), `* OK [UIDNEXT 1]`},
	} {
		got := normal(c[0])
		if got != c[1] {
			t.Errorf("normal(%q) = %q; want %q", c[0], got, c[1])
		}
	}
}
