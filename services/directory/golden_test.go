package directory

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Records as the first version wrote them, one per line: kind, version, JSON.
// They must be read for ever, and to the same effect.
func TestGoldenRecords(t *testing.T) {
	t.Parallel()
	s := replayGolden(t, emptyState(), "testdata/records-1.txt")
	var got []string
	for id, a := range s.accounts {
		got = append(got, fmt.Sprintf("%d %s %q admin=%v removed=%v credential=%d", id, a.address(), a.Name, a.Admin, !a.Removed.IsZero(), len(a.Credential)))
	}
	slices.Sort(got)
	want := []string{
		`1 admin@example.test "" admin=true removed=false credential=242`,
		`2 alice@example.test "Alice" admin=false removed=true credential=0`,
		`3 bob@example.test "Somebody" admin=true removed=false credential=242`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("accounts\n got %q\nwant %q", got, want)
	}
	if token := s.tokens[tokenHash{1}]; len(s.tokens) != 1 || token == nil || token.Owner != 1 || token.Name != "backup script" {
		t.Errorf("tokens = %v", s.tokens)
	}
	if s.box.Hostname != "mail.example.test" || len(s.box.Collect) != 2 || s.box.Outbound.User != "office" || s.box.SubmissionExtraPort != 26 {
		t.Errorf("box = %+v", s.box)
	}
	if s.next != 4 || s.keeper != mail.AccountID(1) {
		t.Errorf("next number %d, keeper %d; want 4, 1", s.next, s.keeper)
	}
}

// TestGoldenRouting: the records of who gets what, on top of those.
func TestGoldenRouting(t *testing.T) {
	t.Parallel()
	s := replayGolden(t, replayGolden(t, emptyState(), "testdata/records-1.txt"), "testdata/records-2.txt")
	v := &view{state: s}
	v.compile()
	var got []string
	for a, l := range v.book {
		got = append(got, fmt.Sprintf("%s %d %q %v %d %v", a, l.Kind, l.Name, l.Members, l.Who, l.Named))
	}
	for id, r := range v.standing {
		got = append(got, fmt.Sprintf("%s %v %v %v %v %v", id, r.Forward, r.Keep, r.LocalOnly, r.SendAs, r.Copies))
	}
	for name, d := range s.domains {
		got = append(got, fmt.Sprintf("%s %q %s %v", name, d.AliasOf, d.CatchAll, d.Copies))
	}
	slices.Sort(got)
	want := []string{
		`a1 [] false true [] [{{a3 bob@example.test} true false}]`,
		`a3 [{a0 X.Y@elsewhere.test}] true false [{a0 team@example.test}] []`,
		`b.test "example.test" a0 []`,
		`c.test "" a0 []`,
		`desk@example.test 3 "" [{a1 admin@example.test} {a3 bob@example.test}] 0 []`,
		`example.test "" a3 [{{a0 journal elsewhere.test} true true}]`,
		`info@example.test 2 "Front desk" [{a3 bob@example.test}] 0 []`,
		`team@example.test 4 "" [{a3 bob@example.test} {a0 x@elsewhere.test} {a0 desk@example.test}] 3 [{a1 admin@example.test}]`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("routing\n got %q\nwant %q", got, want)
	}
	if !slices.Contains(s.box.Domains, "c.test") || slices.Contains(s.box.Domains, "d.test") {
		t.Errorf("the domains are %v", s.box.Domains)
	}
	if err := s.circle(); err != nil {
		t.Error(err)
	}
}

// replayGolden applies a file of records.
func replayGolden(t *testing.T, s *state, file string) *state {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var k, version uint8
		if _, err := fmt.Sscan(line, &k, &version); err != nil {
			t.Fatalf("%.20q: %v", line, err)
		}
		_, payload, _ := strings.Cut(line, " ")
		_, payload, _ = strings.Cut(payload, " ")
		record, err := decodeRecord(kind(k), append([]byte{version}, payload...))
		if err != nil {
			t.Fatalf("%.40q: %v", line, err)
		}
		if s, _, err = s.apply(record); err != nil {
			t.Fatalf("%.40q: %v", line, err)
		}
		// What this version writes is what that one wrote.
		again, err := encodeRecord(record)
		if err != nil || string(again[1:]) != strings.TrimSuffix(payload, "\n") {
			t.Errorf("kind %d is now written as\n%s, was\n%s", k, again[1:], payload)
		}
	}
	return s
}
