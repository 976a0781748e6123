package operator

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestSaid: what helps only in front of a page is not said on a terminal.
func TestSaid(t *testing.T) {
	t.Parallel()
	for _, test := range [][2]string{
		{"Put a larger disk in.", "No. Put a larger disk in."},
		{"Reload the page and choose again.", "No. List them again and choose from there."},
		{"Reload the page: somebody may have removed it.", "No. Somebody may have removed it."},
		{"", "No."},
	} {
		if got := said("No.", test[0]); got != test[1] {
			t.Errorf("said(%q) = %q; want %q", test[0], got, test[1])
		}
	}
}

// over is of somebody whose past is over.
type over struct{ deleted }

func (over) RestoreAsOf(context.Context, mail.AsOf, func(mail.Progress)) (mail.RestoredAsOf, error) {
	return mail.RestoredAsOf{}, mail.ErrGone
}

// TestAsOfTooEarly: a moment of which part has gone for good.
func TestAsOfTooEarly(t *testing.T) {
	t.Parallel()
	task := &task{Streams: Streams{Out: io.Discard, Err: io.Discard}, flags: values{asOf: "2026-01-02 03:04"}}
	err := task.restoreAsOf(t.Context(), over{}, 0)
	if err == nil || !strings.HasPrefix(err.Error(), "2026-01-02 03:04 is too long ago: ") || !strings.Contains(err.Error(), "boxctl undo list") {
		t.Errorf("restoreAsOf = %v; want it too long ago, and what can still be had", err)
	}
}
