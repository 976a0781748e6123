package web

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

type ill struct{ h Health }

func (i ill) Health(context.Context) Health { return i.h }

// TestHealth: an administrator reads what is wrong and what to do, and nobody else.
func TestHealth(t *testing.T) {
	t.Parallel()
	var h Health
	b := setUpBox(t, func(o *Options) { o.Health = &ill{} })
	got := b.want(b.do("GET", "/api/health", "", b.as(admin)...), http.StatusOK, "")
	if got["ok"] != true || got["last_read"] != nil || len(list(got, "findings")) != 0 {
		t.Errorf("a box that is well says %v", got)
	}
	h = Health{Findings: []mail.Finding{{What: "It is broken.", ToDo: "Mend it."}}, LastRead: time.Unix(1_800_000_000, 0).UTC(), FreeBytes: 7}
	b = setUpBox(t, func(o *Options) { o.Health = ill{h} })
	b.want(b.do("GET", "/api/health", ""), http.StatusUnauthorized, "")
	b.want(b.do("GET", "/api/health", "", b.as(alice)...), http.StatusForbidden, "")
	got = b.want(b.do("GET", "/api/health", "", b.as(admin)...), http.StatusOK, "")
	if f := list(got, "findings"); got["ok"] != false || len(f) != 1 || f[0]["what"] != "It is broken." || f[0]["what_to_do"] != "Mend it." ||
		got["last_read"] != "2027-01-15T08:00:00Z" || got["free_bytes"] != 7.0 {
		t.Errorf("got %v", got)
	}
}
