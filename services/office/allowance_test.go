package office

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestAllowance: who has sent as much as is allowed is turned away, also after a
// restart; the administrator reads of it in the inbox and in the health, and can
// allow more.
func TestAllowance(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	o := startOffice(t, data)
	o.setUpNow(t, 0)
	if err := o.directory.SetLimits(t.Context(), 0, mail.Limits{Messages: 2}); err != nil {
		t.Fatal(err)
	}
	send := func(want string) {
		t.Helper()
		err := o.submit(t, "alice@"+testDomain, "Subject: x\r\n\r\nhello\r\n")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("submit = %v; want %q", err, want)
		}
	}
	send("")
	send("")
	send("You have sent 2 messages within a day")
	eventually(t, "the administrator has a letter", func() bool {
		inbox := o.fetch(t, "admin")
		last := len(inbox) - 1
		return last == 0 && strings.Contains(inbox[last], "alice@"+testDomain+" has sent 2 messages within a day") && strings.Contains(inbox[last], "Auto-Submitted: auto-generated\r\n")
	})
	if err := o.stop(); err != nil {
		t.Fatal(err)
	}
	o = startOffice(t, data)
	send("You have sent 2 messages within a day")
	if list := o.findings(t.Context()); len(list) != 1 || !strings.Contains(list[0].What, "alice@"+testDomain) {
		t.Errorf("findings = %+v", list)
	}
	var out struct {
		Holds, Sent struct{ Messages, Recipients int }
	}
	o.api(t, "admin").do("PATCH", "/api/accounts/alice@"+testDomain+"/limits", map[string]any{"messages": 3}, &out)
	if got, want := fmt.Sprint(out), "{{3 300} {2 0}}"; got != want {
		t.Errorf("PATCH limits = %s; want %s", got, want)
	}
	send("")
}
