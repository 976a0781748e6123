package imapd

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestCapabilities compares the capability table with what the server says in
// each state, and with the files that it names.
func TestCapabilities(t *testing.T) {
	t.Parallel()
	b := newBox(t, func(o *Options) { o.Auth = &fakeAuth{clear: false} })
	c, err := b.plain.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in := bufio.NewReader(c)
	line, err := in.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	want := append(advertised(stranger), "STARTTLS", "LOGINDISABLED", "AUTH=SCRAM-SHA-256")
	if got := capabilitiesIn(line); !slices.Equal(got, want) {
		t.Errorf("greeting: got %q, want %q", got, want)
	}

	s := &session{server: b.server, account: b.account, sharing: lent{}}
	want = append(advertised(user), fmt.Sprintf("APPENDLIMIT=%d", testMaxSize), "MESSAGELIMIT=1000000")
	if got := strings.Fields(s.capabilities()); !slices.Equal(got, want) {
		t.Errorf("after log-in: got %q, want %q", got, want)
	}
	if slices.Contains(want, "LITERAL-") {
		t.Error("LITERAL- is advertised beside LITERAL+ (RFC 7888 §5)")
	}
	for _, e := range extensions() {
		if _, err := os.Stat(e.file); err != nil {
			t.Errorf("%s (%s): %v", e.capability, e.standard, err)
		}
	}
}

// TestCapabilityTable: ARCHITECTURE.md has the same table, line for line.
func TestCapabilityTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n## IMAP: what CAPABILITY lists\n")
	_, rest, headed := strings.Cut(rest, "|---|---|---|\n")
	if !found || !headed {
		t.Fatal("there is no table of capabilities")
	}
	table, _, _ := strings.Cut(rest, "\n\n")
	var got, want []string
	for row := range strings.Lines(table) {
		columns := strings.Split(row, "|")
		if len(columns) != 5 {
			t.Fatalf("row %q has %d columns", row, len(columns)-2)
		}
		for name := range strings.SplitSeq(columns[1], ",") {
			if name = strings.TrimSpace(name); !changing(name) {
				got = append(got, name+" "+strings.TrimSpace(columns[2])+" "+strings.Trim(strings.TrimSpace(columns[3]), "`"))
			}
		}
	}
	for _, e := range extensions() {
		want = append(want, e.capability+" "+strings.TrimPrefix(e.standard, "RFC ")+" "+e.file)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the table has\n%q\nthe server\n%q", got, want)
	}
}

// changing tells the capabilities that are not in the server's table, because
// they hang on the connection and the options.
func changing(name string) bool {
	return slices.Contains([]string{"STARTTLS", "LOGINDISABLED", "AUTH=", "APPENDLIMIT", "MESSAGELIMIT="}, name)
}

// advertised is the capability table's own answer for a state.
func advertised(now state) []string {
	var names []string
	for _, e := range extensions() {
		if e.states&now != 0 {
			names = append(names, e.capability)
		}
	}
	return names
}

func capabilitiesIn(line string) []string {
	_, rest, _ := strings.Cut(line, "[CAPABILITY ")
	list, _, _ := strings.Cut(rest, "]")
	return strings.Fields(list)
}

// TestCommandTable: every command has its dialogue.
func TestCommandTable(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range files {
		if strings.HasSuffix(f.Name(), ".dialogue") {
			text, err := os.ReadFile("testdata/" + f.Name())
			if err != nil {
				t.Fatal(err)
			}
			all.WriteString(strings.ToUpper(string(text)))
		}
	}
	for _, c := range commandTable() {
		if !strings.Contains(all.String(), " "+c.name) {
			t.Errorf("no dialogue gives the command %s", c.name)
		}
	}
}
