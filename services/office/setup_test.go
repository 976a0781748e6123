package office

import (
	"errors"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestSetUpBegins: the machine is told before anything is committed, and when it says that it is too late, nothing is.
func TestSetUpBegins(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	asked := 0
	o.machine.begins = func() {
		asked++
		if o.isSetUp() {
			t.Error("the machine is told behind the commit: until then it may erase what is committed")
		}
	}
	o.machine.late = &mail.RuleError{Text: "too late"}
	if err := o.SetUpFromFile(t.Context(), document(t, 0)); !errors.Is(err, o.machine.late) || o.isSetUp() || o.machine.erased != 0 {
		t.Errorf("too late: %v, set up %v, erased %d; want the refusal and nothing else", err, o.isSetUp(), o.machine.erased)
	}
	o.machine.late = nil
	o.setUpNow(t, 0)
	if asked != 2 || !o.isSetUp() {
		t.Errorf("asked %d times, set up %v; want 2 and true", asked, o.isSetUp())
	}
	if err := o.SetUpFromFile(t.Context(), document(t, 0)); err != nil || asked != 2 {
		t.Errorf("a box that is set up: %v, asked %d times; want 2", err, asked)
	}
}
