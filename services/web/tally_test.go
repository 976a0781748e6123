package web

import (
	"net/http"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/tally"
)

// servedTally is a month with weekends.
type servedTally struct{}

func (servedTally) Days(now time.Time, n int) (days []tally.Day) {
	for i := n - 1; i >= 0; i-- {
		at := now.AddDate(0, 0, -i)
		busy := int64(40 + at.YearDay()*17%60)
		if d := at.Weekday(); d == time.Saturday || d == time.Sunday {
			busy /= 8
		}
		days = append(days, tally.Day{Day: at.Format(time.DateOnly), Counts: map[tally.Kind]int64{
			tally.Received: busy * 3, tally.Sent: busy * 2, tally.Inside: busy, tally.Junk: busy / 5, tally.BytesIn: busy * 300_000, tally.BytesOut: busy * 180_000,
			tally.RefusedUnknown: busy / 3, tally.RefusedPolicy: busy / 6, tally.RefusedLater: busy / 9,
		}})
	}
	return days
}

func TestTally(t *testing.T) {
	t.Parallel()
	b := setUpBox(t, func(o *Options) { o.Tally = servedTally{} })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	for path, status := range map[string]int{"/api/tally": http.StatusOK, "/api/tally?days=400": http.StatusOK, "/api/tally?days=401": http.StatusBadRequest, "/api/tally?days=0": http.StatusBadRequest, "/api/tally?days=x": http.StatusBadRequest} {
		b.want(b.do("GET", path, ""), http.StatusUnauthorized, "")
		b.want(b.do("GET", path, "", alice...), http.StatusForbidden, "")
		field := ""
		if status != http.StatusOK {
			field = "days"
		}
		answer := b.want(b.do("GET", path, "", admin...), status, field)
		if days, _ := answer["days"].([]any); path == "/api/tally" && len(days) != 30 {
			t.Errorf("%d days, want 30", len(days))
		}
	}
}
