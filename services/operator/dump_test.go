package operator

import (
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/journal"
)

// TestDescribeJoint: what a joint record says is told part by part, and its account
// is found in any of them.
func TestDescribeJoint(t *testing.T) {
	t.Parallel()
	payload := "\x02" + "\x09\x01\x01x" + "\x09\x02\x00"
	l := describe(journal.Found{Segment: 1, Offset: 64, Record: journal.Record{LSN: 3, Family: journal.FamilyJoint, Payload: []byte(payload)}})
	if got, want := l.text(), "joint [family 9 ] [family 9 ]"; !strings.HasSuffix(got, want) || l.Damage != "" {
		t.Errorf("text = %q; want it to end in %q", got, want)
	}
	l = describe(journal.Found{Record: journal.Record{LSN: 3, Family: journal.FamilyJoint, Payload: []byte("\x02\x09")}})
	if l.Damage == "" {
		t.Error("half a record passes for whole")
	}
}
