package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxLogLines bounds what one call prints: as many as the box keeps, about.
const maxLogLines = 500_000

// boxLog prints the end of the box's log, or all of it.
func boxLog(ctx context.Context, t *task) error {
	values := url.Values{"q": {strings.Join(t.args, " ")}}
	return t.onBox(func(b *box) error {
		var lines []json.RawMessage // the newest first
		for len(lines) < maxLogLines {
			var page struct {
				Lines []json.RawMessage `json:"lines"`
				Next  string            `json:"next"`
			}
			if err := b.do(ctx, http.MethodGet, "/api/log?"+values.Encode(), nil, &page); err != nil {
				return err
			}
			lines = append(lines, page.Lines...)
			if page.Next == "" || len(lines) > 0 && !t.flags.all {
				break
			}
			values.Set("before", page.Next)
		}
		if len(lines) == 0 {
			t.say("The log has no such line")
		}
		for _, line := range slices.Backward(lines) {
			fmt.Fprintln(t.Out, shown(string(line)))
		}
		return nil
	})
}
