package operator

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// unwell is errFound for a box that runs.
type unwell struct{}

func (unwell) Error() string        { return "something is to be looked at" }
func (unwell) Is(target error) bool { return target == errFound }

// health says how the mail on a running box is. Unlike check it reads nothing: it
// tells what the box has found by itself.
func health(ctx context.Context, t *task) error {
	if t.flags.box == "" {
		return fmt.Errorf("%w: --box is missing: it is a running box that is asked; check looks at a data directory", errUsage)
	}
	b, err := t.openBox()
	if err != nil {
		return err
	}
	defer func() { _ = b.close() }() // nothing is left to be done
	var answer struct {
		Findings []struct {
			What string `json:"what"`
			ToDo string `json:"what_to_do"`
		} `json:"findings"`
		Notes    []string  `json:"notes"`
		LastRead time.Time `json:"last_read"`
	}
	if err := b.do(ctx, http.MethodGet, "/api/health", nil, &answer); err != nil {
		return err
	}
	for _, f := range answer.Findings {
		t.say("problem:   %s", f.What)
		if f.ToDo != "" {
			t.say("→ %s", f.ToDo)
		}
	}
	for _, note := range answer.Notes {
		t.say("note:      %s", note)
	}
	if len(answer.Findings) > 0 {
		return unwell{}
	}
	if answer.LastRead.IsZero() {
		t.say("All is well, as far as has been read: all mail is read once a month, and that has not been done for the first time yet")
		return nil
	}
	t.say("All is well. All mail was last read on %s", answer.LastRead.UTC().Format("2 January 2006"))
	return nil
}
