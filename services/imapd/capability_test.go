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

	s := &session{server: b.server, account: b.account}
	want = append(advertised(user), fmt.Sprintf("APPENDLIMIT=%d", testMaxSize))
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
