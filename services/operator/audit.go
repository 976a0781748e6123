package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"
)

// auditList says who changed what.
func auditList(ctx context.Context, t *task) error {
	values := url.Values{"q": {strings.Join(t.args, " ")}, "limit": {fmt.Sprint(listPage)}}
	return t.onBox(func(b *box) error {
		n := 0
		for {
			var answer struct {
				Changes []struct {
					Number uint64          `json:"number"`
					At     time.Time       `json:"at"`
					Who    string          `json:"who"`
					From   string          `json:"from"`
					What   string          `json:"what"`
					On     string          `json:"on"`
					Said   json.RawMessage `json:"said"`
				} `json:"changes"`
				Next uint64 `json:"next"`
			}
			if err := b.do(ctx, http.MethodGet, "/api/audit?"+values.Encode(), nil, &answer); err != nil {
				return err
			}
			table := tabwriter.NewWriter(t.Out, 0, 0, 2, ' ', 0)
			for _, c := range answer.Changes {
				verb, _, _ := strings.Cut(c.What, " ")
				fmt.Fprintf(table, "%s\t%s\t%s\t%s %s\t%s\n", c.At.Local().Format("2006-01-02 15:04:05"), shown(c.Who), shown(c.From), verb, shown(c.On), shown(string(c.Said)))
			}
			values.Set("before", fmt.Sprint(answer.Next))
			if err := table.Flush(); err != nil {
				return err
			}
			if n += len(answer.Changes); answer.Next == 0 {
				break
			}
		}
		if n == 0 {
			t.say("Nothing like that has been changed")
		}
		return nil
	})
}
