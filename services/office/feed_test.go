package office

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/web"
)

// slowComputer takes a minute to write an update, and then says what became of it.
type slowComputer struct {
	web.Computer
	onTrial bool
	refuse  error
	end     web.Installing
	began   time.Time
}

func (c *slowComputer) Versions(context.Context) (web.Versions, error) {
	v := web.Versions{OnTrial: c.onTrial}
	if !c.began.IsZero() {
		now := web.Installing{State: "installing"}
		if time.Since(c.began) > time.Minute {
			now = c.end
		}
		v.Installing = &now
	}
	return v, nil
}

func (c *slowComputer) Install(_ context.Context, r io.Reader) error {
	if c.refuse != nil {
		return c.refuse
	}
	c.began = time.Now()
	_, err := io.Copy(io.Discard, r)
	return err
}

// TestInstaller: an update counts as installed when it is written, as refused when the
// machine says so, and is brought later while another one is on trial.
func TestInstaller(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		computer slowComputer
		well     bool
		refused  string
	}{
		"installed":       {slowComputer{end: web.Installing{State: "installed"}}, true, ""},
		"refused late":    {slowComputer{end: web.Installing{State: "refused", Problem: "No room."}}, false, "No room."},
		"refused at once": {slowComputer{refuse: &mail.RuleError{Text: "Not signed."}}, false, "Not signed."},
		"on trial":        {slowComputer{onTrial: true}, false, ""},
		"hangs":           {slowComputer{end: web.Installing{State: "installing"}}, false, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			err := installer{&test.computer}.install(t.Context(), strings.NewReader("x"))
			var refused *mail.RuleError
			errors.As(err, &refused)
			if (err == nil) != test.well || (refused != nil) != (test.refused != "") || refused != nil && refused.Text != test.refused {
				t.Errorf("%s: %v; want well %t, refused %q", name, err, test.well, test.refused)
			}
		})
	}
}
